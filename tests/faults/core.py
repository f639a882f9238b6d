"""What all kinds share: trying, counting, telling how to repeat what was lost."""

import random
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

Try = Callable[[random.Random, Path], str | None]


class SkippedError(Exception):
    """This kind cannot be tried on this machine; says why."""


class LostError(AssertionError):
    """Something did not hold; says what."""


@dataclass
class Kind:
    """One kind of fault, and what became of its tries.

    Attributes:
        name: in the table and for ``--only``.
        attempt: tries one, given random numbers and an empty folder. Raises :class:`LostError` if
            something did not hold, and :class:`SkippedError` if it cannot be tried here.
        goal: how many tries of it make a long run; the shares of the kinds follow from it.
        tried: how many were begun.
        lost: of each try that did not hold, its seed and what did not.
        skipped: why it cannot be tried here.
    """

    name: str
    attempt: Callable[[random.Random, Path], None]
    goal: int
    tried: int = 0
    held: int = 0
    lost: list[tuple[int, str]] = field(default_factory=list)
    skipped: str | None = None

    def run(self, seed: int) -> str | None:
        """Try one; returns what did not hold."""
        lost = None
        folder = Path(tempfile.mkdtemp(prefix=f"sshml_{self.name}_"))
        try:
            self.attempt(random.Random(f"{self.name} {seed}"), folder)
            self.held += 1
        except SkippedError as reason:
            self.skipped = str(reason)
        except LostError as reason:
            lost = _shown(str(reason))
        except Exception:  # a fault of the suite's own counts as a loss: it hides what it should find
            lost = "the suite: " + " | ".join(traceback.format_exc().splitlines()[-4:])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if lost is not None:
            self.lost.append((seed, lost))
        return lost


def _shown(reason: str) -> str:
    """One line that shows nothing a terminal would act on."""
    return " ".join(reason.split()).encode("unicode_escape").decode()


def repeat(kind: Kind, seed: int) -> str:
    """The command that tries one again."""
    return f"python -m tests.faults --only {kind.name} --seed {seed} --minutes 0"


def go(kinds: Sequence[Kind], seed: int, minutes: float, workers: int) -> None:
    """Try all kinds, each in proportion to its goal, until the time is over; each at least once.

    Args:
        kinds: to try.
        seed: of the first try of each kind; the next has the next number.
        minutes: none begins after these.
        workers: how many are tried at the same time.
    """
    deadline = time.monotonic() + 60 * minutes
    lock = threading.Lock()

    def next_one() -> tuple[Kind, int] | None:
        with lock:
            able = [kind for kind in kinds if kind.skipped is None]
            if time.monotonic() > deadline:
                able = [kind for kind in able if not kind.tried]
            if not able:
                return None
            kind = min(able, key=lambda kind: kind.tried / kind.goal)
            kind.tried += 1
            return kind, seed + kind.tried - 1

    def work() -> None:
        while one := next_one():
            kind, own_seed = one
            if lost := kind.run(own_seed):
                print(f"lost: {lost}; repeat: {repeat(kind, own_seed)}", flush=True)

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work) for _ in range(workers)]:
            done.result()
