"""Test a network at other disorder strengths: ``python transfer.py checkpoint=PATH data.W=0:1:0.1``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sshml.entry.start import start
from sshml.signals import work_begins

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: "DictConfig") -> None:
    """Run one transfer study."""
    from sshml.entry.cli import overrides, user_mistakes  # noqa: PLC0415
    from sshml.errors import IncompleteError  # noqa: PLC0415
    from sshml.terminal import loading  # noqa: PLC0415

    with user_mistakes():
        # They take seconds to import, which `--help` and a typo need not wait for.
        with loading("PyTorch and Lightning"):
            from sshml.config.schema import TransferConfig, plain_config  # noqa: PLC0415
            from sshml.entry.transfer import print_plan, transfer, way_on  # noqa: PLC0415
            from sshml.files.run_folder import disk_errors  # noqa: PLC0415

        work_begins()
        settings = plain_config(config, TransferConfig)
        if config.dry_run:
            print_plan(settings, overrides())
            return
        folder = Path(settings["paths"]["run"])
        with disk_errors(folder, lambda: way_on(folder, settings)):
            table = transfer(settings, overrides())
        if table.failed:
            number, reasons = len(table.failed), table.failed.values()
            diverged = all(reason.startswith("DivergedError") for reason in reasons)
            again = (
                "they would again; start a new study"
                if diverged
                else f"to try again, {way_on(folder, settings)}"
            )
            raise IncompleteError(
                f"{number} cell{'s' * (number > 1)} failed, for the reasons above; {again}"
            )


if __name__ == "__main__":
    sys.exit(start(main, "transfer"))
