"""The folder that a run leaves behind."""

import errno
import fcntl
import json
import math
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning.utilities import rank_zero_only

from sshml.errors import ConfigError, DiskError
from sshml.files.provenance import git_revision, machine, versions
from sshml.files.stored import (
    CONFIG,
    MANIFEST,
    METRICS,
    PART,
    RUN_FOLDER,
    check_own,
    read_manifest,
    relocated,
)
from sshml.networks.evaluation import EVALUATION

# What is written beside and renamed.
_WRITTEN = ("*.json", "*.yaml", "*.csv", "*.md", "*.html", "*.txt", "**/*.ckpt")
# Where the best network and the last epoch of a run are, and its final values.
_RESULTS = ("checkpoints/*.ckpt", METRICS, "transfer.json")
# Bytes; a run writes no more at a time.
_ROOM = 1 << 30
# Of a disk that is full, read-only or broken, wherever it is.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE}


@rank_zero_only
def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that no reader ever meets half of it, whatever ends the process.

    The old file stays until the new one is whole and on the disk. Of several processes one writes.

    Raises:
        OSError: if it cannot be written, or its folder is gone; the old file is still there.
    """
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def is_of_disk(error: Exception) -> bool:
    """Whether an error is that of a disk, such as a full one, and anything else would fail as well."""
    return isinstance(error, OSError) and error.errno in _DISK


@contextmanager
def disk_errors(folder: Path, way_out: Callable[[], str]) -> Iterator[None]:
    """Turns the failure to write a file into one line.

    Args:
        folder: of the run.
        way_out: what to do once the folder can be written to again.

    Raises:
        DiskError: in place of the ``OSError`` of a disk, or of a file in the folder.
    """
    try:
        yield
    except OSError as error:
        if not folder.is_dir():
            raise DiskError(
                f"{folder}: was moved or removed during the run; if it was moved, resume the run "
                "from its new place"
            ) from error
        path = str(error.filename or _full(error, folder)).removesuffix(PART)
        of_folder = error.filename is not None and path.startswith(str(folder))
        if not is_of_disk(error) and not of_folder:
            raise
        line = f"{path}: {error.strerror}; once it can be written to, {way_out()}"
        raise DiskError(line) from error


def _full(error: OSError, folder: Path) -> str:
    """Where a write failed that does not say where."""
    if error.errno == errno.ENOSPC and shutil.disk_usage(folder).free > _ROOM:
        return f"standard output, or a file in {tempfile.gettempdir()}"
    return str(folder)


def is_resumed(settings: Mapping[str, Any]) -> bool:
    """Whether a run continues in its own folder, and not in a new one from a checkpoint of another."""
    earlier = settings.get("ckpt_path") or settings.get("resume")
    folder = Path(settings["paths"]["run"])
    return earlier is not None and Path(earlier).resolve().is_relative_to(folder.resolve())


def check_unused(settings: Mapping[str, Any]) -> None:
    """Check that a run would not write over the results of another one, or outside its folder.

    Raises:
        ConfigError: if its folder has results, and is not the one that the run resumes; or if it is,
            and has links, through which a folder from a stranger may have files elsewhere changed.
    """
    folder = Path(settings["paths"]["run"])
    if is_resumed(settings):
        check_own(folder)
        return
    if (folder / MANIFEST).is_file() and any(any(folder.glob(name)) for name in _RESULTS):
        raise ConfigError(
            f"{folder}: holds the results of another run, which are never overwritten; choose "
            "another folder with hydra.run.dir=FOLDER, or resume that run with ckpt_path=CHECKPOINT "
            "(transfer.py: resume=FOLDER)"
        )
    # A run that was killed at its very beginning has left no more than these.
    foreign = {path.name for path in folder.glob("[!.]*")} - {CONFIG, CONFIG + PART, MANIFEST + PART}
    if foreign and not (folder / MANIFEST).is_file():
        raise ConfigError(
            f"{folder}: holds {min(foreign)}, which does not belong to a run and could be "
            "overwritten; choose another folder with hydra.run.dir=FOLDER"
        )


_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # in C, ten times as fast


class _Dumper(_SafeDumper):  # type: ignore[misc]
    """Writes YAML that OmegaConf reads back as it was."""


def _quoted_number(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """A string; quoted where OmegaConf, unlike YAML 1.1, would take it for a number, such as 1e3."""
    try:
        float(value)
    except ValueError:
        return dumper.represent_str(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'")


_Dumper.add_representer(str, _quoted_number)
_Dumper.ignore_aliases = lambda *_: True  # a list that two keys share is written out twice


def _portable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the run's folder: whoever composes them again gets a folder of his own."""
    run = settings["paths"]["run"]
    paths = {name: path for name, path in settings["paths"].items() if name != "run"}
    moved: dict[str, Any] = relocated({**settings, "paths": paths}, run, RUN_FOLDER)
    return moved


