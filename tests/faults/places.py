"""Finished folders of every kind, copied for each try, and the programs that read them."""

import functools
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.faults.programs import start
from tests.faults.runs import PLAIN, require, run_folder

_lock = threading.Lock()
_MADE = tempfile.TemporaryDirectory(prefix="sshml_places_")
_STUDY = ("trainer.max_epochs=1", "data.W=[0,0.5]", "phase_diagram=5")
_SWEEP = ("-m", *PLAIN, "trainer.max_epochs=1", "seed=0,1", "hydra.sweep.dir=runs/sweeps/sweep")
# An epoch more than was done, so that a resumed run has something to do.
_RESUMED = "trainer.max_epochs=5"


@functools.cache
def _made() -> Path:
    """A working directory with a run, a study and a sweep of two jobs."""
    folder = Path(_MADE.name)
    require(start("train.py", *PLAIN, folder=folder).wait().fault(0))
    run_folder(folder).rename(folder / "runs" / "run")
    study = start("transfer.py", *PLAIN, *_STUDY, folder=folder).wait()
    require(study.fault(0))
    run_folder(folder).rename(folder / "runs" / "study")
    require(start("train.py", *_SWEEP, folder=folder).wait().fault(0))
    return folder


def copy(folder: Path) -> Path:
    """The same working directory below another folder.

    Returns:
        Its folder of runs, with ``run``, ``study`` and ``sweeps/sweep``.
    """
    with _lock:
        made = _made()
    shutil.copytree(made / "runs", folder / "runs")
    for path in folder.rglob("*"):
        if path.suffix in {".json", ".yaml"}:
            path.write_text(path.read_text().replace(str(made), str(folder)))
    return folder / "runs"


@dataclass(frozen=True)
class Reader:
    """A program that reads a folder.

    Attributes:
        program: for :func:`tests.faults.programs.start`.
        typed: the arguments of its command line, relative to the working directory; of those with a
            ``*``, all files that match.
        reads: the files that it reads, below the folder of runs.
        writes: whether it changes files that are there already.
    """

    program: str
    typed: tuple[str, ...]
    reads: tuple[str, ...]
    writes: bool = False

    def arguments(self, folder: Path) -> list[str]:
        """Of its command line, in a working directory."""
        found: list[str] = []
        for argument in self.typed:
            paths = sorted(folder.glob(argument)) if "*" in argument else []
            found += [str(path.relative_to(folder)) for path in paths] or [argument]
        return found

    def files(self, runs: Path) -> list[Path]:
        """What it reads of a folder of runs."""
        return sorted(
            {path for pattern in self.reads for path in runs.glob(pattern) if path.suffix in _KINDS}
        )


_KINDS = {".json", ".yaml", ".csv", ".ckpt"}
_BEST = "run/checkpoints/best.ckpt"
_LAST = "run/checkpoints/last.ckpt"
_SOURCE = "study/sources/W0_seed0"
_SOURCE_BEST = f"{_SOURCE}/checkpoints/best.ckpt"
_JOBS = "sweeps/sweep/*"
_SETTINGS = (
    "data.W=[0,0.5]",
    "data.n_test=20",
    "logger=csv",
    "figures=false",
    "trainer.accelerator=cpu",
)
_SCORED = ("--W", "0", "--chains", "20", "--out", "out")
READERS = (
    Reader(
        "train.py", (f"ckpt_path=runs/{_LAST}", _RESUMED),
        ("run/manifest.json", "run/metrics.csv", _LAST), writes=True,
    ),
    Reader(
        "transfer.py", (f"checkpoint=runs/{_BEST}", *_SETTINGS),
        (_BEST,),
    ),
    Reader(
        "transfer.py", (f"checkpoint=runs/{_SOURCE_BEST}", f"compare=runs/{_BEST}", *_SETTINGS),
        (_BEST, _SOURCE_BEST),
    ),
    Reader(
        "transfer.py", ("resume=runs/study",),
        ("study/*.json", "study/config.yaml", f"{_SOURCE}/*.json", _SOURCE_BEST), writes=True,
    ),
    Reader("sshml.study", ("runs", "--out", "out"), ("run/*.*", f"{_JOBS}/*.*", f"{_SOURCE}/*.*")),
    Reader("sshml.study", ("runs/study", "--out", "out"), (f"{_SOURCE}/*.*",)),
    Reader(
        "sshml.study", ("--compare", "runs/run", f"runs/{_SOURCE}"),
        ("run/config.yaml", "run/manifest.json"),
    ),
    Reader("sshml.explain", (f"runs/{_BEST}", *_SCORED), (_BEST,)),
    Reader(
        "sshml.uncertainty", (f"runs/{_JOBS}/checkpoints/best.ckpt", *_SCORED),
        (f"{_JOBS}/checkpoints/best.ckpt",),
    ),
    Reader("train.py", _SWEEP, (f"{_JOBS}/*.json", f"{_JOBS}/checkpoints/*"), writes=True),
)  # fmt: skip
