"""Pictures of a transfer study. Each function returns a matplotlib Figure."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sshml.data.base import PhaseDataModule
from sshml.figures import (
    Example,
    accuracy_by_parameter,
    confusion_matrix,
    describe,
    image_axes,
    map_panel,
)
from sshml.physics import inverse_participation_ratio, profile_maxima
from sshml.physics.numbers import Floats
from sshml.transfer.baselines import BASELINES, EXACT
from sshml.transfer.columns import Row, trained_at
from sshml.transfer.phase_diagram import Diagram, Plane, diagrams_of, of_methods
from sshml.transfer.plan import Plan
from sshml.transfer.scores import Answers
from sshml.transfer.summary import of_method, strength, summary, train_strengths
from sshml.transfer.table import Table

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")
_COLUMNS_OF_PANELS = 4
# Of boundaries, which are to be seen on the colours of the shares.
_BOUNDARIES = ("tab:green", "gold", "tab:purple", "tab:cyan", "tab:pink", "tab:olive")
_BOUNDARIES_ON_PHASES = ("black", "tab:red", "tab:purple", "saddlebrown", "tab:gray", "tab:olive")
# Of phases, where there are more than two.
_PHASES = ("#7b9ec7", "#e8a87c", "#94c58c", "#c9a0dc", "#f3d27a", "#9fd8d8")
# Mirror pairs of the most localised states that a panel shows.
_LOCALISED = 3


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


def drawn_figures(table: Table, plan: Plan) -> dict[str, Figure]:
    """The pictures of a study of one method, or of several, by name."""
    rows = table.rows
    if plan.strengths == [None]:  # nothing to draw against
        return {}
    if plan.several:
        drawn = {"methods": methods_curve(summary(rows))}
    else:
        drawn = {
            "accuracy_by_W": accuracy_curve(rows),
            "matrix": matrix_map(rows),
            "confusion_by_W": answer_shares(rows, plan.classes),
        }
    if plan.plane:
        drawn["phase_diagram"] = phase_diagrams(diagrams_of(table.lines, plan.plane))
    return drawn


def sample_figures(answers: Answers, data: PhaseDataModule) -> dict[str, Figure]:
    """The confusion matrix of a network, and its accuracy by each parameter that varies, by name."""
    n = len(data.classes)
    counts = np.bincount(answers.label * n + answers.predictions, minlength=n**2).reshape(n, n)
    return {
        "confusion_matrix": confusion_matrix(counts, data.classes),
        **{
            f"accuracy_by_{name}": accuracy_by_parameter(
                values,
                data.known_parameters[name].symbol,
                answers.label,
                answers.predictions,
                data.classes,
                data.critical(name),
            )
            for name, values in answers.parameters.items()
            if values.min() < values.max()
        },
    }


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
        label = f"network {trained_at(train_W)}" + (f", {seeds} seeds" if seeds > 1 else "")
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
    axes.set(
        xlabel="disorder strength W of the test chains", ylabel="accuracy against the ratio label (%)"
    )
    axes.set_ylim(-3 if any(row["accuracy"] < 0.4 for row in of_method(rows)) else 40, 103)
    axes.grid(alpha=0.3)
    several = len({row["seed"] for row in rows}) > 1
    title = "bands: range over seeds" if several else "bands: 95 % interval"
    figure.legend(title=title, fontsize=8, title_fontsize=8, loc="outside right center")
    return figure


def methods_curve(table: Sequence[Mapping[str, Any]]) -> Figure:
    """Accuracy of every method against the strength tested at, with the 95 % interval over seeds.

    Args:
        table: from :func:`sshml.transfer.summary.summary`.
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
    axes.set(
        xlabel="disorder strength W of the test chains", ylabel="accuracy against the ratio label (%)"
    )
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
    axes.set(xlabel="test W", ylabel="training W")
    figure.colorbar(image, label="accuracy (%)")
    return figure


