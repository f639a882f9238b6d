"""Sends a signal to the process it is in: at a moment, at a change of a file, or at an import."""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

_CHANGES = {"os.rename", "os.remove", "os.mkdir"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Strike(TypedDict, total=False):
    """When which signal comes; exactly one of ``after``, ``change`` and ``imported``.

    Attributes:
        signal: its number.
        after: seconds since the start.
        change: which opening for writing, renaming, removing or making of a folder or file below the
            working directory, counted from 1; the signal comes before it takes place.
        imported: name of a module that is about to be imported.
        delay: seconds by which the signal comes later, into what was about to take place.
        again: seconds after which it comes a second time.
        count: file that gets the number of changes at the end.
    """

    signal: int
    after: float
    change: int
    imported: str
    delay: float
    again: float
    count: str


def install(strike: Strike) -> None:
    """Prepare a strike in this process."""
    if "count" in strike:
        changes = _on_audit(strike, lambda: None)
        path = Path(strike["count"])
        atexit.register(lambda: path.write_text(str(changes())))
    elif "after" in strike:
        _later(strike["after"], lambda: _hit(strike))
    else:
        _on_audit(strike, lambda: _later(strike.get("delay", 0.0), lambda: _hit(strike)))


def _on_audit(strike: Strike, hit: Callable[[], None]) -> Callable[[], int]:
    folder = str(Path.cwd())
    changes = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal changes
        if event == "import":
            if arguments[0] == strike.get("imported"):
                hit()
        elif _is_change(event, arguments, folder):
            changes += 1
            if changes == strike.get("change"):
                hit()

    sys.addaudithook(hook)
    return lambda: changes


def _is_change(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    writing = event in _CHANGES or (event == "open" and bool((arguments[2] or 0) & _WRITING))
    path = arguments[0] if writing else None
    return isinstance(path, str) and os.path.abspath(path).startswith(folder)  # noqa: PTH100


def _later(seconds: float, call: Callable[[], None]) -> None:
    if not seconds:
        call()
        return

    def wait() -> None:
        time.sleep(seconds)
        call()

    threading.Thread(target=wait, daemon=True).start()


def _hit(strike: Strike) -> None:
    if strike["signal"] == signal.SIGKILL:
        os.kill(os.getpid(), signal.SIGKILL)
    # To the main thread, as the system does with a signal for the process.
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, strike["signal"])
    if "again" in strike:
        _later(strike["again"], lambda: signal.pthread_kill(main, strike["signal"]))
