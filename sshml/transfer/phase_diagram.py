"""The phase diagram that a network draws: its answers over t1/t2 and W beside the exact invariant's."""

import json
import sys
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import TypeAdapter
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from scipy.optimize import isotonic_regression

from sshml import intervals
from sshml.errors import ConfigError
from sshml.files.run_folder import write_atomically
from sshml.files.tables import csv_text
from sshml.physics import Disorder, critical_ratio
from sshml.physics.hoppings import Floats
from sshml.transfer.baselines import BASELINES, DETECTORS
from sshml.transfer.rows import Cell, Share, StoredCell, cell_of, read_list
from sshml.transfer.scores import Answers

#: The file of a study that keeps its diagrams.
DIAGRAMS = "phase_diagram.json"
#: Of t1/t2 in a diagram; it begins at 0.
HIGHEST_RATIO = 2.0
_COLUMNS_OF_PANELS = 4
_COLOURS = ("tab:green", "gold", "tab:purple", "tab:cyan", "tab:pink", "tab:olive")
#: Columns of ``phase_diagram.csv``.
COLUMNS = ("method", "train_W", "seed", "accuracy", "rmse", "boundary")


class _Row(StoredCell):
    predicted: list[Share | None]
    exact: list[Share | None]
    accuracy: Share


_ROWS = TypeAdapter(list[_Row])


@dataclass(frozen=True)
class Row:
    """The answers of a network or a baseline at one strength, in bins of t1/t2 on [0, 2].

    Attributes:
        predicted: share of the chains of each bin that are called topological, shape (ratios,).
        exact: share that is, by the exact invariant, shape (ratios,).
        accuracy: share of all chains on which the two agree.
    """

    predicted: Floats
    exact: Floats
    accuracy: float


def binned(answers: Answers, predictions: NDArray[np.int64], ratios: int) -> Row:
    """The answers on the chains of one strength in bins of t1/t2.

    Args:
        answers: on a test set over [0, 2]; it says which chains these are.
        predictions: of a network or a baseline on them, 0 or 1, shape (n,).
        ratios: number of bins.

    Returns:
        The row of the diagram; NaN in bins without a chain.
    """
    bins = np.minimum(answers.ratio / HIGHEST_RATIO * ratios, ratios - 1).astype(int)
    exact = answers.labels["sample"]
    with np.errstate(invalid="ignore"):
        counts = np.bincount(bins, minlength=ratios)
        predicted, known = (
            np.bincount(bins, weights=values, minlength=ratios) / counts
            for values in (predictions, exact)
        )
    return Row(predicted, known, float((predictions == exact).mean()))


class Diagrams:
    """The diagrams of a study, kept in ``phase_diagram.json`` as its cells are done.

    Args:
        folder: of the run; what it has from an earlier one is taken up.
        ratios: number of bins of t1/t2; None for a study that keeps no diagrams.

    Raises:
        ConfigError: if the file is damaged, or has another number of bins.
    """

    def __init__(self, folder: Path, ratios: int | None) -> None:
        self._path = folder / DIAGRAMS
        self._ratios = ratios or 0
        self._rows = _read(self._path, ratios) if ratios else {}

    @property
    def cells(self) -> Set[Cell]:
        """The networks and baselines, and the strengths, whose answers are there."""
        return self._rows.keys()

    def add(self, method: str, train_W: float | str, seed: int, W: float, answers: Answers) -> None:
        """Keep the answers of a network and of the baselines at one strength."""
        for name, predictions in {method: answers.predictions, **answers.baselines}.items():
            cell = (name, train_W, seed, W)
            # Another method may have added the baselines; as in the matrix, the first ones stay.
            if name == method or cell not in self._rows:
                self._rows[cell] = binned(answers, predictions, self._ratios)
        write_atomically(self._path, json.dumps(list(map(_stored, self._rows.items()))) + "\n")

    def read(self) -> "list[Diagram]":
        """The diagrams of all networks, of the strengths that are done, and then of the baselines."""
        networks: dict[tuple[str, str, int], dict[float, Row]] = {}
        for (method, train_W, seed, W), row in self._rows.items():
            networks.setdefault((method, str(train_W), seed), {})[W] = row
        order = {name: number for number, name in enumerate(BASELINES)}
        return [
            Diagram(*network, dict(sorted(networks[network].items())))
            for network in sorted(networks, key=lambda network: (order.get(network[0], -1), network))
        ]


def _stored(item: tuple[Cell, Row]) -> dict[str, Any]:
    """What the file has of an answer; null in bins without a chain."""
    (method, train_W, seed, W), row = item
    shares = {
        name: [None if np.isnan(share) else share for share in values.tolist()]
        for name, values in (("predicted", row.predicted), ("exact", row.exact))
    }
    return {
        "method": method, "train_W": train_W, "seed": seed, "W": W, **shares, "accuracy": row.accuracy
    }  # fmt: skip


