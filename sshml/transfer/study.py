"""The matrix of a transfer study: networks by the strengths they are tested at."""

import csv
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sshml.build import build
from sshml.checkpoint import load_classifier
from sshml.data.datamodule import SSHDataModule
from sshml.data.streams import Split
from sshml.physics import best_threshold
from sshml.run_folder import relocated, write_atomically
from sshml.training import train
from sshml.transfer.methods import TransferMethod
from sshml.transfer.scores import COLUMNS, Answers, Row, ask, score

_LOG = logging.getLogger(__name__)
# Training chains that the thresholds of the detectors are fitted on.
_FITTED_ON = 4_000
# The settings of a study that are those of its trainings.
_OF_TRAINING = (
    "data", "model", "optimizer", "scheduler", "callbacks", "logger", "trainer", "channels_last",
    "figures",
    "paths",
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
    """

    W: float | str | tuple[float, ...]
    seed: int
    checkpoint: Path
    trained_on: Mapping[str, Any]
    tested_on: Mapping[str, Any]

    def test_set(self, W: float) -> SSHDataModule:
        """Data at a strength."""
        return data_module({**self.tested_on, "W": W})

    @property
    def train_W(self) -> float | str:
        """The strength as one number or word, for tables."""
        return "+".join(f"{W:g}" for W in self.W) if isinstance(self.W, tuple) else self.W

    @property
    def name(self) -> str:
        """For files."""
        W = self.train_W
        return f"W{W if isinstance(W, str) else format(W, 'g')}_seed{self.seed}"


def data_module(data: Mapping[str, Any]) -> SSHDataModule:
    """The data of a node, whose ``_target_`` is SSHDataModule or a class derived from it."""
    module: SSHDataModule = build(data)
    return module


class Matrix:
    """Rows of a study, kept in ``transfer.csv`` and ``transfer.json`` as they come.

    Args:
        folder: of the run; rows that it has from an earlier one are taken up.

    Attributes:
        rows: a row a method and cell, with the columns of :data:`sshml.transfer.scores.COLUMNS`.
        failed: what went wrong in cells that have no row, by (train W, seed, W).
    """

    def __init__(self, folder: Path) -> None:
        self._csv = folder / "transfer.csv"
        self._json = folder / "transfer.json"
        self.rows: list[Row] = json.loads(self._json.read_text()) if self._json.is_file() else []
        self.failed: dict[tuple[Any, int, float | None], str] = {}

    def has(self, source: Source, W: float) -> bool:
        """Whether a cell is done."""
        cell = (source.train_W, source.seed, W)
        return any((row["train_W"], row["seed"], row["W"]) == cell for row in self.rows)

    def add(self, rows: Iterable[Row]) -> None:
        """Add the rows of a cell and write the files."""
        self.rows += rows
        self.rows.sort(key=lambda r: (str(r["train_W"]), r["seed"], r["W"]))
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self._csv, text.getvalue())
        write_atomically(self._json, json.dumps(self.rows, indent=1) + "\n")


class Network:
    """A source's network, loaded once, with the thresholds of the detectors for its training data."""

    def __init__(self, source: Source) -> None:
        self.source = source
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = load_classifier(source.checkpoint)
        self.network: nn.Module = network.to(device).to(memory_format=torch.channels_last)
        training = data_module(source.trained_on)
        n = min(_FITTED_ON, training.ensemble.sizes[Split.TRAIN])
        batches = (
            training.dataset(Split.TRAIN).__getitems__(part.tolist())
            for part in np.array_split(np.arange(n), -(-n // training.batch_size))
        )
        answers = ask(None, batches)
        self.thresholds = {
            name: best_threshold(values, answers.labels["ratio"])
            for name, values in answers.detectors.items()
        }

    def test(self, method: TransferMethod, W: float) -> tuple[list[Row], Answers, nn.Module]:
        """One cell: rows of the network, the detectors and the exact invariant."""
        target = self.source.test_set(W)
        network = method.adapt(self.network, target, self.source.seed)
        answers = ask(network, target.test_dataloader())
        said = {name: (v > self.thresholds[name]).astype(int) for name, v in answers.detectors.items()}
        said["exact_invariant"] = answers.labels["sample"]
        cell = {"train_W": self.source.train_W, "W": W, "seed": self.source.seed}
        rows = [
            {"method": "network", **cell, **score(answers.predictions, answers.labels, answers.logits)}
        ]
        rows += [{"method": name, **cell, **score(p, answers.labels)} for name, p in said.items()]
        return rows, answers, network


def source_settings(settings: Mapping[str, Any], W: float, seed: int) -> dict[str, Any]:
    """Settings of train.py for a source, in a folder of its own within the study's."""
    study = settings["paths"]["run"]
    own = {name: settings[name] for name in _OF_TRAINING}
    run: dict[str, Any] = relocated(own, study, f"{study}/sources/W{W:.12g}_seed{seed}")
    run["data"] = {**run["data"], "W": W, "seed": seed}
    return {**run, "seed": seed}


def trained_source(settings: Mapping[str, Any], W: float, seed: int) -> Source:
    """Train a source, or go on with its training, or take what an earlier run has trained.

    Args:
        settings: of the study.
        W: strength to train at.
        seed: of the training and its data.

    Returns:
        The source.
    """
    run = source_settings(settings, W, seed)
    folder = Path(run["paths"]["run"])
    last = folder / "checkpoints" / "last.ckpt"
    if not (folder / "metrics.json").is_file():
        print(f"training at W={W:g}, seed {seed}", flush=True)
        train({**run, "ckpt_path": str(last) if last.is_file() else None})
    return Source(W, seed, folder / "checkpoints" / "best.ckpt", run["data"], run["data"])


def fill(
    matrix: Matrix,
    sources: Sequence[Callable[[], Source]],
    names: Sequence[tuple[Any, int]],
    grid: Sequence[float],
    method: TransferMethod,
    show: Callable[[Source, float, Answers, nn.Module], None],
) -> list[Source]:
    """Do every cell of a matrix that is missing; one that fails is noted, and the others go on.

    Args:
        matrix: to fill.
        sources: make a source each, training it if need be.
        names: (train W, seed) of each.
        grid: strengths to test at.
        method: of transfer.
        show: is given the answers of each cell, to draw.

    Returns:
        The sources that are there.
    """
    there = []
    for make, (train_W, seed) in zip(sources, names, strict=True):
        try:
            source = make()
            missing = [W for W in grid if not matrix.has(source, W)]
            network = Network(source)
        except Exception as error:  # whatever it is, other networks can do without
            _note(matrix, (train_W, seed, None), error)
            continue
        there.append(source)
        for W in missing:
            try:
                rows, answers, adapted = network.test(method, W)
                matrix.add(rows)
                show(source, W, answers, adapted)
            except Exception as error:
                _note(matrix, (train_W, seed, W), error)
            else:
                _say(rows)
    return there


def _note(matrix: Matrix, cell: tuple[Any, int, float | None], error: Exception) -> None:
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    matrix.failed[cell] = reason
    _LOG.debug("%s", traceback.format_exc())
    where = "" if cell[2] is None else f", tested at W={cell[2]:g}"
    print(f"failed: trained at W={cell[0]}, seed {cell[1]}{where}: {reason}", flush=True)


def _say(rows: Sequence[Row]) -> None:
    row = rows[0]
    print(
        f"trained at W={row['train_W']}, seed {row['seed']}, tested at W={row['W']:g}:  "
        f"accuracy {row['accuracy']:.2%} [{row['accuracy_low']:.2%}, {row['accuracy_high']:.2%}]  "
        f"called topological {row['topological_share']:.2%}  ceiling {row['ceiling']:.2%}",
        flush=True,
    )
