"""Files that grow by some rows without being written again."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sshml.files.run_folder import write_atomically
from sshml.files.tables import csv_text

_END = "\n]\n"


def list_text(items: Iterable[Any]) -> str:
    """A JSON list as :func:`append_to_list` lets it grow: an item a line."""
    lines = ",\n".join(map(json.dumps, items))
    return f"[\n{lines}{_END}" if lines else "[]\n"


def whole_part(text: str) -> str:
    """A list of :func:`list_text` up to its last whole item, where a kill has cut the file short."""
    end = text.rfind(",\n")
    return text if text.rstrip().endswith("]") or end < 0 else text[:end] + _END


def append_to_list(path: Path, items: Sequence[Any]) -> None:
    """Add items to the end of a JSON list that :func:`list_text` has written, or begin one.

    Raises:
        OSError: if there is no room for them; the file is then as before.
    """
    if not path.exists() or path.stat().st_size < len("[\n" + _END):
        write_atomically(path, list_text(items))
        return
    _replace_end(path, _END, "," + list_text(items)[1:])


def append_to_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to a table of :func:`sshml.files.tables.csv_text` with the same columns, or begin one.

    Raises:
        OSError: as :func:`append_to_list`.
    """
    if not path.exists():
        write_atomically(path, csv_text(columns, rows))
        return
    _replace_end(path, "", csv_text(columns, rows).partition("\n")[2])


def _replace_end(path: Path, before: str, after: str) -> None:
    """Put other text in the place of the end of a file, which is as before where the disk is full."""
    with path.open("r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        start = size - len(before.encode())
        file.seek(start)
        try:
            rest = memoryview(after.encode())
            while rest:
                rest = rest[file.write(rest) :]
        except BaseException:
            file.seek(start)
            file.write(before.encode())
            file.truncate(size)
            raise
