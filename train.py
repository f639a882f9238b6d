"""Train, test and explain a phase classifier: ``python train.py model=resnet18 data.W=0.5``."""

import math
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from sshml.cli import CONF_DIR, is_sweep, overrides, run, user_mistakes


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def main(config: DictConfig) -> float:
    """Run one training; returns the validation accuracy of the best checkpoint, for searches."""
    # torch and Lightning take seconds to import, which `--help` and a typo need not wait for.
    from sshml.config import plain_config  # noqa: PLC0415
    from sshml.run_folder import disk_errors  # noqa: PLC0415
    from sshml.sweep import finished_metrics, gone_on_with  # noqa: PLC0415
    from sshml.training import train, way_on  # noqa: PLC0415

    with user_mistakes():
        settings = plain_config(config)
        metrics = None
        if is_sweep():
            settings, metrics = gone_on_with(settings), finished_metrics(settings["paths"]["run"])
        folder = Path(settings["paths"]["run"])
        with disk_errors(folder, lambda: way_on(folder)):
            metrics = metrics or train(settings, overrides())
    accuracy = metrics["val/accuracy"]
    return accuracy if math.isfinite(accuracy) else 0.0


if __name__ == "__main__":
    sys.exit(run(main))
