"""Train, test and explain a phase classifier: ``python train.py model=resnet18 data.W=0.5``."""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sshml.cli import CONF_DIR, run, user_mistakes


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="train")
def main(config: DictConfig) -> float:
    """Run one training; returns the validation accuracy of the best checkpoint, for sweeps."""
    # torch and Lightning take seconds to import, which `--help` and a typo need not wait for.
    from sshml.config import plain_config  # noqa: PLC0415
    from sshml.training import train  # noqa: PLC0415

    with user_mistakes():
        return train(plain_config(config), HydraConfig.get().overrides.task)["val/accuracy"]


if __name__ == "__main__":
    sys.exit(run(main))
