"""What the jobs of a sweep are called, and which folder each has.

A job is its resolved configuration. Its name has a digest of that, so the same job has the same name in
every command. Its folder has a readable name, ``W=0.25,seed=1``, and keeps the job's name in a file.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf

from sshml.config.moved import FIRST_GROUPS, FIRST_PARTS
from sshml.entry.arguments import key_of
from sshml.files.stored import StoredError, read_text

# Where a run is stored, which loggers it has and what it draws do not change what it computes.
_NOT_OF_A_JOB = {"dry_run", "figures", "hydra", "logger", "paths", "trust"}
#: Stands for the run's folder, which some settings name, in what a job's name is made from.
PLACELESS = "run"
# In a job's folder, its name. Folders of versions that had no such file have the name themselves.
_NAME = ".job"
_NAME_BYTES = 200
# Characters of a folder's name; a file system allows 255, and of a path not many such folders.
_LONGEST = 120
_HASH = 8


def job_name(config: DictConfig) -> str:
    """Name of a job: its network and a digest of its resolved configuration.

    Args:
        config: as composed, with or without its ``hydra`` node.
    """
    node: Any = OmegaConf.to_container(config, resolve=False)
    own = {key: value for key, value in node.items() if key not in _NOT_OF_A_JOB}
    placeless = OmegaConf.create({**own, "paths": {"runs": "runs", "run": PLACELESS}})
    resolved: Any = OmegaConf.to_container(placeless, resolve=True)
    return name_of(resolved)


def name_of(settings: Mapping[str, Any]) -> str:
    """Name of the job with some resolved settings, whose run folder is :data:`PLACELESS`."""
    own = {key: value for key, value in settings.items() if key not in _NOT_OF_A_JOB}
    # Jobs of versions that had no others keep their names.
    own["data"] = {k: value for k, value in own["data"].items() if value != FIRST_PARTS.get(k, ...)}
    own = {key: value for key, value in own.items() if value != FIRST_GROUPS.get(key, ...)}
    digest = hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()
    model = str(settings["model"].get("_target_", "job")).rpartition(".")[2]
    return f"{model}_{digest[:12]}"


def job_in(folder: Path) -> str:
    """Name of the job that a folder is of."""
    with suppress(StoredError):
        return read_text(folder / _NAME, _NAME_BYTES).strip() or folder.name
    return folder.name


def make_folder(folder: Path, job: str) -> None:
    """Make the folder of a job, and write the name of the job into it."""
    folder.mkdir(exist_ok=True)
    if job_in(folder) != job:
        (folder / _NAME).write_text(f"{job}\n")


def short_keys(keys: Iterable[str], reserved: Sequence[str] = ()) -> dict[str, str]:
    """The last part of each key; all of a key whose last part another one has too. The seed comes last.

    Args:
        keys: as typed.
        reserved: what no key is to be called.

    Example:
        >>> short_keys(["seed", "data.W", "+model.a.p", "model.b.p"])
        {'data.W': 'W', '+model.a.p': 'model.a.p', 'model.b.p': 'model.b.p', 'seed': 'seed'}
    """
    in_order = sorted(keys, key=lambda key: key == "seed")
    whole = {key: key_of(key).replace("/", ".") for key in in_order}
    last = [key.rpartition(".")[2] for key in whole.values()]
    return {
        key: name if last.count(name) == 1 and name not in reserved else plain
        for (key, plain), name in zip(whole.items(), last, strict=True)
    }


def short_value(value: str) -> str:
    """A value as it stands in the name of a folder: short, and nothing that a shell would expand.

    Example:
        >>> [short_value(v) for v in ("0.30000000000000004", "1e-3", "[8,16]", "thesis/cnn_clean")]
        ['0.3', '0.001', '8+16', 'cnn_clean']
    """
    text = value.strip("'\"").rstrip("/").rpartition("/")[2]
    try:
        return text if re.fullmatch(r"-?\d+", text, re.ASCII) else f"{float(text):.6g}"
    except ValueError:
        return re.sub(r"[^\w.+-]+", "+", text.strip("[](){}'\""), flags=re.ASCII)


def subdir(name: str) -> str:
    """The override that gives a job a folder of this name."""
    return f"hydra.sweep.subdir={QuotedString(name, Quote.single).with_quotes()}"


def axes_text(axes: Mapping[str, str], separator: str) -> str:
    """The values of a job on the axes of its sweep, ``W=0.25,seed=1``."""
    return separator.join(f"{name}={short_value(axes[key])}" for key, name in short_keys(axes).items())


def folder_names(folder: Path, jobs: Mapping[str, str]) -> dict[str, str]:
    """Names of the folders that jobs have in the folder of their sweep, or will have.

    A job that has a folder keeps it, whatever it is called. A new name ends with a hash if it would be
    too long or that of another folder; without axes it is the name of the job.

    Args:
        folder: of the sweep.
        jobs: the names wanted for the folders, by the names of the jobs.
    """
    existing = {path.name: job_in(path) for path in sorted(folder.glob("*/"))}
    has = {job: name for name, job in existing.items()}
    has |= {job: wanted for job, wanted in jobs.items() if existing.get(wanted) == job}
    # Some file systems do not tell a from A.
    taken = {path.name.casefold() for path in folder.glob("*")}
    names = {}
    for job, wanted in jobs.items():
        names[job] = has.get(job) or _free(wanted, job, taken)
        taken.add(names[job].casefold())
    return names


def _free(wanted: str, job: str, taken: set[str]) -> str:
    if wanted and len(wanted) <= _LONGEST and wanted.casefold() not in taken:
        return wanted
    digest = job.rpartition("_")[2][:_HASH]
    return f"{wanted[:_LONGEST]}_{digest}" if wanted else job


def values_on(axes: Iterable[str], overrides: Sequence[str]) -> dict[str, str]:
    """The values of a job on the axes of its sweep, by their keys as typed."""
    parts = (override.partition("=") for override in overrides)
    typed = {key: value for key, _, value in parts}
    return {key: typed[key] for key in axes if key in typed}
