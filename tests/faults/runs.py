"""Small trainings and studies, and what they leave if nothing happens to them."""

import functools
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.faults.core import LostError
from tests.faults.programs import Ended, start

# Small, but with right and wrong answers, several batches and a last partial one.
SMALL = (
    "data.n_cells=8",
    "data.n_train=50",
    "data.n_val=20",
    "data.n_test=20",
    "data.batch_size=20",
    "trainer.max_epochs=4",
    "model.widths=[4,4]",
    "model.pool_after=[1]",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "callbacks.maps.examples=1",
)
CSV = (*SMALL, "logger=csv")
PLAIN = (*CSV, "figures=false")
# What a run can lose: weights, momentum, the schedule, random numbers, pictures.
SETTINGS = (
    PLAIN,
    (*PLAIN, "model.dropout=0.5", "data.resample=epoch", "scheduler=cosine"),
    (*PLAIN, "scheduler=one_cycle", "optimizer.lr=0.5", "seed=3"),
    (*PLAIN, "callbacks=early_stopping", "data.W=[0.5,3]", "optimizer=adamw"),
    (*CSV, "callbacks.maps.every_n_epochs=2"),
)


@dataclass(frozen=True)
class Reference:
    """An uninterrupted run.

    Attributes:
        folder: its run folder.
        changes: how many files it opened, renamed, removed or made.
        seconds: how long it took.
    """

    folder: Path
    changes: int
    seconds: float


_references = tempfile.TemporaryDirectory(prefix="sshml_references_")
_lock = threading.Lock()


def reference(program: str, settings: tuple[str, ...]) -> Reference:
    """What a run leaves if nothing happens to it; done once."""
    with _lock:
        return _reference(program, settings)


@functools.cache
def _reference(program: str, settings: tuple[str, ...]) -> Reference:
    folder = Path(tempfile.mkdtemp(dir=_references.name))
    count = folder.with_suffix(".count")
    ended = start(program, *settings, folder=folder, strike={"count": str(count)}).wait()
    require(ended.fault(0))
    return Reference(run_folder(folder), int(count.read_text()), ended.seconds)


def run_folder(folder: Path) -> Path:
    """The newest run folder of a working directory.

    Raises:
        LostError: if there is none.
    """
    if not (found := run_folders(folder)):
        raise LostError("there is no run folder")
    return found[-1]


def run_folders(folder: Path) -> list[Path]:
    """The run folders of a working directory, the newest last."""
    return sorted(path for path in folder.glob("runs/2*/*") if path.is_dir())


def require(fault: str | None) -> None:
    """Raise LostError if something is wrong."""
    if fault is not None:
        raise LostError(fault)


def resumed(folder: Path, settings: tuple[str, ...]) -> tuple[str, ...]:
    """What a user types to resume the newest run of a working directory, or to begin again."""
    found = run_folders(folder)
    last = found[-1] / "checkpoints" / "last.ckpt" if found else None
    return (f"ckpt_path={last}",) if last and last.is_file() else settings


def finish(folder: Path, settings: tuple[str, ...]) -> Ended:
    """Run train.py, or resume it, to its end.

    Raises:
        LostError: if that fails.
    """
    ended = start("train.py", *resumed(folder, settings), folder=folder).wait()
    require(ended.fault(0))
    return ended
