"""Tries faults of every kind: ``python -m tests.faults [--minutes N] [--only KIND] [--seed N]``.

Prints how many were tried, held and lost, and of each loss how to repeat it: by its seed, and with
``--minutes 0``, which tries one of each kind.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.faults import composing, disks, files, folders, kills, services, signals, sweeps
from tests.faults.core import Kind, go

# The goals are those of a run of half an hour on two cores.
KINDS = {
    "kills": (kills.attempt, 50),
    "signals": (signals.attempt, 30),
    "disks": (disks.attempt, 20),
    "configurations": (composing.attempt, 2000),
    "files": (files.attempt, 200),
    "folders": (folders.attempt, 60),
    "wandb": (services.attempt, 4),
    "sweeps": (sweeps.attempt, 3),
}


def kinds(only: str | None = None) -> list[Kind]:
    """All kinds, or one of them, none tried yet."""
    return [Kind(name, *KINDS[name]) for name in KINDS if only in (None, name)]


def show(tried: Sequence[Kind], minutes: float) -> None:
    """Print the figures."""
    table = Table(title=f"faults, {minutes:.1f} minutes")
    for name in ("kind", "tried", "held", "lost"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind in tried:
        if kind.skipped is None:
            table.add_row(
                kind.name, str(kind.held + len(kind.lost)), str(kind.held), str(len(kind.lost))
            )
    Console().print(table)
    for kind in tried:
        if kind.skipped is not None:
            print(f"skipped: {kind.name}: {kind.skipped}")


def main() -> int:
    """Run the command line; returns 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30, help="none begins after these")
    parser.add_argument("--only", choices=KINDS, metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--seed", type=int, default=0, help="of the first try of each kind")
    options = parser.parse_args()
    tried = kinds(options.only)
    begin = time.monotonic()
    go(tried, options.seed, options.minutes, workers=len(os.sched_getaffinity(0)))
    show(tried, (time.monotonic() - begin) / 60)
    return int(any(kind.lost for kind in tried))


if __name__ == "__main__":
    sys.exit(main())
