"""Pictures of a transfer study. Each function returns a matplotlib Figure."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sshml.figures import Example, describe, image_axes
from sshml.physics import inverse_participation_ratio, profile_maxima
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.scores import Row

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")
# Mirror pairs of the most localised states that a panel shows.
_LOCALISED = 3


def of_method(rows: Sequence[Row], method: str = ONLY_METHOD) -> list[Row]:
    """The rows of one method."""
    return [row for row in rows if row["method"] == method]


def train_strengths(rows: Sequence[Row]) -> list[Any]:
    """The strengths that networks were trained at, each once."""
    strengths: list[Any] = []
    for row in rows:
        if row["train_W"] not in strengths:
            strengths.append(row["train_W"])
    return strengths


def strength(W: float | str) -> str:
    """A strength that a network was trained at, as one reads it."""
    return W if isinstance(W, str) else f"{W:g}"


def by_strength(rows: Sequence[Row], key: str = "accuracy") -> tuple[NDArray[np.float64], ...]:
    """A column against W over seeds.

    Returns:
        W, mean, lowest and highest, each of shape (n,).
    """
    grid = sorted({row["W"] for row in rows})
    values = [[row[key] for row in rows if row["W"] == W] for W in grid]
    return tuple(
        np.array(column, dtype=np.float64)
        for column in (
            grid,
            [np.mean(v) for v in values],
            [min(v) for v in values],
            [max(v) for v in values],
        )
    )


def accuracy_curve(
    rows: Sequence[Row], published: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None
) -> Figure:
    """Accuracy against the strength tested at: networks with a band over seeds, baselines.

    Args:
        rows: of the study.
        published: (W, accuracy in %) of published curves, by their names.
    """
    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    axes = figure.subplots()
    strengths = train_strengths(rows)
    for colour, train_W in zip(_COLOURS * len(strengths), strengths, strict=False):
        own = [row for row in of_method(rows) if row["train_W"] == train_W]
        if not own:
            continue
        W, mean, low, high = by_strength(own)
        seeds = len({row["seed"] for row in own})
        label = f"network trained at W = {strength(train_W)}" + (
            f", {seeds} seeds" if seeds > 1 else ""
        )
        axes.plot(W, 100 * mean, "o-", ms=4, color=colour, label=label)
        if seeds == 1:
            low, high = (by_strength(own, f"accuracy_{side}")[1] for side in ("low", "high"))
        axes.fill_between(W, 100 * low, 100 * high, color=colour, alpha=0.2, lw=0)
    for name in BASELINES:
        found = [r for r in of_method(rows, name) if r["train_W"] == strengths[0]]
        if found:
            W, mean, _, _ = by_strength(found)
            _plot_baseline(axes, name, W, mean)
    for name, (W_published, values) in (published or {}).items():
        axes.plot(W_published, values, "kx", ms=7, label=name)
    axes.set(xlabel="disorder strength W of the test", ylabel="accuracy against the ratio label (%)")
    axes.set_ylim(-3 if any(row["accuracy"] < 0.4 for row in of_method(rows)) else 40, 103)
    axes.grid(alpha=0.3)
    several = len({row["seed"] for row in rows}) > 1
    title = "bands: lowest to highest seed" if several else "bands: 95 % interval"
    figure.legend(title=title, fontsize=8, title_fontsize=8, loc="outside right center")
    return figure


def methods_curve(table: Sequence[Mapping[str, Any]]) -> Figure:
    """Accuracy of every method against the strength tested at, with the 95 % interval over seeds.

    Args:
        table: from :func:`sshml.transfer.protocol.summary`.
    """
    figure = Figure(figsize=(9.5, 4.8), layout="constrained")
    axes = figure.subplots()
    several = len({row["train_W"] for row in table}) > 1
    drawn: dict[tuple[str, Any], list[Mapping[str, Any]]] = {}
    for row in table:
        drawn.setdefault((row["method"], row["train_W"]), []).append(row)
    first = table[0]["train_W"]
    methods = [name for name in drawn if name[0] not in BASELINES]
    for number, (method, train_W) in enumerate(methods):
        own = sorted(drawn[method, train_W], key=itemgetter("W"))
        W = [row["W"] for row in own]
        label = method.replace("_", " ") + (f", W = {strength(train_W)}" if several else "")
        colour, marker = f"C{number % 10}", "os^vD"[number // 10 % 5]
        mean, low, high = ([100 * row[key] for row in own] for key in ("accuracy", "low", "high"))
        axes.plot(W, mean, marker=marker, ms=4, color=colour, label=label)
        axes.fill_between(W, low, high, color=colour, alpha=0.2, lw=0)
    for name in BASELINES:
        found = sorted(drawn.get((name, first), ()), key=itemgetter("W"))
        if found:
            _plot_baseline(axes, name, *np.array([[row["W"], row["accuracy"]] for row in found]).T)
    axes.set(xlabel="disorder strength W of the test", ylabel="accuracy against the ratio label (%)")
    axes.grid(alpha=0.3)
    seeds = max(row["seeds"] for row in table)
    figure.legend(
        title=f"mean of {seeds} seeds,\nbands: 95 % interval" if seeds > 1 else None,
        fontsize=8, title_fontsize=8, loc="outside right center",
    )  # fmt: skip
    return figure


def _plot_baseline(
    axes: Axes, name: str, W: NDArray[np.float64], accuracy: NDArray[np.float64]
) -> None:
    known = BASELINES[name]
    axes.plot(W, 100 * accuracy, color=known.colour, ls=known.line, lw=1.2, label=known.label)


def matrix_map(rows: Sequence[Row]) -> Figure:
    """Mean accuracy of networks, strength trained at × strength tested at."""
    networks = of_method(rows)
    strengths, grid = train_strengths(networks), sorted({row["W"] for row in networks})
    values = np.full((len(strengths), len(grid)), np.nan)
    for i, train_W in enumerate(strengths):
        for j, W in enumerate(grid):
            cell = [r["accuracy"] for r in networks if (r["train_W"], r["W"]) == (train_W, W)]
            values[i, j] = 100 * np.mean(cell) if cell else np.nan
    figure = Figure(figsize=(0.62 * len(grid) + 2.6, 0.62 * len(strengths) + 1.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        values, cmap="viridis", vmin=min(50, np.nanmin(values)), vmax=100, aspect="auto"
    )
    for (i, j), value in np.ndenumerate(values):
        colour = "black" if value > 80 else "white"
        text = "failed" if np.isnan(value) else f"{value:.1f}"
        axes.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(grid)), [f"{W:g}" for W in grid])
    axes.set_yticks(range(len(strengths)), [strength(W) for W in strengths])
    axes.set(xlabel="W of the test", ylabel="W of the training")
    figure.colorbar(image, label="accuracy (%)")
    return figure


def confusion_shares(rows: Sequence[Row]) -> Figure:
    """Shares of true and false answers of each phase against W, a panel a training strength."""
    networks = of_method(rows)
    strengths = train_strengths(networks)
    figure = Figure(figsize=(4.2 * len(strengths) + 1, 3.8), layout="constrained")
    grid = figure.subplots(1, len(strengths), squeeze=False, sharey=True)[0]
    kinds = (
        ("tp", "TP", "tab:green"),
        ("fn", "FN", "tab:olive"),
        ("fp", "FP", "tab:red"),
        ("tn", "TN", "tab:blue"),
    )
    for axes, train_W in zip(grid, strengths, strict=True):
        own = [row for row in networks if row["train_W"] == train_W]
        W = sorted({row["W"] for row in own})
        shares = [
            [100 * np.mean([r[key] / r["n"] for r in own if r["W"] == w]) for w in W]
            for key, _, _ in kinds
        ]
        bottom = np.zeros(len(W))
        for share, (_, name, colour) in zip(shares, kinds, strict=True):
            axes.bar(range(len(W)), share, bottom=bottom, color=colour, width=0.9, label=name)
            bottom += share
        axes.set_xticks(range(len(W)), [f"{w:g}" for w in W], rotation=60 if len(W) > 7 else 0)
        axes.set(title=f"trained at W = {strength(train_W)}", xlabel="W of the test", ylim=(0, 100))
    grid[0].set_ylabel("share of the test set (%)")
    grid[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="positive =\ntopological")
    return figure


def transfer_panel(examples: Sequence[Example], title: str) -> Figure:
    """Profile, its maxima, the edge pair, the most localised states and the map, a row an example.

    Args:
        examples: at least one.
        title: of the figure.
    """
    rows = sorted(examples, key=lambda e: (e.prediction != e.label, e.label))
    height = 1.75 * len(rows) + 1.1
    figure = Figure(figsize=(11.5, height))
    figure.suptitle(title, y=1 - 0.15 / height)
    # Fixed margins, in inches: a layout engine takes seconds for so many axes.
    grid = figure.subplots(
        len(rows), 5, squeeze=False,
        gridspec_kw={"left": 0.19, "right": 0.93, "wspace": 0.2,
                     "bottom": 0.5 / height, "top": 1 - 0.65 / height},
    )  # fmt: skip
    heads = (
        "density profile",
        "maxima of states",
        "mid-gap pair",
        "most localised states",
        "map",
    )
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=10)
    for row, example in zip(grid, rows, strict=True):
        pictures = (
            example.image,
            profile_maxima(example.image),
            midgap_pair(example.image),
            localised_states(example.image, _LOCALISED),
        )
        for axes, picture in zip(row, pictures, strict=False):
            image_axes(axes, picture, example.representation)
        activation = example.maps[example.prediction]
        limits = {"vmin": activation.min(), "vmax": activation.max(), "cmap": "viridis"}
        image_axes(row[4], activation, example.representation, example.image.shape, **limits)
        bar = row[4].inset_axes((1.05, 0.0, 0.05, 1.0))
        figure.colorbar(row[4].images[0], cax=bar)
        bar.set_title("$M_c$", fontsize=9)
        bar.tick_params(labelsize=8)
        for axes in row[1:]:
            axes.tick_params(labelleft=False)
        row[0].set_ylabel("site")
        describe(row[0], example)
    for axes in grid[:-1].flat:
        axes.tick_params(labelbottom=False)
    for axes in grid[-1]:
        axes.set_xlabel("state, by energy")
    return figure


def midgap_pair(profile: NDArray[np.floating]) -> NDArray[np.floating]:
    """A profile, shape (2M, 2M), of which only the two states next to zero energy are left."""
    middle = len(profile) // 2
    return _only(profile, np.array([middle - 1, middle]))


def localised_states(profile: NDArray[np.floating], pairs: int) -> NDArray[np.floating]:
    """A profile of which only the most localised states are left, without the mid-gap pair."""
    n_cells = len(profile) // 2
    ratio = inverse_participation_ratio(profile)[: n_cells - 1]  # the other half mirrors them
    lower = np.argsort(ratio)[::-1][:pairs]
    return _only(profile, np.concatenate([lower, 2 * n_cells - 1 - lower]))


def _only(profile: NDArray[np.floating], columns: NDArray[np.integer]) -> NDArray[np.floating]:
    kept = np.zeros_like(profile)
    kept[:, columns] = profile[:, columns]
    return kept
