"""What Ctrl-C, SIGTERM and a closed terminal do, from a program's first line to its last.

Only the standard library is imported here, so that all of it holds before anything else is.
"""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

#: Exit status of a program that a signal has ended.
INTERRUPTED = 130
# Seconds in which further signals do not disturb a program that ends; then one ends it at once.
_PATIENCE = 10.0
#: Ctrl-C, a batch system's or a system's wish, a closed terminal.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """What Ctrl-C, SIGTERM and a closed terminal do, depending on how far the program is."""

    def __init__(self) -> None:
        self._installed = self._working = False
        self._first: float | None = None
        self.undo: Callable[[], None] = lambda: None

    def install(self, *, pipe: bool = True) -> None:
        """Take the signals over; with ``pipe`` a closed pipe ends the program, as it does others."""
        if os.environ.get("LOCAL_RANK", "0") != "0":  # of several processes the first ends the others
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return
        self._installed = True
        for number in ENDING:
            # A shell has its background jobs ignore SIGINT, and nohup SIGHUP.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self)
        if pipe:  # as other programs in `--help | head`
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def work(self) -> None:
        """From now on there is something to save: a signal raises KeyboardInterrupt, once."""
        self._working = True
        if self._installed:
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    @property
    def came(self) -> bool:
        """Whether a signal has come while there was something to save."""
        return self._first is not None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self._working:
            # An exception during an import may be turned into another one, or get lost.
            self.undo()
            os._exit(INTERRUPTED)
        if self._first is None:
            self._first = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - self._first > _PATIENCE:
            os._exit(INTERRUPTED)


#: Of this process.
signals = Signals()


def on_early_end(undo: Callable[[], None]) -> None:
    """Choose what is called if a signal ends the program before its work begins."""
    signals.undo = undo


def work_begins() -> None:
    """Let Ctrl-C and SIGTERM raise KeyboardInterrupt; before, they end a program at once.

    In a process of another program, such as a test or a notebook, nothing changes.
    """
    signals.work()


def end_if_interrupted() -> None:
    """Raise KeyboardInterrupt again, if that of a signal was lost in a library.

    An import, or the end of an object's life, may swallow any exception.
    """
    if signals.came:
        raise KeyboardInterrupt
