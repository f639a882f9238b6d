"""Doing what a plan says: training the networks that are missing, and testing them."""

import copy
import functools
import logging
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sshml.config.build import build
from sshml.config.moved import FIRST_GROUPS
from sshml.config.nodes import with_defaults
from sshml.config.options import dotted
from sshml.config.trust import trusted
from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.errors import CheckpointError, ConfigError, DivergedError
from sshml.figures import Example
from sshml.files.checkpoint import read_checkpoint
from sshml.files.run_folder import is_of_disk
from sshml.files.stored import StoredError, read_manifest, read_settings
from sshml.signals import end_if_interrupted
from sshml.terminal import say
from sshml.trained import TrainedNetwork, examples
from sshml.training.train import train
from sshml.transfer.baselines import ONLY_METHOD
from sshml.transfer.columns import Cell, Row, strength_name, tested_at, trained_at
from sshml.transfer.commands import command_of, training_overrides
from sshml.transfer.networks import Method, PlannedNetwork
from sshml.transfer.plan import Plan
from sshml.transfer.progress import Progress, Work, described, work_left
from sshml.transfer.scores import Answers, ask, fitted_thresholds, score
from sshml.transfer.table import NetworkCell, Table

_LOG = logging.getLogger(__name__)
# Settings that decide what a network becomes.
_DECIDING = (
    "augmentation", "data.W", "data.label", "data.n_train", "data.seed", "loss", "model", "optimizer",
    "scheduler", "seed", "trainer.max_epochs",
)  # fmt: skip
# Examples of each kind, right and wrong, of each phase, in a panel of maps.
_EXAMPLES = 2


@dataclass(frozen=True)
class Tested:
    """A network that a method has carried over to a strength, and what it predicted there.

    Attributes:
        network: that the method began with.
        method: what was done to it.
        W: strength of the test; None for data without strengths.
        tested_on: the data of the test.
        answers: of the network and the detectors.
        rows: of the network and the baselines, for the table.
        examples: test chains with their maps, where they are to be drawn.
    """

    network: PlannedNetwork
    method: Method
    W: float | None
    tested_on: PhaseDataModule
    answers: Answers
    rows: list[Row]
    examples: list[Example]


def execute(plan: Plan, table: Table) -> Iterator[Tested]:
    """Do every cell of a plan that its table lacks; one that fails is noted there, the others go on.

    Args:
        plan: of the study.
        table: of the study. A cell counts as done once its rows are added.

    Yields:
        Each test, for whoever draws it and adds its rows.
    """
    work = work_left(plan, table.has)
    say(described(work))
    progress = Progress(work)
    with closing(progress.bar):
        for part in work:
            yield from _of_network(part, plan, table, progress)
            if part.tests:
                progress.say_left()


def _of_network(part: Work, plan: Plan, table: Table, progress: Progress) -> Iterator[Tested]:
    planned = part.network
    network_cell = (planned.train_W, planned.seed)
    try:
        progress.training_begins()
        seconds = _train(planned) if planned.run else None
        network = _Network(planned, plan, seconds)
    except Exception as error:  # whatever it is, other networks can do without
        for method in planned.methods:
            _note(table, (method.name, *network_cell, None), error)
        progress.failed(part)
        return
    if part.is_to_be_trained:
        progress.trained()
    for method, W in part.tests:
        end_if_interrupted()
        try:
            tested = network.test(method, W)
        except Exception as error:
            _note(table, (method.name, *network_cell, W), error)
        else:
            yield tested
            _say(tested.rows[0], plan.classes)
        progress.tested()


