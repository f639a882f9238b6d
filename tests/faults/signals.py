"""Ctrl-C and SIGTERM at random moments, also in the first second, and twice."""

import random
import signal
from pathlib import Path

from tests.faults.core import LostError
from tests.faults.kills import lost_checkpoint
from tests.faults.programs import Ended, Running, left_processes, start
from tests.faults.runs import PLAIN, SETTINGS, finish, reference, require, run_folders
from tests.faults.strike import Strike
from tests.faults.trees import difference

_INTERRUPTED = 130
# In the order in which train.py comes to them, from its first line on.
_IMPORTS = (
    "hydra", "omegaconf", "sshml.entry.cli", "sshml.config.hardware", "sshml.config.schema",
    "pydantic", "torch", "sshml.entry.sweep", "pytorch_lightning", "torchvision",
    "sshml.training.train", "matplotlib", "numba", "sshml.files.run_folder",
)  # fmt: skip


def attempt(rng: random.Random, folder: Path) -> None:
    """Interrupt one run; a sixth of them while Python starts again."""
    if rng.random() < 1 / 6:
        starting(rng, folder)
    else:
        running(rng, folder)


def running(rng: random.Random, folder: Path) -> None:
    """Interrupt a run during its work, then resume it to its end."""
    settings = rng.choice(SETTINGS)
    whole = reference("train.py", settings)
    if rng.random() < 0.5:
        strike = _signal(rng, {"after": rng.uniform(0.01, whole.seconds)})
    else:
        strike = _signal(rng, {"change": rng.randint(1, whole.changes)})
    program = start("train.py", *settings, folder=folder, strike=strike)
    _check_end(program, folder, (_INTERRUPTED, 0))
    require(lost_checkpoint(folder))
    finish(folder, settings)
    require(difference(whole.folder, run_folders(folder)[-1]))


def starting(rng: random.Random, folder: Path) -> None:
    """Interrupt a run while its modules are imported: nothing may be left."""
    strike = _signal(rng, {"imported": rng.choice(_IMPORTS), "delay": rng.choice((0.0, 0.2))})
    program = start("train.py", *PLAIN, folder=folder, strike=strike, fresh=True)
    _check_end(program, folder, (_INTERRUPTED,))
    if left := [path.name for path in folder.rglob("*") if path.is_file() or path.name == "runs"]:
        # A run that had begun keeps its folder, and its manifest says that it was interrupted.
        statuses = [path.read_text() for path in folder.rglob("manifest.json")]
        if not statuses or '"interrupted"' not in statuses[0]:
            raise LostError(f"left over: {left}")


def _signal(rng: random.Random, when: Strike) -> Strike:
    strike: Strike = {"signal": rng.choice((signal.SIGINT, signal.SIGTERM)), **when}
    if rng.random() < 0.5:
        strike["again"] = rng.choice((0.0005, rng.uniform(0, 0.3)))
    return strike


def _check_end(program: Running, folder: Path, statuses: tuple[int, ...]) -> Ended:
    ended = program.wait()
    require(ended.fault(*statuses))
    if left := left_processes(program, folder):
        raise LostError(f"still runs: {left}")
    return ended
