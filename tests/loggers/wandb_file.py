"""Reading the file that an offline run of Weights & Biases writes."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

_BLOCK = 32768  # a .wandb file is a LevelDB log: blocks of records, each checksum, length, type
# Seconds after which a file that nobody writes to is whole, whatever it lacks.
_AT_REST_S = 10.0


def records(path: Path) -> Iterator[Record]:
    data, position, parts = path.read_bytes(), 7, b""
    while position + 7 <= len(data):
        if _BLOCK - position % _BLOCK < 7:
            position += _BLOCK - position % _BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if position > len(data):
            return  # the last part is being written
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(parts)
            parts = b""


def written(path: Path) -> list[Record]:
    """The records of a file once W&B's process has written the last, which may be after it says so."""
    while True:
        found = list(records(path))
        at_rest = time.time() - path.stat().st_mtime > _AT_REST_S
        if at_rest or any(record.WhichOneof("record_type") == "exit" for record in found):
            return found
        time.sleep(0.1)


def of_kind(path: Path, kind: str) -> list[Any]:
    return [getattr(r, kind) for r in written(path) if r.WhichOneof("record_type") == kind]


def history(path: Path) -> list[dict[str, Any]]:
    return [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row.item}
        for row in of_kind(path, "history")
    ]


def exit_codes(path: Path) -> list[int]:
    return [record.exit_code for record in of_kind(path, "exit")]


def config(path: Path) -> dict[str, Any]:
    (run, *_) = of_kind(path, "run")
    return {item.key: json.loads(item.value_json) for item in run.config.update}
