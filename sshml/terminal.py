"""What programs print while they work: lines, bars, times."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tqdm import tqdm


def say(line: str) -> None:
    """Print a line, above the bar if there is one. No work depends on who reads it."""
    with suppress(OSError):
        tqdm.write(line)
        sys.stdout.flush()


def say_interrupted(way_out: str) -> None:
    """Print how to go on after Ctrl-C, in the place of the ``^C`` that a terminal shows."""
    begin = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{begin}interrupted; {way_out}", file=sys.stderr)


def bar(total: int, what: str) -> "tqdm[Any]":
    """A bar of work with its rate and the time left; on a terminal only, and gone when it is closed.

    Args:
        total: how much there is.
        what: is done, in the plural.
    """
    return tqdm(
        total=total, unit=f" {what}", leave=False, disable=not sys.stdout.isatty(), file=sys.stdout,
        dynamic_ncols=True,
    )  # fmt: skip


def duration(seconds: float) -> str:
    """A time in words.

    Example:
        >>> duration(4.26), duration(78), duration(5400), duration(200_000)
        ('4.3 s', '78 s', '1 h 30 min', '56 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{seconds / 3600:.0f} h"


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Say on a terminal what takes seconds to import, and remove the line again."""
    if not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(f"loading {what} …\r")
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