def answer_shares(rows: Sequence[Row], classes: Sequence[str]) -> Figure:
    """Shares of the kinds of answer against W, a panel a training strength.

    Args:
        rows: of the study.
        classes: names of the phases. For two, bars are TP, FN, FP and TN; for more, right and wrong
            answers by predicted class.
    """
    networks = of_method(rows)
    strengths = train_strengths(networks)
    figure = Figure(figsize=(4.2 * len(strengths) + 1, 3.8), layout="constrained")
    grid = figure.subplots(1, len(strengths), squeeze=False, sharey=True)[0]
    kinds = _kinds_of_answer(classes)
    for axes, train_W in zip(grid, strengths, strict=True):
        own = [row for row in networks if row["train_W"] == train_W]
        W = sorted({row["W"] for row in own})
        bottom = np.zeros(len(W))
        for name, columns, style in kinds:
            share = [
                100 * np.mean([sum(r[c] for c in columns) / r["n"] for r in own if r["W"] == w])
                for w in W
            ]
            axes.bar(range(len(W)), share, bottom=bottom, width=0.9, label=name, **style)
            bottom += share
        axes.set_xticks(range(len(W)), [f"{w:g}" for w in W], rotation=60 if len(W) > 7 else 0)
        axes.set(title=trained_at(train_W), xlabel="test W", ylim=(0, 100))
    grid[0].set_ylabel("fraction of the test set (%)")
    title = f"positive =\n{classes[1]}" if len(classes) == 2 else "predicted"
    grid[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title=title)
    return figure


def _kinds_of_answer(classes: Sequence[str]) -> list[tuple[str, tuple[str, ...], dict[str, Any]]]:
    """Name, the counts that it is the sum of, and the style of its bars."""
    if len(classes) == 2:
        return [
            ("TP", ("tp",), {"color": "tab:green"}),
            ("FN", ("fn",), {"color": "tab:olive"}),
            ("FP", ("fp",), {"color": "tab:red"}),
            ("TN", ("tn",), {"color": "tab:blue"}),
        ]
    kinds: list[tuple[str, tuple[str, ...], dict[str, Any]]] = []
    for predicted, (name, colour) in enumerate(zip(classes, _PHASES * len(classes), strict=False)):
        others = tuple(f"count_{true}_{predicted}" for true in range(len(classes)) if true != predicted)
        kinds.append((f"{name}, correct", (f"count_{predicted}_{predicted}",), {"color": colour}))
        kinds.append((f"{name}, wrong", others, {"color": colour, "hatch": "///"}))
    return kinds


