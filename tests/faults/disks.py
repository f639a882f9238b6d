"""Full disks, of runs or of temporary files; then there is room again, and the run is resumed."""

import contextlib
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.core import LostError, SkippedError
from tests.faults.kills import lost_checkpoint
from tests.faults.programs import Ended, start
from tests.faults.runs import (
    PLAIN,
    SMALL,
    finish,
    reference,
    require,
    run_folder,
    run_folders,
)
from tests.faults.trees import difference

_TRAINING = (
    PLAIN,
    (*SMALL, "logger=csv", "callbacks.maps.every_n_epochs=1"),
    (*SMALL, "logger=wandb", "callbacks.maps.every_n_epochs=1"),
    (*SMALL, "logger=tensorboard", "callbacks.maps.every_n_epochs=1"),
)
_STUDY = (*SMALL, "logger=csv", "trainer.max_epochs=2", "data.W=[0,0.5]")
_JOBS = 2
_SWEEPS = (
    ("-m", *PLAIN, "trainer.max_epochs=1", "seed=0,1"),
    ("sweep=search", *PLAIN, "trainer.max_epochs=1", f"hydra.sweeper.n_trials={_JOBS}"),
)
_ENOUGH = "64m"
# What an atomic writing of the manifest takes on a tmpfs.
_MANIFEST = 16_384


def attempt(rng: random.Random, folder: Path) -> None:
    """Run a training, a study or a sweep on a disk that is too small for it or nearly so."""
    with _disk(folder / "disk", _size(rng)) as disk:
        kind = rng.random()
        if kind < 0.2:
            _study(disk)
        elif kind < 0.4:
            _sweep(disk, rng.choice(_SWEEPS))
        else:
            _training(folder, disk, rng.choice(_TRAINING), of_runs=rng.random() < 0.8)


def _size(rng: random.Random) -> str:
    """From 16 kB to 1.5 MB; each doubling is as likely."""
    return f"{int(16 * (1500 / 16) ** rng.random())}k"


def _training(folder: Path, disk: Path, settings: tuple[str, ...], *, of_runs: bool) -> None:
    whole = reference("train.py", settings)
    place = disk if of_runs else folder / "place"
    place.mkdir(exist_ok=True)
    environment = {} if of_runs else {"TMPDIR": str(disk)}
    ended = start("train.py", *settings, folder=place, environment=environment).wait()
    _check_failure(ended, place)
    require(lost_checkpoint(place))
    _enlarge(disk)
    finish(place, settings)
    require(difference(whole.folder, run_folder(place)))


def _study(disk: Path) -> None:
    whole = reference("transfer.py", _STUDY)
    ended = start("transfer.py", *_STUDY, folder=disk).wait()
    _check_failure(ended, disk)
    _enlarge(disk)
    found = [path for path in run_folders(disk) if (path / "manifest.json").is_file()]
    arguments = (f"resume={found[-1]}",) if found else _STUDY
    require(start("transfer.py", *arguments, folder=disk).wait().fault(0))
    require(difference(whole.folder, run_folder(disk)))


def _sweep(disk: Path, command: tuple[str, ...]) -> None:
    ended = start("train.py", *command, folder=disk).wait()
    require(ended.fault(0, 1, 2))
    if ended.status and not ended.errors:
        raise LostError(f"exit status {ended.status} without an error line")
    _enlarge(disk)
    ended = start("train.py", *command, folder=disk).wait()
    require(ended.fault(0))
    if (done := len(list(disk.glob("runs/sweeps/*/*/metrics.json")))) < _JOBS:
        raise LostError(f"{done} of {_JOBS} jobs are done")


def _check_failure(ended: Ended, place: Path) -> None:
    """One line and a status; ``failed`` in the manifest where there was room for it."""
    require(ended.fault(0, 1, 2))
    if ended.status and not ended.errors:
        raise LostError(f"exit status {ended.status} without an error line")
    for path in place.glob("runs/*/*/manifest.json"):
        status = json.loads(path.read_text())["status"]
        if status != ("failed" if ended.status else "finished") and _free(place) > _MANIFEST:
            raise LostError(f"exit status {ended.status}, and the manifest says {status}")


def _free(place: Path) -> int:
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize


@contextlib.contextmanager
def _disk(place: Path, size: str) -> Iterator[Path]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SkippedError(f"no small disk can be made: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _enlarge(place: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,size={_ENOUGH}", str(place)], check=True)
