"""How a user's mistake is reported: one line with key, value, what is expected, and the way out."""

import difflib
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeGuard

# Of a line, which shows the value that was given, whatever its length.
_LONGEST = 1000


class ConfigError(ValueError):
    """A mistake in the configuration; the message is one line."""


class CheckpointError(ValueError):
    """A file that is no checkpoint of this package, or does not fit; the message is one line."""


class UnfinishedError(RuntimeError):
    """Work that began and did not come to its end; the message is one line."""


class IncompleteError(UnfinishedError):
    """Some jobs of a sweep, or cells of a study, are not done."""


class DivergedError(UnfinishedError):
    """A training whose loss is no longer finite."""


class PrunedError(UnfinishedError):
    """A training that a search stopped early."""


class DiskError(UnfinishedError):
    """A file that could not be written, as on a full disk."""


def shown(value: object) -> str:
    """Text that may come from a file, without line breaks and whatever else a terminal would act on."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable(value: object, most: int = 200) -> str:
    """The same in short."""
    text = shown(str(value)[: most + 1])
    return text if len(text) <= most else f"{text[:most]}…"


def reason_of(error: BaseException) -> str:
    """What an error says, in one line; torch adds the calls of its C++ to some."""
    text = str(error).split("Exception raised from", maxsplit=1)[0]
    return " ".join(text.split()).rstrip(".!") or type(error).__name__


def pip_install(extra: str = "") -> str:
    """The command that installs the package, or an extra of it: as a wheel or as a clone."""
    from pathlib import Path  # noqa: PLC0415  # not needed where all is well

    # A wheel has the configuration files inside, a clone beside the package.
    is_wheel = (Path(__file__).parent / "conf").is_dir()
    name = "sshml" if is_wheel else "."
    return f"pip install {'' if is_wheel else '-e '}" + (f'"{name}[{extra}]"' if extra else name)


def how_to_install(error: ModuleNotFoundError) -> str:
    """The line for a package that is missing."""
    return f"{str(error.name).split('.')[0]}: not installed; run {pip_install()}"


def unknown_key(parent: str, name: str, known: Iterable[str], sign: str = ".") -> str:
    """What to say of a name that does not exist: which do, and which was probably meant.

    Args:
        parent: the key it was looked for in; empty at the top.
        name: what was asked for.
        known: the names there are.
        sign: between parent and name: ``.`` for a key, ``=`` for an option of a group.
    """
    names = sorted(known)
    same = [known for known in names if known.casefold() == name.casefold()]
    close = same or difflib.get_close_matches(name, names, n=1)
    prefix = f"{parent}{sign}" if parent else ""
    meant = f"; did you mean {prefix}{close[0]}?" if close else ""
    what = "key" if sign == "." else "option"
    if not names:
        return f"no such {what}; {parent} has none"
    return f"no such {what}; expected one of {', '.join(names)}{meant}"


def fail(text: str) -> int:
    """Print an error as one line without codes that a terminal would act on; returns exit status 2."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
    print(f"error: {line if len(line) <= _LONGEST else line[:_LONGEST] + ' …'}", file=sys.stderr)
    return 2


def _names_code(value: object) -> TypeGuard[Mapping[str, str]]:
    """Whether a setting is a node, which names a class or function."""
    return isinstance(value, Mapping) and isinstance(value.get("_target_"), str)


def _words(name: str, value: object) -> tuple[str, ...]:
    """What a reason that is about a setting may name."""
    if _names_code(value):
        return (name, value["_target_"].rpartition(".")[2])
    return (name, value) if isinstance(value, str) and len(value) > 2 else (name,)


def _given(key: str, value: object) -> str:
    """A setting, or what a node of settings names."""
    return f"{key}._target_={value['_target_']}" if _names_code(value) else f"{key}={value}"


def place_of(error: BaseException) -> str | None:
    """Where in the user's own code an error came up, file and line; None if it did elsewhere."""
    stack = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in stack if is_of_the_user(frame.filename)]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else None


def is_of_the_user(file: str) -> bool:
    """Whether code is neither of Python, nor of a library, nor of this package and its programs."""
    from pathlib import Path  # noqa: PLC0415  # not needed where all is well

    package = Path(__file__).resolve().parent
    programs = [package.parent / name for name in ("train.py", "transfer.py")]
    libraries = sysconfig.get_paths()
    of_python = [libraries[name] for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
    places: list[Path | str] = [package, *programs, *of_python]
    # Of what Cython has compiled there is no file.
    return Path(file).is_file() and not any(Path(file).is_relative_to(place) for place in places)


@contextmanager
def named(path: str, node: Mapping[str, Any]) -> Iterator[None]:
    """Turns what a constructor reports of its arguments into an error of their node.

    Args:
        path: of the node, such as ``optimizer``.
        node: its target and arguments.

    Raises:
        ConfigError: if the block raises.
    """
    try:
        yield
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # a custom class may raise anything
        what = reason_of(error)
        # What the reason does not name may be any of them, or the class itself.
        mentioned = {
            name: value
            for name, value in node.items()
            if any(re.search(rf"\b{re.escape(word)}\b", what) for word in _words(name, value))
        }
        if not mentioned and (place := place_of(error)):
            raise ConfigError(f"{path}: {type(error).__name__}: {what} ({place})") from error
        code = {name: value for name, value in node.items() if _names_code(value)}
        # A function of the user's own is likelier than what it was given.
        at_fault = {name: value for name, value in code.items() if name in mentioned}
        shown = at_fault or mentioned or code or node
        given = [_given(f"{path}.{name}", value) for name, value in shown.items()]
        way_out = f"change {'one of ' if len(given) > 1 else ''}{' '.join(given)}"
        raise ConfigError(f"{path}: {what}; {way_out}") from error


@contextmanager
def errors_of_parts(parts: Mapping[str, object]) -> Iterator[None]:
    """Turns what a part of Lightning's raises during a run into an error of its key.

    A part of the user's own keeps its traceback, which shows its author what is wrong.

    Args:
        parts: by their keys, such as ``callbacks.maps``.

    Raises:
        ConfigError: in place of an exception that came up in one of Lightning's parts or in torch's
            optimisers, or of what Lightning says of the trainer's arguments.
    """
    from lightning_fabric.utilities.exceptions import (  # noqa: PLC0415  # takes seconds
        MisconfigurationException,
    )

    try:
        yield
    except (ConfigError, CheckpointError, UnfinishedError, OSError):
        raise
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {reason_of(error)}") from error
    except Exception as error:
        what = f"{type(error).__name__}: {reason_of(error)}"
        stack = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        module = stack[-1].f_globals.get("__name__", "")
        if module.startswith("torch.optim"):  # where the user's own functions are not
            key = "scheduler" if module.endswith("lr_scheduler") else "optimizer"
            raise ConfigError(f"{key}: cannot be used in this run ({what}); change it") from error
        frames = [frame.f_locals.get("self") for frame in stack]
        for key, part in parts.items():
            if type(part).__module__.startswith("pytorch_lightning.") and any(
                part is owner for owner in frames
            ):
                raise ConfigError(
                    f"{key}: {type(part).__name__} cannot be used in this run ({what}); omit it"
                ) from error
        raise
