"""Tables as files, and on the terminal."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from sshml.errors import shown

_FORMULA = ("=", "+", "-", "@")


def print_table(table: Table) -> None:
    """Print a table; in a file, or for another program, every row is one line."""
    sys.stdout.flush()
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


def csv_text(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV, whose cells no spreadsheet computes and no terminal acts on.

    Text that begins like a formula gets a ``'`` in front, control characters are escaped.

    Args:
        columns: names of the columns.
        rows: the cells by column; None for an empty one. Numbers stay what they are, as text too.
    """
    names = list(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, names))
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = shown(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