class _Network:
    """A network of a plan, loaded once, with the thresholds of the detectors.

    Thresholds are fitted on the chains that the network was trained on, clean or disordered, so that
    detectors and network have seen the same.
    """

    def __init__(self, planned: PlannedNetwork, plan: Plan, seconds: float | None) -> None:
        self._planned = planned
        self._n_classes = len(plan.classes)
        self._seconds = seconds
        trained = TrainedNetwork(planned.checkpoint, plan.trust)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = trained.network.to(device).to(memory_format=torch.channels_last)
        self._training = trained.data_module()
        self._of_training = self._source(trained.data)
        self._thresholds = fitted_thresholds(self._training) if self._of_training else {}

    def _source(self, trained: Mapping[str, Any]) -> PhaseDataModule | None:
        """Test data as those of the training; None where its file is not here."""
        if "W" in trained and "W" in self._planned.tested_on:
            return self._test_set(trained["W"])
        try:
            self._training.dataset(Split.TEST)
        except ConfigError as error:
            say(f"{error}; the accuracy on the training data of the network is not measured")
            return None
        return self._training

    def _test_set(self, W: float | str | Sequence[float] | None) -> PhaseDataModule:
        strength = {} if W is None else {"W": W}
        module: PhaseDataModule = build({**self._planned.tested_on, **strength})
        return module

    @functools.cached_property
    def _accuracy_on_source(self) -> float | None:
        """Accuracy of the network itself on test samples as it was trained on."""
        return self._on_source(self._network)

    def _on_source(self, network: nn.Module) -> float | None:
        if self._of_training is None:
            return None
        answers = ask(network, self._of_training)
        return float((answers.predictions == answers.label).mean())

    def test(self, method: Method, W: float | None) -> Tested:
        """One cell: the network as a method carries it over, the detectors and the exact invariant."""
        planned, target = self._planned, self._test_set(W)
        start = time.monotonic()
        # A copy: a method may change what it is given, which other cells begin with too.
        given = copy.deepcopy(self._network)
        network = method.transfer.adapt(given, self._training, target, planned.seed)
        if not isinstance(network, nn.Module):
            raise ConfigError(
                f"transfer: {type(method.transfer).__name__}.adapt returned {network!r}; expected "
                "the adapted network, a torch.nn.Module"
            )
        seconds = time.monotonic() - start
        network.eval()
        answers = ask(network, target, self._thresholds)
        if not answers.logits.isfinite().all():
            raise DivergedError(
                "the outputs of the adapted network are not finite; start a new study with a "
                "lower transfer.lr"
            )
        is_carried_over = not _are_alike(network, self._network)
        cell = {"train_W": planned.train_W, "W": W, "seed": planned.seed}
        scores = functools.partial(score, labels=answers.labels, n_classes=self._n_classes)
        rows: list[Row] = [
            {
                "method": method.name,
                **cell,
                **scores(answers.predictions, logits=answers.logits),
                "accuracy_source": (
                    self._on_source(network) if is_carried_over else self._accuracy_on_source
                ),
                "train_seconds": self._seconds,
                "adapt_seconds": round(seconds, 1),
                "target_labelled": method.transfer.labelled,
                "target_unlabelled": method.transfer.unlabelled,
            }
        ]
        rows += [
            {"method": name, **cell, **scores(predictions)}
            for name, predictions in answers.baselines.items()
        ]
        drawn: list[Example] = []
        if planned.explanation:
            kinds = [*_kinds(answers, self._n_classes)]
            drawn = examples(network, target, kinds, planned.explanation)
        return Tested(planned, method, W, target, answers, rows, drawn)


def _are_alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same weights."""
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) for name, value in states[0].items()
    )


def _kinds(answers: Answers, n_classes: int) -> Iterator[int]:
    """The first test samples of each kind, right and wrong, of each phase."""
    for label in range(n_classes):
        for predicted in range(n_classes):
            of_kind = (answers.label == label) & (answers.predictions == predicted)
            yield from np.flatnonzero(of_kind)[:_EXAMPLES].tolist()


def _train(planned: PlannedNetwork) -> float:
    """Train a network, resume its training, or take what an earlier run has trained.

    Returns:
        The seconds that its training has taken.

    Raises:
        CheckpointError: if it was trained, but its network is lost.
    """
    run = planned.run
    assert run is not None
    folder = Path(run["paths"]["run"])
    last = planned.checkpoint.with_name("last.ckpt")
    W, seed = run["data"]["W"], run["seed"]
    try:
        if (folder / "metrics.json").is_file():
            _check_unchanged(folder, run)
        else:
            say(f"training at W={strength_name(W)}, seed {seed} ({folder.name})")
            overrides = training_overrides(run)
            train(
                {**run, "ckpt_path": str(last) if last.is_file() else None},
                overrides,
                command=None if overrides is None else command_of(overrides),
            )
        read_checkpoint(planned.checkpoint, trusted(run))
        manifest = read_manifest(folder)
    except (CheckpointError, StoredError) as error:
        raise CheckpointError(
            f"{error}; restore it, or remove {folder} to train the network again"
        ) from error
    parts = (manifest, *manifest.get("earlier", []))
    return float(sum(part.get("wall_time_s") or 0 for part in parts))


def _check_unchanged(folder: Path, run: Mapping[str, Any]) -> None:
    """A network was trained as the study says, and not resumed with other settings since."""
    before, now = (
        dotted(with_defaults({**FIRST_GROUPS, **settings})) for settings in (read_settings(folder), run)
    )
    for key, value in now.items():
        if key.startswith(_DECIDING) and before.get(key) != value:
            raise CheckpointError(f"{folder}: was trained with {key}={before.get(key)}, not {value}")


def _note(table: Table, cell: Cell | NetworkCell, error: Exception) -> None:
    if is_of_disk(error):
        raise error
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    table.failed[cell] = reason
    _LOG.debug("%s", traceback.format_exc())
    method, train_W, seed, W = cell
    where = "" if W is None else f", {tested_at(W)}"
    say(f"failed: {_named(method)}{trained_at(train_W)}, seed {seed}{where}: {reason}")


def _say(row: Row, classes: Sequence[str]) -> None:
    found = {f"predicted {classes[1]}": row["topological_share"], "ceiling": row["ceiling"]}
    known = "  ".join(f"{name} {share:.2%}" for name, share in found.items() if share is not None)
    say(
        f"{_named(row['method'])}{trained_at(row['train_W'])}, seed {row['seed']}, "
        f"{tested_at(row['W'])}:  "
        f"accuracy {row['accuracy']:.2%} [{row['accuracy_low']:.2%}, {row['accuracy_high']:.2%}]  "
        f"{known}"
    )


def _named(method: str) -> str:
    return "" if method == ONLY_METHOD else f"{method}, "