def _read(path: Path, ratios: int) -> dict[Cell, Row]:
    content = read_list(path, _ROWS, "diagrams of a study")
    rows = {}
    for row in content:
        predicted, exact = (np.array(row[name], float) for name in ("predicted", "exact"))
        alike = predicted.shape == exact.shape == (ratios,)
        if not alike or np.isnan(exact).all() or (np.isnan(predicted) != np.isnan(exact)).any():
            raise ConfigError(
                f"{path}: does not hold diagrams of phase_diagram={ratios} bins; restore it, or remove "
                "it to test the networks, which are kept, again"
            )
        rows[cell_of(row)] = Row(predicted, exact, row["accuracy"])
    return rows


@dataclass(frozen=True)
class Diagram:
    """What one network or baseline says over the plane.

    Attributes:
        method: of its training and transfer; or the name of a baseline.
        train_W: strength it was trained, or its threshold fitted, at.
        seed: of its training.
        rows: its answers by strength, in order.
    """

    method: str
    train_W: str  # noqa: N815  # the column's name
    seed: int
    rows: dict[float, Row]

    @property
    def strengths(self) -> Floats:
        """W, shape (n,)."""
        return np.array(list(self.rows))

    @property
    def predicted(self) -> Floats:
        """Shape (n, ratios)."""
        return np.stack([row.predicted for row in self.rows.values()])

    @property
    def exact(self) -> Floats:
        """Shape (n, ratios)."""
        return np.stack([row.exact for row in self.rows.values()])

    def scores(self, disorder: Disorder) -> dict[str, Any]:
        """Accuracy against the exact invariant, and how far the diagram and its boundary are off.

        Returns:
            The columns of ``phase_diagram.csv``: ``accuracy`` over all chains; ``rmse``, root mean
            square of the difference of the two maps; ``boundary``, root mean square distance in t1/t2
            of the learned boundary from the critical line; the line counts as at 0 where infinite
            chains of every ratio are trivial.
        """
        distance = boundary(self.predicted) - exact_boundary(self.strengths, disorder)
        return {
            "method": self.method,
            "train_W": self.train_W,
            "seed": self.seed,
            "accuracy": float(np.mean([row.accuracy for row in self.rows.values()])),
            "rmse": float(np.sqrt(np.nanmean((self.predicted - self.exact) ** 2))),
            "boundary": float(np.sqrt(np.mean(distance**2))),
        }


def exact_boundary(strengths: Floats, disorder: Disorder) -> Floats:
    """Critical ratio of each strength; 0 where infinite chains of every ratio are trivial."""
    return np.nan_to_num(np.asarray(critical_ratio(strengths, disorder)), nan=0.0)


def boundary(predicted: Floats) -> Floats:
    """Where the share that is called topological falls below 1/2, t1/t2 of each strength.

    Of the falling curve that is closest to the shares (isotonic regression), between bins by linear
    interpolation; 0 where it lies below 1/2 from the first bin on, 2 where it never does.

    Args:
        predicted: shape (n, ratios).

    Returns:
        Shape (n,).
    """
    ratios = predicted.shape[1]
    centres = (np.arange(ratios) + 0.5) * HIGHEST_RATIO / ratios
    found = []
    for shares in predicted:
        known = np.isfinite(shares)
        falling = isotonic_regression(shares[known], increasing=False).x
        below = np.flatnonzero(falling < 0.5)
        if not len(below):
            found.append(HIGHEST_RATIO)
        elif below[0] == 0:
            found.append(0.0)
        else:
            pair = slice(below[0] - 1, below[0] + 1)
            high, low = falling[pair]
            left, right = centres[known][pair]
            found.append(left + (right - left) * (high - 0.5) / (high - low))
    return np.array(found)


def write_scores(path: Path, diagrams: Sequence[Diagram], disorder: Disorder) -> list[dict[str, Any]]:
    """Write the scores of all networks and baselines as a CSV file; returns them."""
    scores = [diagram.scores(disorder) for diagram in diagrams]
    write_atomically(path, csv_text(COLUMNS, scores))
    return scores


def print_scores(scores: Sequence[dict[str, Any]]) -> None:
    """Print what each method and baseline reaches: mean, spread and interval over seeds; the worst."""
    methods: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in scores:
        methods.setdefault((row["method"], row["train_W"]), []).append(row)
    table = Table(title="phase diagrams: mean ± spread over seeds, 95 % interval, worst", box=SIMPLE)
    for head in ("method", "trained at", "seeds", "accuracy (%)", "RMSE", "boundary off by (t1/t2)"):
        table.add_column(head, no_wrap=True)
    for (method, train_W), own in methods.items():
        cells = []
        for name, largest in (("accuracy", 100.0), ("rmse", 1.0), ("boundary", HIGHEST_RATIO)):
            values = [row[name] * (100 if name == "accuracy" else 1) for row in own]
            digits = 2 if name == "accuracy" else 3
            cell = f"{np.mean(values):.{digits}f}"
            if len(values) > 1:
                low, high = intervals.of_mean(values, largest)
                worst = min(values) if name == "accuracy" else max(values)
                cell += (
                    f" ± {np.std(values, ddof=1):.{digits}f}, {low:.{digits}f} to {high:.{digits}f}, "
                    f"{worst:.{digits}f}"
                )
            cells.append(cell)
        table.add_row(method.replace("_", " "), train_W, f"{len(own)}", *cells)
    (Console() if sys.stdout.isatty() else Console(width=190)).print(table)


