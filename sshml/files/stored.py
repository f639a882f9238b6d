"""Reading the files of a run folder.

They may be damaged or come from a stranger, so they are read as plain data, up to a limit, and checked
before anything uses them.
"""

import csv
import io
import json
import math
import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sshml.config.moved import of_this_version
from sshml.errors import ConfigError

MANIFEST = "manifest.json"
CONFIG = "config.yaml"
METRICS = "metrics.json"
EPOCHS = "metrics.csv"
#: What the name of a file ends with that is being written; it is renamed once it is whole.
PART = ".part"
#: Stands for the run's own folder in ``config.yaml``.
RUN_FOLDER = "${paths.run}"

# Of the files that a run writes.
_ENDINGS = (".json", ".yaml", ".csv", ".ckpt", ".png", ".html", ".md", ".txt")
# A manifest has some kB, the metrics of 10 000 epochs 2 MB, the rows of a large study 10 MB.
_MAX_BYTES = 64_000_000
# Metrics are of float32, and sums of squares of them are to be finite.
_LARGEST = 1e39
# The settings of a run have some kB; a MB of YAML takes seconds to parse.
_MAX_YAML_BYTES = 1_000_000
#: Mappings and lists within each other that a file may have.
MAX_DEPTH = 32
# The parser in C is ten times as fast; a PyYAML built without it has only the other.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StoredError(ConfigError):
    """A file of a run folder is missing, damaged or of another program; the message is one line."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    status: str
    wall_time_s: Annotated[float, Field(ge=0, lt=1e12)] | None = None


class _Manifest(_Part):
    command: str
    overrides: list[str]
    git_revision: str | None = None
    earlier: list[_Part] = []

    @field_validator("command")
    @classmethod
    def _is_of_a_shell(cls, command: str) -> str:
        shlex.split(command)  # which sshml.study does
        return command


def run_folder_of(path: str | Path) -> Path | None:
    """The run folder that a path is, or that ``RUN/checkpoints/NAME.ckpt`` lies in; else None."""
    try:
        if path == "":  # for pathlib the working directory
            return None
        if Path(path).is_dir():
            folders = [Path(path)]
        elif not os.path.lexists(path):
            return None
        else:  # a link to a checkpoint may lie anywhere
            folders = [Path(file).parent.parent for file in (path, os.path.realpath(path))]
        return next((folder for folder in folders if (folder / MANIFEST).is_file()), None)
    except (OSError, ValueError):  # no name of a file, such as one that is too long
        return None


def check_own(folder: Path) -> None:
    """Check that a run can write the files of its folder, and that nothing in it leads out of it.

    Raises:
        ConfigError: for the first link, or folder where a file is to be.
    """
    for place, folders, files in os.walk(folder):
        if "wandb" in folders:  # W&B has a link to its latest run
            folders.remove("wandb")
        for name in (*folders, *files):
            if (path := Path(place, name)).is_symlink():
                raise StoredError(
                    f"{path}: is a link, but a run writes only to its own folder; replace it by its "
                    "target"
                )
            if name in folders and path.name.removesuffix(PART).endswith(_ENDINGS):
                raise StoredError(f"{path}: is a folder in the place of a file; move it away")


def read_text(path: Path, limit: int = _MAX_BYTES) -> str:
    """The text of a file of at most so many bytes.

    Raises:
        StoredError: if it is missing, too large or not UTF-8.
    """
    try:
        if not path.is_file():
            what = "not a file; move it away" if path.exists() else "no such file; restore it"
            raise StoredError(f"{path}: {what}")
        if path.stat().st_size > limit:
            raise StoredError(
                f"{path}: larger than {limit // 1_000_000} MB, so it is not a file of a run"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StoredError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise StoredError(f"{path}: damaged, not text; restore it") from error


def read_json(path: Path) -> Any:
    """A JSON file; NaN and infinities, which JSON does not have, are refused.

    Raises:
        StoredError: if it is missing, too large, damaged or nested too deep.
    """
    return parsed_json(path, read_text(path))


def parsed_json(path: Path, text: str) -> Any:
    """As :func:`read_json`, of text that has been read from a file already."""
    try:
        return _plain(json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise StoredError(f"{path}: damaged, not valid JSON ({_reason(error)}); restore it") from error


def read_yaml(path: Path) -> Any:
    """A YAML file without aliases, tags or dates.

    Raises:
        StoredError: if it is missing, too large, damaged or nested too deep.
    """
    text = read_text(path, _MAX_YAML_BYTES)
    try:
        _check_events(text)
        return _plain(yaml.load(text, _Loader))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise StoredError(f"{path}: damaged, not valid YAML ({_reason(error)}); restore it") from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """``manifest.json`` of a run folder, with at least ``status``, ``command`` and ``overrides``.

    Raises:
        StoredError: if it is missing, damaged or not one of sshml.
    """
    path = folder / MANIFEST
    content = read_json(path)
    try:
        _Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise StoredError(
            f"{path}: not an sshml manifest ({where}: {first['msg'].lower()}); restore it"
        ) from error
    manifest: dict[str, Any] = content
    return manifest


def read_settings(folder: Path) -> dict[str, Any]:
    """``config.yaml`` of a run folder: the resolved settings, as if it had been run in this folder.

    Raises:
        StoredError: if it is missing, damaged or not one of sshml.
    """
    path = folder / CONFIG
    content = read_yaml(path)
    paths = content.get("paths") if isinstance(content, dict) else None
    # Before version 0.2 the file had the folder's path.
    before = paths.get("run", RUN_FOLDER) if isinstance(paths, dict) else None
    if not isinstance(before, str):
        raise StoredError(f"{path}: not the settings of an sshml run; restore it")
    settings: dict[str, Any] = relocated(of_this_version(content), before, str(folder))
    settings["paths"]["run"] = str(folder)
    return settings


def relocated(settings: Any, before: str, after: str) -> Any:
    """Settings with another run folder in every path that lies in the folder before."""
    if isinstance(settings, dict):
        return {key: relocated(value, before, after) for key, value in settings.items()}
    if isinstance(settings, list):
        return [relocated(value, before, after) for value in settings]
    if isinstance(settings, str) and (settings == before or settings.startswith(f"{before}/")):
        return after + settings.removeprefix(before)
    return settings


def read_metrics(folder: Path) -> dict[str, float]:
    """``metrics.json`` of a run folder; NaN for a value that was not finite.

    Older runs have ``epoch``, counted from 0, in the place of ``best_epoch``.

    Raises:
        StoredError: if it is missing, damaged or not one of sshml.
    """
    path = folder / METRICS
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("epoch"), int):
        content["best_epoch"] = content.pop("epoch") + 1
    if not (
        isinstance(content, dict)
        and isinstance(content.get("best_epoch"), int)
        and 0 < content["best_epoch"] < 2**31
        and all(value is None or _is_number(value) for value in content.values())
    ):
        raise StoredError(f"{path}: not the metrics of an sshml run; restore it")
    return {name: math.nan if value is None else float(value) for name, value in content.items()}


def read_epochs(folder: Path) -> list[dict[str, float]]:
    """``metrics.csv`` of a run folder: one row per epoch, without the cells that are empty.

    Epochs are counted from 1; older runs have counted them from 0.

    Raises:
        StoredError: if it is missing, damaged or not one of sshml.
    """
    path = folder / EPOCHS
    text = read_text(path)
    reader = csv.DictReader(io.StringIO(text))
    try:
        rows = [{name: float(value) for name, value in row.items() if value} for row in reader]
        if any(_LARGEST < abs(value) < math.inf for row in rows for value in row.values()):
            raise ValueError("an impossible number")
        if not text.endswith("\n"):
            raise ValueError("cut short")
        if not rows or [row["epoch"] for row in rows] != sorted({int(row["epoch"]) for row in rows}):
            raise ValueError("expected one row per epoch")
    except (ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        raise StoredError(
            f"{path}: damaged, or not the metrics of an sshml run ({_reason(error)}); restore it"
        ) from error
    shift = rows[0]["epoch"] == 0
    return [{**row, "epoch": row["epoch"] + shift} for row in rows]


def _check_events(text: str) -> None:
    """Refuse YAML that would break its reader, before anything is built of it.

    A few lines of aliases can stand for more than fits in memory, and the parser in C calls itself for
    every level, until the process breaks off.
    """
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has aliases")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        _check_depth(depth)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _reason(error: Exception) -> str:
    """What is wrong, in one line that shows nothing a terminal would act on."""
    return " ".join(str(error).split()).encode("unicode_escape").decode()[:200] or type(error).__name__


def _plain(value: Any, depth: int = 0) -> Any:
    """The value itself, if it is made of mappings by text, lists, text, numbers, booleans and None."""
    _check_depth(depth)
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} is not text")
            _plain(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _plain(item, depth + 1)
    elif not (value is None or isinstance(value, str | bool | int | float)):
        raise ValueError(f"{value!r} is not plain data")
    return value
