"""Comparing what two runs have left, file by file and bit by bit."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import torch
import yaml

# What differs between two runs of the same thing, or tells what became of one of them.
_OF_ONE_RUN = {
    "started", "wall_time_s", "earlier", "command", "ckpt_path", "resume", "train_seconds",
    "adapt_seconds",
}  # fmt: skip
# Files of libraries, which put times and process numbers into them and their names.
_OF_LIBRARIES = {"wandb", "tensorboard"}


def files(folder: Path) -> set[str]:
    """The paths of all files below a folder, but for those that libraries name."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if not _OF_LIBRARIES & set(path.parts)}


def difference(expected: Path, folder: Path) -> str | None:
    """In what a run differs from an uninterrupted one, file by file; None if it does not."""
    before, now = files(expected), files(folder)
    if before != now:
        return f"missing: {sorted(before - now)}, left over: {sorted(now - before)}"
    found = []
    for name in sorted(now):
        pair = _content(expected / name, expected), _content(folder / name, folder)
        if (where := _where(*pair)) is not None:
            found.append(f"{name} differs{where}")
    return "; ".join(found) or None


def newest_checkpoint_is_whole(path: Path) -> bool:
    """Whether a checkpoint can be read."""
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        return False
    return True


def _content(path: Path, folder: Path) -> Any:
    if path.suffix == ".ckpt":
        return _plain(torch.load(path, map_location="cpu", weights_only=True), folder)
    if path.suffix == ".json":
        return _plain(json.loads(path.read_text()), folder)
    if path.suffix == ".yaml":
        return _plain(yaml.safe_load(path.read_text()), folder)
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return _plain(list(csv.DictReader(file)), folder)
    return path.read_bytes()


def _plain(value: Any, folder: Path) -> Any:
    """A value with the bits of its tensors, and without the folder in its paths."""
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {
            _plain(key, folder): _plain(item, folder)
            for key, item in value.items()
            if key not in _OF_ONE_RUN
        }
    if isinstance(value, list | tuple):
        return [_plain(item, folder) for item in value]
    return value.replace(str(folder), "RUN") if isinstance(value, str) else value


def _where(expected: Any, value: Any) -> str | None:
    """Where two contents differ first, and how; None if they do not."""
    if isinstance(expected, dict) and isinstance(value, dict):
        for key in [*expected, *(key for key in value if key not in expected)]:
            if key not in value or key not in expected:
                return f" in {key}, which only one has"
            if (where := _where(expected[key], value[key])) is not None:
                return f" in {key}{where}"
        return None
    if isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        wheres = (_where(*pair) for pair in zip(expected, value, strict=True))
        return next((where for where in wheres if where is not None), None)
    return None if expected == value else f": {_short(expected)}, now {_short(value)}"


def _short(value: Any) -> str:
    return value if isinstance(value, str) and len(value) < 60 else repr(value)[:60]


def snapshot(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder."""
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[os.fspath(path.relative_to(folder))] = path.read_bytes()
    return found
