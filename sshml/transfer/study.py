"""The matrix of a transfer study: networks by the strengths they are tested at."""

import functools
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sshml.config.build import TARGET, build, hamiltonian, representation
from sshml.config.moved import FIRST_PARTS
from sshml.config.schema import dotted, with_defaults
from sshml.config.trust import trusted
from sshml.data.datamodule import SSHDataModule
from sshml.data.representations import DensityProfile
from sshml.errors import CheckpointError, ConfigError, DivergedError
from sshml.files.checkpoint import load_classifier, read_checkpoint
from sshml.files.run_folder import is_of_disk, write_atomically
from sshml.files.stored import StoredError, read_manifest, read_settings, relocated
from sshml.files.tables import csv_text
from sshml.physics.hamiltonians import SSH
from sshml.signals import end_if_interrupted
from sshml.training.train import train
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.commands import command_of, training_overrides
from sshml.transfer.methods import TransferMethod
from sshml.transfer.rows import Cell, cell_of, read_rows, with_all_columns
from sshml.transfer.scores import COLUMNS, Answers, Row, ask, fitted_thresholds, score

_LOG = logging.getLogger(__name__)
# Settings that decide what a network becomes.
_DECIDING = (
    "augmentation", "data.W", "data.label", "data.n_train", "data.seed", "model", "optimizer",
    "scheduler", "seed", "trainer.max_epochs",
)  # fmt: skip
# The settings of a study that are those of its trainings.
_OF_TRAINING = (
    "data", "augmentation", "model", "optimizer", "scheduler", "callbacks", "logger", "trainer",
    "channels_last", "figures", "trust", "paths",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A trained network.

    Attributes:
        W: disorder strength it was trained at: a number, values or an interval, as ``data.W``.
        seed: of its training.
        checkpoint: its file.
        trained_on: settings of the data it was trained on.
        tested_on: settings of the data it is tested on, but for W.
        seconds: that its training has taken; None if another program has trained it.
        trust: what its checkpoint may name, beside what :mod:`sshml.config.trust` lets pass.
    """

    W: float | str | tuple[float, ...]
    seed: int
    checkpoint: Path
    trained_on: Mapping[str, Any]
    tested_on: Mapping[str, Any]
    seconds: float | None = None
    trust: Sequence[str] = ()

    def test_set(self, W: float | str | Sequence[float]) -> SSHDataModule:
        """Data at a strength, or as ``data.W`` says."""
        return data_module({**self.tested_on, "W": W})

    @property
    def train_W(self) -> float | str:
        """The strength as one number or word, for tables."""
        return strength_name(self.W)

    @property
    def name(self) -> str:
        """For files."""
        W = self.train_W
        return f"W{W if isinstance(W, str) else format(W, 'g')}_seed{self.seed}"


@dataclass(frozen=True)
class Method:
    """A way to get networks that are to be right at other strengths.

    Attributes:
        name: in the tables.
        transfer: what is done to a trained network.
        training: settings of the training that are the method's own: ``augmentation`` and ``data``.
    """

    name: str
    transfer: TransferMethod
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """A network of a study, and the methods that begin with it.

    Attributes:
        make: trains it, or finds it trained.
        strength: that it is trained at, as :attr:`Source.train_W`.
        seed: of its training.
        methods: to test, one or more.
    """

    make: Callable[[], Source]
    strength: float | str
    seed: int
    methods: Sequence[Method]


def data_module(data: Mapping[str, Any]) -> SSHDataModule:
    """The data of a node, whose ``_target_`` is SSHDataModule or a class derived from it.

    Raises:
        ConfigError: as :func:`check_chains`.
    """
    check_chains(data)
    module: SSHDataModule = build(data)
    return module


def check_chains(data: Mapping[str, Any]) -> None:
    """Check that what is asked of networks here is known of their chains.

    Raises:
        ConfigError: for other chains than SSH chains, of which there are no detectors, critical lines
            and regions of edge states.
    """
    for name, built, known in (
        ("hamiltonian", hamiltonian(data), SSH),
        ("representation", representation(data), DensityProfile),
    ):
        if not isinstance(built, known):
            raise ConfigError(
                f"data.{name}._target_={data[name][TARGET]}: transfer studies, explanations and "
                f"uncertainty need {FIRST_PARTS[name][TARGET]}; train.py takes any"
            )


#: All cells of a network.
NetworkCell = tuple[str, float | str, int, None]


class Matrix:
    """Rows of a study, kept in ``transfer.csv`` and ``transfer.json`` as they come.

    Args:
        folder: of the run; rows that it has from an earlier one are taken up.

    Attributes:
        rows: a row a method and cell, with the columns of :data:`sshml.transfer.scores.COLUMNS`.
        failed: what went wrong in cells that have no row, by (method, train W, seed, W).
    """

    def __init__(self, folder: Path) -> None:
        self._csv = folder / "transfer.csv"
        self._json = folder / "transfer.json"
        self.rows = read_rows(folder)
        self.failed: dict[Cell | NetworkCell, str] = {}

    def has(self, cell: Cell) -> bool:
        """Whether a cell is done."""
        return any(cell_of(row) == cell for row in self.rows)

    def add(self, rows: Iterable[Row]) -> None:
        """Add the rows of a cell and write the files; the detectors may be there, by another method."""
        self.rows += [with_all_columns(row) for row in rows if not self.has(cell_of(row))]
        self.rows.sort(key=lambda r: (str(r["train_W"]), r["seed"], r["W"]))
        write_atomically(self._csv, csv_text(COLUMNS, self.rows))
        write_atomically(self._json, json.dumps(self.rows, indent=1) + "\n")


class Network:
    """A source's network, loaded once, with the thresholds of the detectors.

    Thresholds are fitted on the chains that the network was trained on, clean or disordered, so that
    detectors and network have seen the same.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = load_classifier(source.checkpoint, source.trust)
        self.network: nn.Module = network.to(device).to(memory_format=torch.channels_last)
        self._training = data_module(source.trained_on)
        self.thresholds = fitted_thresholds(self._training)

    @functools.cached_property
    def accuracy_on_source(self) -> float:
        """Accuracy of the network itself on test chains as it was trained on."""
        return self._on_source(self.network)

    def _on_source(self, network: nn.Module) -> float:
        answers = ask(network, self.source.test_set(self.source.trained_on["W"]).test_dataloader())
        return float((answers.predictions == answers.labels["ratio"]).mean())

    def test(self, method: Method, W: float) -> tuple[list[Row], Answers, nn.Module]:
        """One cell: rows of the network, the detectors and the exact invariant."""
        target = self.source.test_set(W)
        start = time.monotonic()
        network = method.transfer.adapt(self.network, self._training, target, self.source.seed)
        if not isinstance(network, nn.Module):
            raise ConfigError(
                f"transfer: {type(method.transfer).__name__}.adapt returned {network!r}; expected the "
                "network that is tested"
            )
        seconds = time.monotonic() - start
        answers = ask(network, target.test_dataloader(), self.thresholds)
        if not answers.logits.isfinite().all():
            raise DivergedError(
                "the network's answers are not finite; start a study with a lower transfer.lr"
            )
        is_carried_over = network is not self.network
        cell = {"train_W": self.source.train_W, "W": W, "seed": self.source.seed}
        rows: list[Row] = [
            {
                "method": method.name,
                **cell,
                **score(answers.predictions, answers.labels, answers.logits),
                "accuracy_source": (
                    self._on_source(network) if is_carried_over else self.accuracy_on_source
                ),
                "train_seconds": self.source.seconds,
                "adapt_seconds": round(seconds, 1),
                "target_labelled": method.transfer.labelled,
                "target_unlabelled": method.transfer.unlabelled,
            }
        ]
        rows += [
            {"method": name, **cell, **score(predictions, answers.labels)}
            for name, predictions in answers.baselines.items()
        ]
        return rows, answers, network


def source_settings(
    settings: Mapping[str, Any], W: float, seed: int, method: Method | None = None
) -> dict[str, Any]:
    """Settings of train.py for a source, in a folder of its own within the study's.

    Args:
        settings: of the study.
        W: strength to train at, if the method does not say another.
        seed: of the training and its data.
        method: whose own settings to take, and in whose name to keep it; None for the study's.
    """
    study = settings["paths"]["run"]
    training: Mapping[str, Any] = method.training if method else {}
    own = {name: settings[name] for name in _OF_TRAINING}
    own["augmentation"] = training.get("augmentation", own["augmentation"])
    data = {**own["data"], "W": W, "seed": seed, **training.get("data", {})}
    strength = strength_name(data["W"])
    at = strength if isinstance(strength, str) else f"{strength:.12g}"
    name = f"{method.name}_" if method and training else ""
    run: dict[str, Any] = relocated(own, study, f"{study}/sources/{name}W{at}_seed{seed}")
    run["data"] = data
    return {**run, "seed": seed}


def strength_name(W: float | str | Sequence[float]) -> float | str:
    """A strength, or several, as one number or word, for tables."""
    return W if isinstance(W, int | float | str) else "+".join(f"{w:g}" for w in dict.fromkeys(W))


def _check_unchanged(folder: Path, run: Mapping[str, Any]) -> None:
    """A network was trained as the study says, and not resumed with other settings since."""
    before, now = (dotted(with_defaults(settings)) for settings in (read_settings(folder), dict(run)))
    for key, value in now.items():
        if key.startswith(_DECIDING) and before.get(key) != value:
            raise CheckpointError(f"{folder}: was trained with {key}={before.get(key)}, not {value}")


def trained_source(run: Mapping[str, Any], data: Mapping[str, Any]) -> Source:
    """Train a source, resume its training, or take what an earlier run has trained.

    Args:
        run: from :func:`source_settings`.
        data: settings of the study, whose tests are the same for all methods.

    Returns:
        The source.

    Raises:
        CheckpointError: if it was trained, but its network is lost.
    """
    folder = Path(run["paths"]["run"])
    checkpoint, last = (folder / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    W, seed = run["data"]["W"], run["seed"]
    try:
        if (folder / "metrics.json").is_file():
            _check_unchanged(folder, run)
        else:
            print(f"training at W={strength_name(W)}, seed {seed} ({folder.name})", flush=True)
            overrides = training_overrides(run)
            train(
                {**run, "ckpt_path": str(last) if last.is_file() else None},
                overrides,
                command=None if overrides is None else command_of(overrides),
            )
        read_checkpoint(checkpoint, trusted(run))
        manifest = read_manifest(folder)
    except (CheckpointError, StoredError) as error:
        raise CheckpointError(f"{error}; put it back, or remove {folder} to retrain it") from error
    parts = (manifest, *manifest.get("earlier", []))
    seconds = sum(part.get("wall_time_s") or 0 for part in parts)
    strength = tuple(W) if isinstance(W, list) else W
    return Source(
        strength, seed, checkpoint, run["data"], {**data, "seed": seed}, seconds, trusted(run)
    )


def fill(
    matrix: Matrix,
    trainings: Sequence[Training],
    grid: Sequence[float],
    is_done: Callable[[Cell], bool],
    show: Callable[[Source, Method, float, Answers, nn.Module], None],
) -> list[Source]:
    """Do every cell of a matrix that is missing; one that fails is noted, and the others go on.

    Args:
        matrix: to fill.
        trainings: the networks, trained if need be, and their methods.
        grid: strengths to test at.
        is_done: whether a cell has all that the study keeps of it.
        show: is given the answers of each cell, to draw.

    Returns:
        The sources that are there.
    """
    there = []
    for training in trainings:
        network_cell = (training.strength, training.seed)
        try:
            source = training.make()
            network = Network(source)
        except Exception as error:  # whatever it is, other networks can do without
            for method in training.methods:
                _note(matrix, (method.name, *network_cell, None), error)
            continue
        there.append(source)
        for method in training.methods:
            for W in grid:
                end_if_interrupted()
                cell = (method.name, *network_cell, W)
                # Baselines that are newer than the study are added by testing a method again.
                if all(is_done((name, *network_cell, W)) for name in (method.name, *BASELINES)):
                    continue
                try:
                    rows, answers, adapted = network.test(method, W)
                    # Shown first: a cell that has its rows is not done again.
                    show(source, method, W, answers, adapted)
                    matrix.add(rows)
                except Exception as error:
                    _note(matrix, cell, error)
                else:
                    _say(rows[0])
    return there


def _note(matrix: Matrix, cell: Cell | NetworkCell, error: Exception) -> None:
    if is_of_disk(error):
        raise error
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    matrix.failed[cell] = reason
    _LOG.debug("%s", traceback.format_exc())
    method, train_W, seed, W = cell
    where = "" if W is None else f", tested at W={W:g}"
    print(f"failed: {_named(method)}trained at W={train_W}, seed {seed}{where}: {reason}", flush=True)


def _say(row: Row) -> None:
    print(
        f"{_named(row['method'])}trained at W={row['train_W']}, seed {row['seed']}, tested at "
        f"W={row['W']:g}:  "
        f"accuracy {row['accuracy']:.2%} [{row['accuracy_low']:.2%}, {row['accuracy_high']:.2%}]  "
        f"called topological {row['topological_share']:.2%}  ceiling {row['ceiling']:.2%}",
        flush=True,
    )


def _named(method: str) -> str:
    return "" if method == ONLY_METHOD else f"{method}, "
