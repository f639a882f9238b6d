"""The phase diagram that a network draws: its answers over the control and W beside the exact ones."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from sshml.config.build import hamiltonian
from sshml.files.run_folder import write_atomically
from sshml.files.tables import csv_text
from sshml.physics.hamiltonians import Hamiltonian
from sshml.physics.numbers import Floats
from sshml.transfer.baselines import BASELINES
from sshml.transfer.columns import Cell
from sshml.transfer.scores import Answers

#: Columns of ``phase_diagram.csv``.
COLUMNS = ("method", "train_W", "seed", "accuracy", "rmse", "boundary")
# Clean chains among which the phases along the axis are looked for, and cells of each.
_LOOKED_AT = 2001
_CELLS = 4


@dataclass(frozen=True)
class Line:
    """The answers of a network or a baseline at one strength, in bins of the control.

    Attributes:
        predicted: share of the chains of each bin that are called each class but the first, shape
            (classes - 1, bins); NaN in bins without a chain.
        exact: share that is, by the exact invariant, of the same shape.
        accuracy: share of all chains on which the two agree.
    """

    predicted: Floats
    exact: Floats
    accuracy: float


@dataclass(frozen=True)
class Plane:
    """Where diagrams are drawn, and what is known of the chains there.

    Attributes:
        hamiltonian: of the chains.
        disorder: how random numbers act on them.
        low: lowest control.
        high: highest.
        bins: of the control.
    """

    hamiltonian: Hamiltonian
    disorder: str
    low: float
    high: float
    bins: int

    @classmethod
    def of_data(cls, data: Mapping[str, Any], bins: int) -> "Plane":
        """The plane over the range of the control in data settings."""
        chain = hamiltonian(data)
        low, high = data["ratio_range"]
        return cls(chain, data["disorder"] or chain.disorders[0], low, high, bins)

    @property
    def centres(self) -> Floats:
        """Of the bins, shape (bins,)."""
        return self.low + (np.arange(self.bins) + 0.5) * (self.high - self.low) / self.bins

    @functools.cached_property
    def phases(self) -> tuple[int, ...]:
        """The classes of clean infinite chains as the control grows, each as often as it comes."""
        ratio = np.linspace(self.low, self.high, _LOOKED_AT)
        clean = np.zeros_like(ratio)
        uniforms = np.zeros((len(ratio), self.hamiltonian.n_random(_CELLS)))
        bonds = self.hamiltonian.couplings(ratio, clean, uniforms, self.disorder)
        labels = self.hamiltonian.labels(ratio, clean, bonds, self.disorder)["ratio"]
        stays = labels[:-1][labels[1:] == labels[:-1]]  # a single chain may be at a transition
        return tuple(stays[np.flatnonzero(np.diff(stays, prepend=-1))].tolist())

    @property
    def transitions(self) -> int:
        """How many there are to look for; none where a phase comes twice, for shares do not tell."""
        return len(self.phases) - 1 if len(set(self.phases)) == len(self.phases) else 0

    def line(self, answers: Answers, predictions: NDArray[np.int64]) -> Line:
        """The answers on the chains of one strength in bins.

        Args:
            answers: on a test set over the range; it says which chains these are.
            predictions: of a network or a baseline on them, shape (n,).
        """
        place = (answers.parameters["ratio"] - self.low) / (self.high - self.low) * self.bins
        bins = np.minimum(place, self.bins - 1).astype(int)
        exact = answers.labels["sample"]
        counts = np.bincount(bins, minlength=self.bins)
        classes = range(1, len(self.hamiltonian.classes))
        with np.errstate(invalid="ignore"):
            predicted, known = (
                np.stack([np.bincount(bins, classes_of == k, self.bins) / counts for k in classes])
                for classes_of in (predictions, exact)
            )
        return Line(predicted, known, float((predictions == exact).mean()))

    def boundaries(self, shares: ArrayLike) -> Floats:
        """Where the phases of the clean chain give way to each other.

        Transition j is where the share that is called one of the first j phases falls below 1/2. Of the
        falling curve that is closest to the shares (isotonic regression), between bins by linear
        interpolation; the lowest control where it lies below 1/2 from the first bin on, the highest
        where it never does.

        Args:
            shares: of the classes but the first, shape (strengths, classes - 1, bins).

        Returns:
            Shape (transitions, strengths).
        """
        rest = np.asarray(shares, dtype=np.float64)
        of_class = np.concatenate([1 - rest.sum(axis=1, keepdims=True), rest], axis=1)
        first = np.cumsum(of_class[:, list(self.phases)], axis=1)
        return np.array(
            [[self._falls_below_half(line[j]) for line in first] for j in range(self.transitions)]
        ).reshape(self.transitions, len(rest))

    def _falls_below_half(self, shares: Floats) -> float:
        known = np.isfinite(shares)
        falling = isotonic_regression(shares[known], increasing=False).x
        below = np.flatnonzero(falling < 0.5)
        if not len(below):
            return self.high
        if below[0] == 0:
            return self.low
        pair = slice(below[0] - 1, below[0] + 1)
        high, low = falling[pair]
        left, right = self.centres[known][pair]
        return float(left + (right - left) * (high - 0.5) / (high - low))

    def critical_lines(self, strengths: Floats) -> Floats:
        """The critical control of infinite chains at each strength, shape (transitions, strengths).

        NaN where there is none, or it is not known.
        """
        clean = self.hamiltonian.critical_ratios(np.zeros(1), self.disorder)[:, 0]
        inside = np.flatnonzero((self.low < clean) & (clean < self.high))
        if len(inside) != self.transitions:  # which of them is not known is not known either
            return np.full((self.transitions, len(strengths)), np.nan)
        lines = self.hamiltonian.critical_ratios(strengths, self.disorder)
        return lines[inside[np.argsort(clean[inside])]]

    def exact_boundaries(self, strengths: Floats, exact: ArrayLike) -> Floats:
        """What boundaries are compared with, shape (transitions, strengths).

        The critical lines; the lowest control where there is none; the boundaries of the exact
        invariant's own shares for chains whose lines are not known.

        Args:
            strengths: W, shape (n,).
            exact: shares by the exact invariant, shape (n, classes - 1, bins).
        """
        known = "thermodynamic" in self.hamiltonian.label_kinds
        instead = self.low if known else self.boundaries(exact)
        lines = self.critical_lines(strengths)
        return np.where(np.isfinite(lines), lines, instead)


@dataclass(frozen=True)
class Diagram:
    """What one network or baseline says over the plane.

    Attributes:
        method: of its training and transfer; or the name of a baseline.
        train_W: strength it was trained, or its threshold fitted, at.
        seed: of its training.
        lines: its answers by strength, in order.
        plane: where it is drawn.
    """

    method: str
    train_W: str  # noqa: N815  # the column's name
    seed: int
    lines: Mapping[float, Line]
    plane: Plane

    @property
    def strengths(self) -> Floats:
        """W, shape (n,)."""
        return np.array(list(self.lines))

    @property
    def predicted(self) -> Floats:
        """Shape (n, classes - 1, bins)."""
        return np.stack([line.predicted for line in self.lines.values()])

    @property
    def exact(self) -> Floats:
        """Shape (n, classes - 1, bins)."""
        return np.stack([line.exact for line in self.lines.values()])

    def scores(self) -> dict[str, Any]:
        """Accuracy against the exact invariant, and how far the diagram and its boundaries are off.

        Returns:
            The columns of ``phase_diagram.csv``: ``accuracy`` over all chains; ``rmse``, root mean
            square of the difference of the two maps; ``boundary``, root mean square distance in the
            control of the learned boundaries from :meth:`Plane.exact_boundaries`, None without any.
        """
        lines = self.plane.exact_boundaries(self.strengths, self.exact)
        distance = self.plane.boundaries(self.predicted) - lines
        return {
            "method": self.method,
            "train_W": self.train_W,
            "seed": self.seed,
            "accuracy": float(np.mean([line.accuracy for line in self.lines.values()])),
            "rmse": float(np.sqrt(np.nanmean((self.predicted - self.exact) ** 2))),
            "boundary": float(np.sqrt(np.mean(distance**2))) if distance.size else None,
        }


def diagrams_of(lines: Mapping[Cell, Line], plane: Plane) -> list[Diagram]:
    """The diagrams of all networks, of the strengths that are done, and then of the baselines."""
    networks: dict[tuple[str, str, int], dict[float, Line]] = {}
    for (method, train_W, seed, W), line in lines.items():
        if W is not None:
            networks.setdefault((method, str(train_W), seed), {})[W] = line
    order = {name: number for number, name in enumerate(BASELINES)}
    return [
        Diagram(*network, dict(sorted(networks[network].items())), plane)
        for network in sorted(networks, key=lambda network: (order.get(network[0], -1), network))
    ]


def of_methods(diagrams: Sequence[Diagram]) -> dict[tuple[str, str], list[Diagram]]:
    """Diagrams by method and what it was trained at."""
    methods: dict[tuple[str, str], list[Diagram]] = {}
    for diagram in diagrams:
        methods.setdefault((diagram.method, diagram.train_W), []).append(diagram)
    return methods


def write_scores(path: Path, diagrams: Sequence[Diagram]) -> None:
    """Write the scores of all networks and baselines as a CSV file."""
    write_atomically(path, csv_text(COLUMNS, [diagram.scores() for diagram in diagrams]))
