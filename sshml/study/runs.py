"""The runs in a folder: which there are, what they hold, and why others are left out."""

import json
import math
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from sshml.config.moved import FIRST_GROUPS
from sshml.config.programs import command_of
from sshml.errors import ConfigError, shown
from sshml.files.stored import (
    CONFIG,
    EPOCHS,
    MANIFEST,
    METRICS,
    StoredError,
    read_epochs,
    read_manifest,
    read_metrics,
    read_settings,
)

# A setting as it is compared: numbers as they are, everything else as text.
Value = float | str

# What a run folder has, of this program or of another.
_SIGNS = {CONFIG, EPOCHS, METRICS, "hparams.yaml", "checkpoints", ".hydra"}
# Of a run's own folders, and of this program; a run lies in none of them.
_CLOSED = {"checkpoints", "figures", "study", "tensorboard", "wandb"}
# What a path in the run's own folder begins with, so that it is the same for all runs.
_OWN = "RUN"
_RESULTS = re.compile(r"(best_)?epoch|lr|(train|val|test)/.+")
# What stands for a program in a command: the script, or the word after ``sshml``.
_PROGRAMS = {"train.py": "train", "train": "train", "transfer.py": "transfer", "transfer": "transfer"}
_CURVES = ("epoch", "val/loss", "val/accuracy")
_UNFINISHED = {
    "running": "still running, or killed",
    "interrupted": "interrupted",
    "failed": "failed",
    "diverged": "diverged: its loss became infinite or NaN",
    "pruned": "pruned: its search stopped it early",
}
# Runs lie a few folders deep; a walk from / or through a hostile tree is to end.
_MAX_DEPTH = 32
_MAX_FOLDERS = 200_000
# Nothing that is set or measured is beyond, and larger ones do not fit on a scale.
_LARGEST = 1e100
_LARGEST_WHOLE = 2**63


@dataclass(frozen=True)
class Run:
    """A finished run of train.py.

    Attributes:
        folder: of the run.
        manifest: ``manifest.json``.
        config: settings by their dotted keys.
        metrics: the results in ``metrics.json``; NaN for what was not finite.
        curves: rows of ``metrics.csv``: epoch, validation loss and accuracy.
        command: the command line that does this run again.
    """

    folder: Path
    manifest: Mapping[str, Any]
    config: Mapping[str, Value]
    metrics: Mapping[str, float]
    curves: Sequence[Mapping[str, float]]
    command: str


@dataclass(frozen=True)
class Skipped:
    """A folder that is no finished run of train.py, and why not."""

    folder: Path
    reason: str


class _UnusableError(Exception):
    """Why a folder is skipped."""


def read_runs(folders: Sequence[Path]) -> tuple[list[Run], list[Skipped]]:
    """Read all runs in some folders and in those below.

    Args:
        folders: to look into; what lies in several of them is read once.

    Returns:
        The finished runs of train.py, and every other folder that might be meant to be one.

    Raises:
        ConfigError: for a folder with too many folders to look into.
    """
    skipped: list[Skipped] = []
    found = {os.path.realpath(path): path for root in folders for path in _candidates(root, skipped)}
    runs = []
    for folder in found.values():
        try:
            runs.append(_read_run(folder))
        except _UnusableError as error:
            skipped.append(Skipped(folder, shown(error)))
        except StoredError as error:
            skipped.append(Skipped(folder, _reason(folder, error)))
    return runs, skipped


def read_config(folder: Path) -> dict[str, Value]:
    """Settings of a run by their dotted keys; paths in its own folder begin with ``RUN``.

    Args:
        folder: of the run, finished or not.

    Raises:
        StoredError: if ``config.yaml`` is missing, damaged or not one of ``sshml``.
    """
    return dict(_flat({**FIRST_GROUPS, **read_settings(folder)}, "", str(folder)))


def _candidates(root: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """Folders that are a run, look like one, or are empty, as that of a run that did not start."""
    runs: set[Path] = set()

    def unreadable(error: OSError) -> None:
        skipped.append(Skipped(Path(error.filename), f"cannot be read: {error.strerror}"))

    for number, (name, folders, files) in enumerate(os.walk(root, onerror=unreadable)):
        if number == _MAX_FOLDERS:
            raise ConfigError(
                f"{root}: more than {number} folders; expected one with runs, such as runs"
            )
        path, content = Path(name), {*folders, *files}
        folders[:] = sorted(f for f in folders if f not in _CLOSED and not f.startswith("."))
        if len(path.parts) - len(root.parts) >= _MAX_DEPTH:
            folders.clear()
        if MANIFEST in content:
            runs.add(path)
            yield path
        elif not runs.intersection(path.parents) and (_SIGNS.intersection(content) or not content):
            yield path


def _read_run(folder: Path) -> Run:
    if not (folder / MANIFEST).exists():
        raise _UnusableError(f"no {MANIFEST}: not a run of train.py, or a run that did not start")
    manifest, config = read_manifest(folder), read_config(folder)
    if any(key.startswith("source.") for key in config):
        raise _UnusableError("a study of transfer.py; the networks it trained are separate runs")
    if manifest["status"] != "finished":
        raise _UnusableError(_UNFINISHED.get(manifest["status"], f"its status is {manifest['status']}"))
    if not isinstance(config.get("seed"), int):
        raise _UnusableError(f"{CONFIG}: not the settings of an sshml training; restore it")
    metrics = {shown(name): value for name, value in read_metrics(folder).items()}
    checkpoint = str(config.get("ckpt_path", "null"))
    return Run(
        folder=folder,
        manifest=manifest,
        config=config,
        metrics={name: value for name, value in metrics.items() if _RESULTS.fullmatch(name)},
        curves=[{name: row.get(name, math.nan) for name in _CURVES} for row in read_epochs(folder)],
        command=shown(_command(folder, manifest["command"], manifest["overrides"], checkpoint)),
    )


def _reason(folder: Path, error: StoredError) -> str:
    """What is wrong with a file, named within the folder."""
    return shown(str(error).removeprefix(f"{folder}/"))


def _command(folder: Path, recorded: str, overrides: Sequence[str], checkpoint: str) -> str:
    parts = [] if overrides else shlex.split(recorded)
    scripts = [PurePath(part).name for part in parts]
    program = next((i for i, script in enumerate(scripts) if script in _PROGRAMS), None)
    if parts and program is None:
        return recorded
    if program is not None and _PROGRAMS[scripts[program]] == "transfer":  # a part of its run
        return " ".join([command_of("transfer"), *map(shlex.quote, parts[program + 1 :])])
    begun_in = PurePath(checkpoint).parent.parent.parts  # the run's own folder if it was resumed
    if checkpoint != "null" and begun_in not in ((_OWN,), folder.resolve().parts[-len(begun_in) :]):
        overrides = [*overrides, f"ckpt_path={checkpoint}"]
    return " ".join([command_of("train"), *map(shlex.quote, overrides)])


def _flat(node: Mapping[str, Any], prefix: str, own: str) -> Iterator[tuple[str, Value]]:
    for name, value in node.items():
        key = f"{prefix}{shown(name)}"
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.", own)
        elif isinstance(value, str) and (value == own or value.startswith(f"{own}/")):
            yield key, _OWN + shown(value.removeprefix(own))
        elif _is_number(value):
            yield key, value
        else:  # true, null, [16,32] as YAML has them
            yield key, shown(value if isinstance(value, str) else _text(value))


def _is_number(value: object) -> bool:
    """Whether a value is one that a table and a scale can hold."""
    if isinstance(value, float):
        return abs(value) < _LARGEST
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_WHOLE


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
