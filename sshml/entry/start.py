"""The first and the last moment of a program: what is not installed, a closed pipe.

Only the standard library is imported here at first, as in :mod:`sshml.signals`.
"""

import errno
import io
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType

from sshml.errors import fail, how_to_install, is_of_the_user
from sshml.signals import ENDING, signals

# As a shell shows a program that nobody reads from any more.
_BROKEN_PIPE = 141


def start(main: Callable[..., object], name: str) -> int:
    """Run ``train.py`` or ``transfer.py``.

    Args:
        main: the program, which takes the composed configuration.
        name: of the program and its configuration.

    Returns:
        Exit status, see :func:`sshml.entry.cli.run`.
    """
    signals.install()
    _open_streams()
    # What cannot be built may still print a traceback when it is thrown away, half-built as it is.
    sys.unraisablehook = lambda _: None
    try:
        status = _checked(main, name)
        sys.stdout.flush()
    except BrokenPipeError:
        status = _BROKEN_PIPE
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.filename is not None or error.errno != errno.ENOSPC:
            status = _unexpected(error)
        else:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = _fail(f"standard output: {error.strerror}")
    except Exception as error:
        status = _unexpected(error)
    finally:
        for number in ENDING:  # nothing is left to interrupt but the exit
            signal.signal(number, signal.SIG_IGN)
    return status


def _checked(main: Callable[..., object], name: str) -> int:
    _draw_into_files()
    if problem := _problem():
        return _fail(problem)
    _find_own_modules()
    try:
        from sshml.entry.cli import run  # noqa: PLC0415  # may not be installed
    except ModuleNotFoundError as error:
        return _fail(how_to_install(error))
    except ImportError as error:  # as without the memory for a library
        return _fail(f"{error.name}: {error}")
    try:
        return run(main, name)
    except ModuleNotFoundError as error:
        return _fail(how_to_install(error))


def start_command(name: str) -> None:
    """Prepare ``python -m sshml.…``, which has nothing to save: signals end it at once.

    Args:
        name: of the module.
    """
    _open_streams()
    signals.install(pipe=name != "sshml.dashboard")  # whose connections may break
    sys.excepthook = _hook
    _draw_into_files()
    if problem := _problem():
        sys.exit(_fail(problem))
    _find_own_modules()


def _find_own_modules() -> None:
    """Look in the working directory too, as `python -m` does; last, so that it hides nothing."""
    if not sys.flags.safe_path:
        sys.path.append(os.getcwd())  # noqa: PTH109  # as below


def _open_streams() -> None:
    r"""A program whose output was closed (``>&-``) has none at all, which libraries do not expect.

    In an encoding that lacks a character, such as that of a path, it is written as ``\xf6``.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  # until the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _draw_into_files() -> None:
    """Need no window, nor whatever MPLBACKEND names; a character that the font lacks is a box."""
    os.environ["MPLBACKEND"] = "agg"
    warnings.filterwarnings("ignore", message=r"Glyph \d+ ")


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, ModuleNotFoundError):
        os._exit(_fail(how_to_install(error)))
    if isinstance(error, ImportError):  # as without the memory for a library
        os._exit(_fail(f"{error.name}: {error}"))
    if isinstance(error, BrokenPipeError):
        os._exit(_BROKEN_PIPE)
    if isinstance(error, OSError) and error.filename is not None:
        os._exit(_fail(f"{error.filename}: {error.strerror}"))
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        os._exit(_fail(f"standard output: {error.strerror}"))
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    status = _unexpected(error)
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(status)


def _unexpected(error: Exception) -> int:
    """Report what no line is made for; returns the exit status.

    What comes from code of the user's own keeps its traceback, which shows its author what is wrong.
    """
    if "operator torchvision::" in str(error):  # as in PyPI's beside a torch for CPUs only
        return _fail(
            "torchvision: is built for another version of torch; reinstall both from the same "
            "index: pip uninstall torch torchvision, then pip install torch torchvision"
        )
    whole = "".join(traceback.format_exception(error))
    if any(is_of_the_user(frame.filename) for frame in traceback.extract_tb(error.__traceback__)):
        with suppress(OSError):
            sys.stderr.write(whole)
        return 1
    report = "run the command again to see it"
    with suppress(OSError):
        descriptor, path = tempfile.mkstemp(prefix="sshml_", suffix=".txt")
        with os.fdopen(descriptor, "w", errors="backslashreplace") as file:
            file.write(whole)
        report = f"please report it with {path}"
    _fail(f"{type(error).__name__}: {error}; this is a bug in sshml, {report}")
    return 1


def _problem() -> str | None:
    """What keeps any program from starting."""
    try:
        folder = os.getcwd()  # noqa: PTH109  # pathlib takes longer to import
    except OSError:
        return "the working directory no longer exists; cd to one that does"
    for name in (folder, *sys.argv):
        try:
            name.encode()
        except UnicodeEncodeError:  # no file that a run writes could hold it
            return f"{name}: is not UTF-8; rename it"
    try:
        version("sshml")
    except PackageNotFoundError:
        return "sshml: not installed; run pip install -e . in the folder with its pyproject.toml"
    return None


def _fail(line: str) -> int:
    with suppress(OSError):
        fail(line)
        sys.stderr.flush()
    return 2