def draw(diagrams: Sequence[Diagram], disorder: Disorder) -> Figure:
    """The exact diagram, and for each method the mean of its networks; the median of their boundaries.

    A band is from the lowest to the highest seed. Baselines are those of the first strength trained at.
    """
    methods = _drawn(diagrams)
    panels = 1 + len(methods)
    columns = min(panels, _COLUMNS_OF_PANELS)
    lines = -(-panels // columns)
    figure = Figure(figsize=(3.6 * columns + 1, 3.6 * lines + 0.8), layout="constrained")
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for axes in grid.flat[panels:]:
        axes.set_axis_off()
    # A network of a study that is not done lacks strengths; drawn are those of all of its method.
    most = max(diagrams, key=lambda diagram: len(diagram.rows))
    strengths, n = most.strengths, len(most.rows)
    every = [diagram for diagram in diagrams if len(diagram.rows) == n]
    first = grid.flat[0]
    image = _panel(first, strengths, np.mean([d.exact for d in every], axis=0), disorder)
    first.set_title(f"exact invariant and learned boundaries\n{n} strengths", fontsize=10)
    for number, ((method, _), own) in enumerate(methods.items()):
        axes, name = grid.flat[1 + number], method.replace("_", " ")
        whole = [diagram for diagram in own if len(diagram.rows) == n]
        if not whole:
            axes.set_title(f"{name}\nnot all strengths are done", fontsize=10)
            continue
        _panel(axes, strengths, np.mean([d.predicted for d in whole], axis=0), disorder)
        style: dict[str, Any] = {"color": _COLOURS[number % len(_COLOURS)]}
        if method in BASELINES:
            style = {"color": BASELINES[method].colour, "ls": BASELINES[method].line}
        for shown in (axes, first):
            _draw_boundary(shown, whole, name, style)
        scores = [diagram.scores(disorder) for diagram in whole]
        accuracy, rmse = (np.mean([score[key] for score in scores]) for key in ("accuracy", "rmse"))
        seeds = f"{len(whole)} seed{'s' if len(whole) > 1 else ''}"
        axes.set_title(f"{name}, {seeds}\naccuracy {accuracy:.3f}, RMSE {rmse:.3f}", fontsize=10)
    for axes in grid[:, 0]:
        axes.set_ylabel("disorder strength W")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), frameon=False)
    figure.colorbar(image, ax=grid, label="share called topological")
    return figure


def _drawn(diagrams: Sequence[Diagram]) -> dict[tuple[str, str], list[Diagram]]:
    """The diagrams of each panel but the first, which has that of the exact invariant."""
    first = diagrams[0].train_W
    methods: dict[tuple[str, str], list[Diagram]] = {}
    for diagram in diagrams:
        if diagram.method not in BASELINES or (
            diagram.method in DETECTORS and diagram.train_W == first
        ):
            methods.setdefault((diagram.method, diagram.train_W), []).append(diagram)
    return methods


def _draw_boundary(axes: Axes, diagrams: Sequence[Diagram], name: str, style: dict[str, Any]) -> None:
    """The median boundary of several diagrams of the same strengths, and its range."""
    boundaries = np.stack([boundary(diagram.predicted) for diagram in diagrams])
    strengths = diagrams[0].strengths
    axes.plot(
        np.median(boundaries, axis=0), strengths, lw=1.8, clip_on=False, **style,
        label=name + (", median and range" if len(diagrams) > 1 else ""),
    )  # fmt: skip
    axes.fill_betweenx(
        strengths, *np.quantile(boundaries, (0, 1), axis=0), color=style["color"], alpha=0.3, lw=0
    )


def _panel(axes: Axes, strengths: Floats, shares: Floats, disorder: Disorder) -> Any:
    ratios = (np.arange(shares.shape[1]) + 0.5) * HIGHEST_RATIO / shares.shape[1]
    image = axes.pcolormesh(ratios, strengths, shares, cmap="coolwarm", vmin=0, vmax=1, rasterized=True)
    step = (strengths[-1] - strengths[0]) / max(2 * (len(strengths) - 1), 1)
    fine = np.linspace(strengths[0], strengths[-1], 401)
    line = np.asarray(critical_ratio(fine, disorder))
    axes.plot(line, fine, "k-", lw=1.5, label="exact, infinite chain")
    axes.set(
        xlabel="$t_1/t_2$",
        xlim=(0, HIGHEST_RATIO),
        ylim=(max(strengths[0] - step, -0.1), strengths[-1] + step) if step else None,
    )
    return image
