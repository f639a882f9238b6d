"""Train, test and explain a phase classifier: ``python train.py model=resnet18 data.W=0.5``."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sshml.entry.start import start
from sshml.signals import work_begins

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: "DictConfig") -> float | None:
    """Run one training.

    Returns:
        The validation accuracy of the best checkpoint, for searches; None if the search pruned it.
    """
    from sshml.config.programs import is_sweep  # noqa: PLC0415
    from sshml.entry.cli import overrides, user_mistakes  # noqa: PLC0415
    from sshml.terminal import loading  # noqa: PLC0415

    with user_mistakes():
        # They take seconds to import, which `--help` and a typo need not wait for.
        with loading("PyTorch and Lightning"):
            from sshml.config.schema import plain_config  # noqa: PLC0415
            from sshml.entry.sweep import finished_metrics, resumed_settings  # noqa: PLC0415
            from sshml.entry.sweepers.trials import pruning  # noqa: PLC0415
            from sshml.errors import PrunedError  # noqa: PLC0415
            from sshml.files.run_folder import disk_errors  # noqa: PLC0415
            from sshml.training.train import checked, train, way_on  # noqa: PLC0415

        work_begins()
        settings = plain_config(config)
        if config.dry_run:
            checked(settings)
            print("all settings fit together; nothing was run, since dry_run=true")
            return None
        metrics = is_pruned = None
        try:
            if is_sweep():
                settings, metrics = (
                    resumed_settings(settings),
                    finished_metrics(settings["paths"]["run"]),
                )
                is_pruned = pruning()
            folder = Path(settings["paths"]["run"])
            with disk_errors(folder, lambda: way_on(folder, settings)):
                metrics = metrics or train(settings, overrides(), is_pruned=is_pruned)
        except PrunedError as error:
            print(error, flush=True)
            return None
    accuracy = metrics["val/accuracy"]
    return accuracy if math.isfinite(accuracy) else 0.0


if __name__ == "__main__":
    sys.exit(start(main, "train"))