def _locked(folder: Path) -> int | None:
    """Lock a folder until its descriptor is closed or the process ends; None where that cannot be done.

    Raises:
        ConfigError: if another process has locked it.
    """
    if getattr(rank_zero_only, "rank", 0) != 0:  # the first of several processes writes
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigError(
            f"{folder}: another process is running there; wait for it to end, or choose another folder"
        ) from error
    except OSError:  # some file systems have no locks
        os.close(descriptor)
        return None
    return descriptor


class RunFolder:
    """Configuration, manifest, metrics, checkpoints and figures of one run.

    Args:
        path: the folder; made if it is not there.
        settings: the resolved configuration.
        overrides: what the command line changed of it.
        command: for the manifest; None for the one that was typed.

    Raises:
        ConfigError: if another process is running in the folder.
    """

    def __init__(
        self,
        path: str | Path,
        settings: Mapping[str, Any],
        overrides: Sequence[str],
        command: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.figures = self.path / "figures"
        self._start = time.monotonic()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.path)
        earlier = read_manifest(self.path) if (self.path / MANIFEST).exists() else {}
        if earlier:
            self._remove_parts()
        self._manifest: dict[str, Any] = {
            "status": "running",
            # As typed; sys.argv has a resumed run's settings too.
            "command": command or shlex.join(sys.orig_argv),
            "overrides": [o for o in overrides if not o.startswith(("ckpt_path=", "resume="))],
            "seed": settings["seed"],
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_time_s": None,
            "stopped_by": None,
            "precision": {"training": settings["trainer"]["precision"], "evaluation": EVALUATION},
            "git_revision": git_revision(),
            "versions": versions(),
            "machine": machine(),
            "earlier": [*earlier.pop("earlier", []), earlier] if earlier else [],
        }
        config = yaml.dump(_portable(settings), Dumper=_Dumper, sort_keys=False)
        write_atomically(self.path / CONFIG, config)
        write_atomically(self.path / MANIFEST, self._manifest_text())

    def _remove_parts(self) -> None:
        """Remove what an earlier process of this run was writing when it was killed."""
        for kind in _WRITTEN:
            for part in self.path.glob(kind + PART):
                part.unlink()

    def _manifest_text(self) -> str:
        return json.dumps(self._manifest, indent=2) + "\n"

    def finish(self, status: str, stopped_by: str | None = None) -> None:
        """Record how the run ended.

        Args:
            status: ``finished``, ``interrupted``, ``diverged``, ``pruned`` or ``failed``.
            stopped_by: what ended it: of :data:`sshml.training.endings.STOPPED_BY`, or ``signal``,
                ``divergence``, ``pruner`` or ``error``.
        """
        self._manifest["status"] = status
        self._manifest["stopped_by"] = stopped_by
        self._manifest["wall_time_s"] = round(time.monotonic() - self._start, 1)
        try:
            write_atomically(self.path / MANIFEST, self._manifest_text())
        except OSError:
            with suppress(OSError):  # a folder that is gone
                self._overwrite_manifest()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @rank_zero_only
    def _overwrite_manifest(self) -> None:
        """Write the manifest into the blocks that it has: a full disk has no others."""
        with (self.path / MANIFEST).open("r+b") as file:
            file.write(self._manifest_text().encode())
            file.truncate()

    def write_metrics(self, metrics: Mapping[str, float]) -> None:
        """Write the final values, ``metrics.json``; null for one that is not finite."""
        ordered = sorted(metrics.items(), key=lambda item: (item[0] != "best_epoch", item[0]))
        values = {name: value if math.isfinite(value) else None for name, value in ordered}
        write_atomically(self.path / METRICS, json.dumps(values, indent=2) + "\n")
