"""What the commands of the package share, ``python -m sshml.…``."""

import argparse
from pathlib import Path
from typing import NoReturn

from sshml.errors import ConfigError


def make_folder(out: Path) -> None:
    """Make the folder that ``--out`` names.

    Raises:
        ConfigError: if that cannot be done.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out={out}: {error.strerror}; expected a folder to write to") from error


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--trust``: what checkpoints may name, which :mod:`sshml.trust` would refuse."""
    parser.add_argument(
        "--trust", action="append", default=[], metavar="PACKAGE",
        help="your own package, that a checkpoint may name; may be given several times",
    )  # fmt: skip


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, as all of them."""

    def error(self, message: str) -> NoReturn:
        """Leave with status 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")
