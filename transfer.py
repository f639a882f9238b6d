"""Test a network at other disorder strengths: ``python transfer.py checkpoint=PATH data.W=0:1:0.1``."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from sshml.cli import CONF_DIR, overrides, run, user_mistakes
from sshml.errors import IncompleteError


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="transfer")
def main(config: DictConfig) -> None:
    """Run one transfer study."""
    # torch and Lightning take seconds to import, which `--help` and a typo need not wait for.
    from sshml.config import TransferConfig, plain_config  # noqa: PLC0415
    from sshml.run_folder import disk_errors  # noqa: PLC0415
    from sshml.transfer.run import transfer, way_on  # noqa: PLC0415

    with user_mistakes():
        settings = plain_config(config, TransferConfig)
        folder = Path(settings["paths"]["run"])
        with disk_errors(folder, lambda: way_on(folder)):
            matrix = transfer(settings, overrides())
        if matrix.failed:
            raise IncompleteError(f"{len(matrix.failed)} cells failed; {way_on(folder)}")


if __name__ == "__main__":
    sys.exit(run(main, "transfer"))
