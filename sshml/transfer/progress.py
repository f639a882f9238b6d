"""What a study has left to do, and how long it takes."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sshml.terminal import bar, duration, say
from sshml.transfer.columns import Cell
from sshml.transfer.networks import Method, PlannedNetwork
from sshml.transfer.plan import Plan


@dataclass(frozen=True)
class Work:
    """What is left to do with one network.

    Attributes:
        network: of the study.
        is_to_be_trained: whether it is not there yet.
        tests: the methods and strengths that have no results yet.
    """

    network: PlannedNetwork
    is_to_be_trained: bool
    tests: Sequence[tuple[Method, float | None]]


def work_left(plan: Plan, has: Callable[[Cell], bool]) -> list[Work]:
    """What a study has left to do.

    Args:
        plan: of the study.
        has: whether the study has the results of a cell.
    """
    # Baselines that are newer than the study are added by testing one method again. Networks of other
    # methods share them.
    added: set[tuple[float | str, int, float | None]] = set()
    work = []
    for network in plan.networks:
        tests = []
        for method, W in itertools.product(network.methods, plan.strengths):
            of_network = (network.train_W, network.seed)
            lacks = [name for name in plan.baselines if not has((name, *of_network, W))]
            if not has((method.name, *of_network, W)) or (lacks and (*of_network, W) not in added):
                tests.append((method, W))
                added.add((*of_network, W))
        folder = Path(network.run["paths"]["run"]) if network.run else None
        is_to_be_trained = folder is not None and not (folder / "metrics.json").is_file()
        work.append(Work(network, is_to_be_trained, tests))
    return work


def described(work: Sequence[Work]) -> str:
    """What a study is about to do, in a line."""
    networks = sum(part.is_to_be_trained for part in work)
    tests = [W for part in work for _, W in part.tests]
    strengths = ", ".join(dict.fromkeys(f"{W:g}" for W in tests if W is not None))
    at = f" at W = {strengths}" if strengths else ""
    return f"to do: {_counted(networks, 'training')} and {_counted(len(tests), 'test')}{at}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


class Progress:
    """Counts the trainings and tests of a study, with a bar of the tests on a terminal.

    Args:
        work: all that is left to do.

    Attributes:
        bar: to be closed in the end.
    """

    def __init__(self, work: Sequence[Work]) -> None:
        self._trainings = sum(part.is_to_be_trained for part in work)
        self._tests = sum(len(part.tests) for part in work)
        self._training_times: list[float] = []
        self._test_times: list[float] = []
        self.bar = bar(self._tests, "tests")
        self._since = time.monotonic()

    def training_begins(self) -> None:
        """Leave the terminal to the bar of the training."""
        self.bar.clear()

    def trained(self) -> None:
        """Count a training."""
        self._training_times.append(self._lap())

    def tested(self) -> None:
        """Count a test, whatever became of it."""
        self._test_times.append(self._lap())
        self.bar.update()

    def failed(self, part: Work) -> None:
        """Leave out what cannot be done without a network that failed."""
        self._trainings -= part.is_to_be_trained
        self._tests -= len(part.tests)
        self.bar.total = self._tests
        self._lap()

    def say_left(self) -> None:
        """Print what is left to do, if there is anything."""
        trainings = self._trainings - len(self._training_times)
        tests = self._tests - len(self._test_times)
        if not tests:
            return
        left = trainings * _mean(self._training_times) + tests * _mean(self._test_times)
        say(
            f"left: {_counted(trainings, 'training')} and {_counted(tests, 'test')}, "
            f"about {duration(left)}"
        )

    def _lap(self) -> float:
        before, self._since = self._since, time.monotonic()
        return self._since - before


def _mean(times: Sequence[float]) -> float:
    return sum(times) / len(times) if times else 0.0
