"""The first and the last moment of a program: Ctrl-C, what is not installed, a closed pipe.

Only the standard library is imported here, so that all of it holds from the first line of a program on.
"""

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from types import FrameType, TracebackType

INTERRUPTED = 130
# As a shell shows a program that nobody reads from any more.
_BROKEN_PIPE = 141
# Seconds in which further signals do not disturb a program that ends; then one ends it at once.
_PATIENCE = 10.0
# Ctrl-C, a batch system's or a system's wish, a closed terminal.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Signals:
    """What Ctrl-C, SIGTERM and a closed terminal do, depending on how far the program is."""

    def __init__(self) -> None:
        self._installed = self._working = False
        self._first: float | None = None
        self.undo: Callable[[], None] = lambda: None

    def install(self, *, pipe: bool = True) -> None:
        if os.environ.get("LOCAL_RANK", "0") != "0":  # of several processes the first ends the others
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return
        self._installed = True
        for number in _ENDING:
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
        return self._first is not None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self._working:
            # An exception during an import may be turned into another one, or get lost.
            self.undo()
            os._exit(INTERRUPTED)
        if self._first is None:
            self._first = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - self._first > _PATIENCE:
            os._exit(INTERRUPTED)


_signals = _Signals()


def on_early_end(undo: Callable[[], None]) -> None:
    """Choose what is called if a signal ends the program before its work begins."""
    _signals.undo = undo


def work_begins() -> None:
    """Let Ctrl-C and SIGTERM raise KeyboardInterrupt; before, they end a program at once.

    In a process of another program, such as a test or a notebook, nothing changes.
    """
    _signals.work()


def end_if_interrupted() -> None:
    """Raise KeyboardInterrupt again, if that of a signal was lost in a library.

    An import, or the end of an object's life, may swallow any exception.
    """
    if _signals.came:
        raise KeyboardInterrupt


def start(main: Callable[..., object], name: str) -> int:
    """Run ``train.py`` or ``transfer.py``.

    Args:
        main: the program, which takes the composed configuration.
        name: of the program and its configuration.

    Returns:
        Exit status, see :func:`sshml.cli.run`.
    """
    _signals.install()
    _open_streams()
    # What cannot be built may still print a traceback when it is thrown away, half-built as it is.
    sys.unraisablehook = lambda _: None
    try:
        status = _checked(main, name)
        sys.stdout.flush()
    except BrokenPipeError:
        status = _BROKEN_PIPE
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # of standard output; any other is a line by now
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _fail(f"standard output: {error.strerror}")
    finally:
        for number in _ENDING:  # nothing is left to interrupt but the exit
            signal.signal(number, signal.SIG_IGN)
    return status


def _checked(main: Callable[..., object], name: str) -> int:
    _draw_into_files()
    if problem := _problem():
        return _fail(problem)
    try:
        from sshml.cli import run  # noqa: PLC0415  # may not be installed

        return run(main, name)
    except ModuleNotFoundError as error:
        return _fail(how_to_install(error))


def start_command(name: str) -> None:
    """Prepare ``python -m sshml.…``, which has nothing to save: signals end it at once.

    Args:
        name: of the module.
    """
    _open_streams()
    _signals.install(pipe=name != "sshml.dashboard")  # whose connections may break
    sys.excepthook = _hook
    _draw_into_files()
    if problem := _problem():
        sys.exit(_fail(problem))


def _open_streams() -> None:
    """A program whose output was closed (``>&-``) has none at all, which libraries do not expect."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  # until the end


def _draw_into_files() -> None:
    """Need no window, nor whatever MPLBACKEND names."""
    os.environ["MPLBACKEND"] = "agg"


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, ModuleNotFoundError):
        os._exit(_fail(how_to_install(error)))
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        os._exit(_fail(f"standard output: {error.strerror}"))
    sys.__excepthook__(kind, error, trace)


def _problem() -> str | None:
    """What keeps any program from starting."""
    try:
        os.getcwd()  # noqa: PTH109  # pathlib takes longer to import
    except OSError:
        return "the working directory no longer exists; cd to one that does"
    try:
        version("sshml")
    except PackageNotFoundError:
        return "sshml: not installed; run pip install -e . in the folder with its pyproject.toml"
    return None


def how_to_install(error: ModuleNotFoundError) -> str:
    """The line for a package that is missing."""
    return f"{str(error.name).split('.')[0]}: not installed; run pip install -e . again"


def _fail(line: str) -> int:
    with suppress(OSError):
        print(f"error: {line}", file=sys.stderr, flush=True)
    return 2
