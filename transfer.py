"""Test a network at other disorder strengths: ``python transfer.py checkpoint=PATH data.W=0:1:0.1``."""

import sys
from typing import TYPE_CHECKING

from sshml.start import start, work_begins

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: "DictConfig") -> None:
    """Run one transfer study."""
    from sshml.cli import overrides, user_mistakes  # noqa: PLC0415
    from sshml.errors import IncompleteError  # noqa: PLC0415

    with user_mistakes():
        # torch and Lightning take seconds to import, which `--help` and a typo need not wait for.
        from sshml.config import TransferConfig, plain_config  # noqa: PLC0415
        from sshml.transfer.run import transfer  # noqa: PLC0415

        work_begins()
        settings = plain_config(config, TransferConfig)
        matrix = transfer(settings, overrides())
        if matrix.failed:
            raise IncompleteError(
                f"{len(matrix.failed)} cells failed; go on with: python transfer.py "
                f"resume={settings['paths']['run']}"
            )


if __name__ == "__main__":
    sys.exit(start(main, "transfer"))
