"""Sweeps with failing jobs, whose parent is killed; the same command then does what is missing."""

import json
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.faults.core import LostError
from tests.faults.programs import Ended, Running, left_processes, start
from tests.faults.runs import PLAIN, require

_JOBS = 20
# Of these numbers one is even, and the job with it fails: 5 %.
_NUMBERS = [*range(1, 2 * _JOBS - 1, 2), 2]
_FAILING = "+callbacks.own._target_=failing.FailsIfEven"
_JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
# What jobs may still do when their parent is gone.
_PATIENCE_S = 60.0
_KEPT = ("metrics.json", "metrics.csv", "config.yaml", "checkpoints/last.ckpt")


def attempt(rng: random.Random, folder: Path) -> None:
    """Kill a sweep at a random moment, then run its command to the end; one in four in processes."""
    jobs = [*rng.sample(_NUMBERS[:-1], _JOBS - 1), 2]
    rng.shuffle(jobs)
    in_processes = rng.random() < 0.25
    jobs = jobs if not in_processes else jobs[:4] + [2] * (2 not in jobs[:4])
    command = ("-m", *PLAIN, "trainer.max_epochs=1", _FAILING, f"+callbacks.own.number={_list(jobs)}")
    command += _JOBLIB if in_processes else ()
    program = start("train.py", *command, folder=folder, fresh=in_processes)
    _kill(program, folder, after=rng.randrange(1, len(jobs)))
    _wait_for_jobs(program, folder)
    before = _finished(folder)
    ended = _again(command, folder, fresh=in_processes)
    _check(ended, folder, len(jobs), before)
    after = _finished(folder)
    ended = _again(command, folder, fresh=in_processes)
    if f"{len(jobs)} jobs, 1 of them to do" not in ended.out:
        raise LostError("done jobs were done again")
    _check(ended, folder, len(jobs), after)


def _list(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def _kill(program: Running, folder: Path, after: int) -> None:
    """Kill the parent when so many jobs have begun."""
    pid, deadline = program.pid, time.monotonic() + 180
    while len(list(folder.glob("runs/sweeps/*/*/manifest.json"))) < after:
        if program.ended() or time.monotonic() > deadline:
            raise LostError(f"the sweep did not begin its job {after}: {program.wait(1).err[-200:]}")
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    program.wait()


def _wait_for_jobs(program: Running, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while left := left_processes(program, folder):
        if time.monotonic() > deadline:
            for process in left:
                process.kill()
            raise LostError(f"{len(left)} processes outlive their parent, such as {left[0].name()}")
        time.sleep(0.1)


def _again(command: tuple[str, ...], folder: Path, *, fresh: bool) -> Ended:
    ended = start("train.py", *command, folder=folder, fresh=fresh).wait(600)
    require(ended.fault(1))
    return ended


def _finished(folder: Path) -> dict[Path, bytes]:
    """The files of jobs that are done."""
    return {
        run / name: (run / name).read_bytes()
        for run in folder.glob("runs/sweeps/*/*")
        if _status(run) == "finished"
        for name in _KEPT
    }


def _status(run: Path) -> str | None:
    path = run / "manifest.json"
    manifest = json.loads(path.read_text()) if path.is_file() else {}
    # A job is done when the sweep has put its name into the manifest.
    return manifest["status"] if "job" in manifest else None


def _check(ended: Ended, folder: Path, jobs: int, before: dict[Path, bytes]) -> None:
    if f"{jobs - 1} of {jobs} jobs are done" not in ended.out:
        raise LostError(f"not all are done: {ended.out.strip().splitlines()[-1:]}")
    if changed := [path for path, content in before.items() if path.read_bytes() != content]:
        raise LostError(f"changed: {changed[:3]}")
    if left := [path.name for path in folder.rglob("*.part")]:
        raise LostError(f"left over: {left}")
