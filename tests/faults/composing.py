"""Random command lines, from the schema and against it."""

import random
import shlex
from pathlib import Path

from tests.faults.core import LostError
from tests.faults.programs import start

_CPU_S = 20
_MEMORY = 4 << 30


def attempt(rng: random.Random, folder: Path) -> None:
    """Compose and check one: it is accepted, or refused in one line."""
    from tests.faults.configurations import configurations, held

    arguments = next(configurations(rng.getrandbits(32)))
    program = rng.choice(("train", "train", "transfer"))
    ended = start(
        "tests.faults.check", program, *arguments, folder=folder, cpu_s=_CPU_S, memory=_MEMORY
    ).wait()
    command = f"{program}.py {shlex.join(arguments)[:200]}"
    if fault := ended.fault(0, 1, 2):
        raise LostError(f"{command}: {fault}")
    if not held(ended.status or 0, ended.out, ended.err):
        raise LostError(f"{command}: exit status {ended.status}: {ended.err[:200]!r}")
    # An accepted one may leave a folder: the check ends where a sweep or a run has just begun.
    if ended.status and (left := list(folder.glob("runs/*/*/*"))):
        raise LostError(f"{command}: left over: {left[:3]}")
