"""SIGKILL at random moments and at changes of files; then the run is resumed to its end."""

import csv
import random
import signal
from pathlib import Path

from tests.faults.core import LostError
from tests.faults.programs import start
from tests.faults.runs import SETTINGS, Reference, finish, reference, require, resumed, run_folders
from tests.faults.strike import Strike
from tests.faults.trees import difference, newest_checkpoint_is_whole

_KILLED = -signal.SIGKILL


def attempt(rng: random.Random, folder: Path) -> None:
    """Kill one run, and perhaps those that resume it."""
    settings = rng.choice(SETTINGS)
    whole = reference("train.py", settings)
    for _ in range(rng.choice((1, 1, 2, 3))):
        strike = _strike(rng, whole)
        ended = start("train.py", *resumed(folder, settings), folder=folder, strike=strike).wait()
        if ended.status != _KILLED:
            require(ended.fault(0))
        require(lost_checkpoint(folder))
    finish(folder, settings)
    require(difference(whole.folder, run_folders(folder)[-1]))


def _strike(rng: random.Random, whole: Reference) -> Strike:
    if rng.random() < 0.5:
        return {"signal": signal.SIGKILL, "after": rng.uniform(0, whole.seconds)}
    delay = rng.choice((0.0, rng.uniform(0, 0.002)))
    return {"signal": signal.SIGKILL, "change": rng.randint(1, whole.changes), "delay": delay}


def lost_checkpoint(folder: Path) -> str | None:
    """What is wrong with the checkpoints that the newest run has; None if nothing is."""
    found = run_folders(folder)
    if not found:
        return None
    for path in found[-1].glob("checkpoints/*.ckpt"):
        if not newest_checkpoint_is_whole(path):
            return f"{path.name} is cut short"
    last = found[-1] / "checkpoints" / "last.ckpt"
    if epochs(found[-1]) > 1 and not last.is_file():
        return f"{epochs(found[-1])} epochs were done, and there is no last.ckpt"
    return None


def epochs(run: Path) -> int:
    """How many epochs ``metrics.csv`` has."""
    path = run / "metrics.csv"
    if not path.is_file():
        return 0
    with path.open() as file:
        try:
            return sum(1 for row in csv.DictReader(file) if row.get("train/loss"))
        except csv.Error as error:
            raise LostError(f"metrics.csv: {error}") from error