def transfer_panel(examples: Sequence[Example], title: str) -> Figure:
    """Profile, its maxima, the edge pair, the most localised states and the map, a row an example.

    Of images whose columns are no states, the image and the maps.

    Args:
        examples: at least one.
        title: of the figure.
    """
    if not examples[0].representation.columns_are_states:
        return map_panel(examples, title)
    rows = sorted(examples, key=lambda e: (e.prediction != e.label, e.label))
    height = 1.75 * len(rows) + 1.2
    figure = Figure(figsize=(11.5, height))
    figure.suptitle(title, y=1 - 0.15 / height)
    # Fixed margins, in inches: a layout engine takes seconds for so many axes.
    grid = figure.subplots(
        len(rows), 5, squeeze=False,
        gridspec_kw={"left": 0.19, "right": 0.93, "wspace": 0.2,
                     "bottom": 0.5 / height, "top": 1 - 0.75 / height},
    )  # fmt: skip
    heads = (
        "density profile",
        "maximum of each state",
        "mid-gap pair",
        "most localised states",
        "map of the\npredicted class",
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
        bar.set_title(example.of_maps, fontsize=9)
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


def phase_diagrams(diagrams: Sequence[Diagram]) -> Figure:
    """The exact diagram, and for each method the mean of its networks; the median of their boundaries.

    Colours are the share of the second phase, or of more than two phases the one with the highest
    share. A band is from the lowest to the highest seed. Baselines are those of the first strength
    trained at.

    Args:
        diagrams: from :func:`sshml.transfer.phase_diagram.diagrams_of`.
    """
    plane, first_trained = diagrams[0].plane, diagrams[0].train_W
    methods = {
        (method, train_W): own
        for (method, train_W), own in of_methods(diagrams).items()
        # The first panel has the exact invariant's.
        if method not in BASELINES or (method != EXACT and train_W == first_trained)
    }
    panels = 1 + len(methods)
    columns = min(panels, _COLUMNS_OF_PANELS)
    rows = -(-panels // columns)
    figure = Figure(figsize=(3.6 * columns + 1, 3.6 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[panels:]:
        axes.set_axis_off()
    # A network of a study that is not done lacks strengths; drawn are those of all of its method.
    most = max(diagrams, key=lambda diagram: len(diagram.lines))
    strengths, n = most.strengths, len(most.lines)
    every = [diagram for diagram in diagrams if len(diagram.lines) == n]
    first = grid.flat[0]
    image = _panel(first, strengths, np.mean([d.exact for d in every], axis=0), plane)
    first.set_title(f"exact invariant and learned boundaries\n{n} strengths", fontsize=10)
    for number, ((method, _), own) in enumerate(methods.items()):
        axes, name = grid.flat[1 + number], method.replace("_", " ")
        whole = [diagram for diagram in own if len(diagram.lines) == n]
        if not whole:
            axes.set_title(f"{name}\nsome strengths are missing", fontsize=10)
            continue
        _panel(axes, strengths, np.mean([d.predicted for d in whole], axis=0), plane)
        colours = _BOUNDARIES if len(plane.hamiltonian.classes) == 2 else _BOUNDARIES_ON_PHASES
        style: dict[str, Any] = {"color": colours[number % len(colours)]}
        if method in BASELINES:
            style = {"color": BASELINES[method].colour, "ls": BASELINES[method].line}
        for shown in (axes, first):
            _draw_boundaries(shown, whole, name, style)
        scores = [diagram.scores() for diagram in whole]
        accuracy, rmse = (np.mean([score[key] for score in scores]) for key in ("accuracy", "rmse"))
        seeds = f"{len(whole)} seed{'s' if len(whole) > 1 else ''}"
        axes.set_title(f"{name}, {seeds}\naccuracy {accuracy:.3f}, RMSE {rmse:.3f}", fontsize=10)
    for axes in grid[:, 0]:
        axes.set_ylabel("disorder strength W")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), frameon=False)
    classes = plane.hamiltonian.classes
    bar = figure.colorbar(
        image, ax=grid, label=f"fraction predicted {classes[1]}" * (len(classes) == 2)
    )
    if len(classes) > 2:
        bar.set_ticks(range(len(classes)), labels=classes)
    return figure


def _draw_boundaries(axes: Axes, diagrams: Sequence[Diagram], name: str, style: dict[str, Any]) -> None:
    """The median boundaries of several diagrams of the same strengths, and their range."""
    every = np.stack([diagram.plane.boundaries(diagram.predicted) for diagram in diagrams])
    strengths = diagrams[0].strengths
    for transition, boundaries in enumerate(every.swapaxes(0, 1)):
        label = name + (", median and range" if len(diagrams) > 1 else "")
        axes.plot(
            np.median(boundaries, axis=0), strengths, lw=1.8, clip_on=False, **style,
            label=label if transition == 0 else None,
        )  # fmt: skip
        axes.fill_betweenx(
            strengths, *np.quantile(boundaries, (0, 1), axis=0), color=style["color"], alpha=0.3, lw=0
        )


def _panel(axes: Axes, strengths: Floats, shares: Floats, plane: Plane) -> Any:
    n_classes = shares.shape[1] + 1
    if n_classes == 2:
        colours: dict[str, Any] = {"cmap": "coolwarm", "vmin": 0, "vmax": 1}
        values = shares[:, 0]
    else:
        colours = {"cmap": ListedColormap(_PHASES[:n_classes]), "vmin": -0.5, "vmax": n_classes - 0.5}
        of_class = np.concatenate([1 - shares.sum(axis=1, keepdims=True), shares], axis=1)
        values = np.where(np.isnan(of_class[:, 0]), np.nan, of_class.argmax(axis=1))
    image = axes.pcolormesh(plane.centres, strengths, values, rasterized=True, **colours)
    step = (strengths[-1] - strengths[0]) / max(2 * (len(strengths) - 1), 1)
    fine = np.linspace(strengths[0], strengths[-1], 401)
    for transition, line in enumerate(plane.critical_lines(fine)):
        label = "exact, infinite chain" if transition == 0 else None
        if np.isfinite(line).sum() > 1:
            axes.plot(line, fine, "k-", lw=1.5, label=label)
    axes.set(
        xlabel=plane.hamiltonian.symbol,
        xlim=(plane.low, plane.high),
        ylim=(max(strengths[0] - step, -0.1), strengths[-1] + step) if step else None,
    )
    return image
