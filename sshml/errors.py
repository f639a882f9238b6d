"""How a user's mistake is told: one line with key, value, what is expected, and the way out."""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """A mistake in the configuration; the message is one line."""


class CheckpointError(ValueError):
    """A file that is no checkpoint of this package, or does not fit; the message is one line."""


class DivergedError(ArithmeticError):
    """A training whose loss is no longer finite; the message is one line."""


class IncompleteError(RuntimeError):
    """Some jobs of a sweep, or cells of a study, are not done; the message is one line."""


def printable(value: object, most: int = 200) -> str:
    """What a file holds, in short, without line breaks and whatever else a terminal would act on."""
    text = str(value)
    text = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: most + 1]
    )
    return text if len(text) <= most else f"{text[:most]}…"


def unknown_key(parent: str, name: str, known: Iterable[str], sign: str = ".") -> str:
    """What to say of a name that does not exist: which do, and which was probably meant.

    Args:
        parent: the key it was looked for in; empty at the top.
        name: what was asked for.
        known: the names there are.
        sign: between parent and name: ``.`` for a key, ``=`` for an option of a group.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    prefix = f"{parent}{sign}" if parent else ""
    meant = f"; did you mean {prefix}{close[0]}?" if close else ""
    what = "key" if sign == "." else "option"
    if not names:
        return f"no such {what}; {parent} has none"
    return f"no such {what}; expected one of {', '.join(names)}{meant}"
