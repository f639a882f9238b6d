"""What the commands of the package share, ``python -m sshml.…``."""

import argparse
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import matplotlib

from sshml.errors import ConfigError
from sshml.files.stored import run_folder_of


def results_folder(out: Path | None, checkpoint: str, name: str, files: Iterable[str]) -> Path:
    """Make a folder for results, in which none are overwritten.

    Args:
        out: from ``--out``; None for a new one, ``RUN/NAME/TIME``, beside the checkpoint.
        checkpoint: that the results are about.
        name: of the command.
        files: that are to be written.

    Raises:
        ConfigError: if it has results already, or cannot be made.
    """
    beside = run_folder_of(checkpoint) or Path(checkpoint).parent
    folder = out or beside / name / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    if out is None and folder.parent.is_symlink():  # the run may come from a stranger
        raise ConfigError(f"{folder.parent}: is a link; choose another folder with --out=FOLDER")
    try:
        folder.mkdir(parents=True, exist_ok=out is not None)
        earlier = [file for file in files if os.path.lexists(folder / file)]
    except OSError as error:
        raise ConfigError(f"--out={folder}: {error.strerror}; expected a folder to write to") from error
    if earlier:
        raise ConfigError(
            f"--out={folder}: {earlier[0]} already exists and is not overwritten; expected a new folder"
        )
    return folder


@contextmanager
def results_errors(folder: Path) -> Iterator[None]:
    """Turns the failure to write results, as on a full disk, into one line.

    Pictures look the same whatever the user's ``matplotlibrc``.

    Raises:
        ConfigError: in place of the ``OSError``.
    """
    matplotlib.rcdefaults()
    try:
        yield
    except OSError as error:
        raise ConfigError(f"--out={folder}: {error.strerror}; expected a folder to write to") from error


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--trust``: what checkpoints may name beside :mod:`sshml.config.trust`."""
    parser.add_argument(
        "--trust", action="append", default=[], metavar="PACKAGE",
        help="your own package, whose classes a checkpoint may use; repeat for several",
    )  # fmt: skip


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, as all of them."""

    def error(self, message: str) -> NoReturn:
        """Leave with status 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")
