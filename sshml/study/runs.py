"""The runs in a folder: which there are, what they hold, and why others are left out."""

import csv
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml

from sshml.stored import MANIFEST

# A setting as it is compared: numbers as they are, everything else as text.
Value = float | str

# What a run folder has, of this program or of another.
_SIGNS = {"config.yaml", "metrics.csv", "metrics.json", "hparams.yaml", "checkpoints", ".hydra"}
# Of a run's own folders, and of this program; a run lies in none of them.
_CLOSED = {"checkpoints", "figures", "study", "tensorboard", "wandb"}
# What a path in the run's own folder begins with, so that it is the same for all runs.
_OWN = "RUN"
_CURVES = ("epoch", "val/loss", "val/accuracy")
_UNFINISHED = {
    "running": "still running, or killed",
    "interrupted": "interrupted",
    "failed": "failed",
}
# The same parser in C reads ten times as fast; a PyYAML built without it has only the other.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Run:
    """A finished run of train.py.

    Attributes:
        folder: of the run.
        manifest: ``manifest.json``.
        config: settings by their dotted keys.
        metrics: ``metrics.json``; NaN for what was not finite.
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
    """
    found = {path.resolve(): path for root in folders for path in _candidates(root)}
    runs, skipped = [], []
    for folder in found.values():
        try:
            runs.append(_read_run(folder))
        except _UnusableError as error:
            skipped.append(Skipped(folder, str(error)))
    return runs, skipped


def read_config(folder: Path) -> dict[str, Value]:
    """Settings of a run by their dotted keys; paths in its own folder begin with ``RUN``.

    Args:
        folder: of the run, finished or not.

    Raises:
        ValueError: if ``config.yaml`` is missing, cut short or not one of ``sshml``.
    """
    try:
        config = yaml.load((folder / "config.yaml").read_text(), _Loader)
    except OSError:
        raise ValueError("no config.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ValueError("config.yaml cannot be read: cut short, or not YAML") from None
    try:
        return dict(_flat(config, "", f"{config['paths']['run']}"))
    except (KeyError, TypeError, AttributeError):
        raise ValueError("config.yaml is not one of train.py, or cut short") from None


def _candidates(root: Path) -> Iterator[Path]:
    """Folders that are a run, look like one, or are empty, as that of a run that did not start."""
    runs: set[Path] = set()
    for name, folders, files in os.walk(root):
        path, content = Path(name), {*folders, *files}
        folders[:] = sorted(f for f in folders if f not in _CLOSED and not f.startswith("."))
        if MANIFEST in content:
            runs.add(path)
            yield path
        elif not runs.intersection(path.parents) and (_SIGNS.intersection(content) or not content):
            yield path


def _read_run(folder: Path) -> Run:
    if not (folder / MANIFEST).is_file():
        raise _UnusableError(f"no {MANIFEST}: not a run of train.py, or one that did not start")
    manifest = _json(folder / MANIFEST)
    status, recorded, overrides = (manifest.get(key) for key in ("status", "command", "overrides"))
    if not (isinstance(status, str) and isinstance(recorded, str) and isinstance(overrides, list)):
        raise _UnusableError(f"{MANIFEST} is not one of train.py")
    try:
        config = read_config(folder)
    except ValueError as error:
        raise _UnusableError(str(error)) from None
    if any(key.startswith("source.") for key in config):
        raise _UnusableError("a study of transfer.py; the networks it trained are runs of their own")
    if status != "finished":
        raise _UnusableError(_UNFINISHED.get(status, f"its status is {status}"))
    metrics = _json(folder / "metrics.json")
    numbers = all(value is None or isinstance(value, int | float) for value in metrics.values())
    if "epoch" not in metrics or not numbers:
        raise _UnusableError("metrics.json is not one of train.py")
    return Run(
        folder=folder,
        manifest=manifest,
        config=config,
        metrics={name: float("nan") if v is None else float(v) for name, v in metrics.items()},
        curves=_curves(folder / "metrics.csv"),
        command=_command(folder, recorded, overrides, str(config.get("ckpt_path", "null"))),
    )


def _command(folder: Path, recorded: str, overrides: Sequence[str], checkpoint: str) -> str:
    parts = [] if overrides else shlex.split(recorded)
    scripts = [PurePath(part).name for part in parts]
    if parts and "train.py" not in scripts:  # a part of another program's run
        start = scripts.index("transfer.py") if "transfer.py" in scripts else None
        return recorded if start is None else shlex.join(["python", *parts[start:]])
    begun_in = PurePath(checkpoint).parent.parent.parts  # the run's own folder if it was gone on with
    if checkpoint != "null" and begun_in not in ((_OWN,), folder.resolve().parts[-len(begun_in) :]):
        overrides = [*overrides, f"ckpt_path={checkpoint}"]
    return shlex.join(["python", "train.py", *overrides])


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except OSError:
        raise _UnusableError(f"no {path.name}") from None
    except ValueError:
        raise _UnusableError(f"{path.name} cannot be read: cut short, or not JSON") from None
    if not isinstance(content, dict):
        raise _UnusableError(f"{path.name} is not one of train.py")
    return content


def _curves(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        curves = [{name: float(row[name] or "nan") for name in _CURVES} for row in rows]
    except OSError:
        raise _UnusableError(f"no {path.name}") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        curves = []
    if not curves:
        raise _UnusableError(f"{path.name} cannot be read: cut short, or not one of train.py")
    return curves


def _flat(node: Mapping[str, Any], prefix: str, own: str) -> Iterator[tuple[str, Value]]:
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.", own)
        elif isinstance(value, str) and (value == own or value.startswith(f"{own}/")):
            yield key, _OWN + value.removeprefix(own)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield key, value
        else:  # true, null, [16,32] as YAML has them
            yield key, value if isinstance(value, str) else _text(value)


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)
