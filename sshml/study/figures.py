"""Pictures of a set of runs. Each function returns a matplotlib Figure."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from sshml.study.axes import Axis
from sshml.study.importance import Importance
from sshml.study.runs import Value
from sshml.study.table import Study

# As many lines, or colours, as one can tell apart.
_LINES = 8
# As many levels as have room beside each other: with a label each, and in a heat map.
_LABELLED = 12
_CELLS = 20
# Share of an axis that labels of two levels are apart at least.
_APART = 0.04
# Share of an axis that a character of a label takes.
_CHARACTER = 0.017
# Height of runs without a value in parallel coordinates, whose scales reach from 0 to 1.
_MISSING = -0.12
# A logarithmic scale from this ratio of the largest to the smallest value.
_DECADES = 30
# Characters of a value that are shown.
_LONGEST = 60
_GREY = "0.6"
# The end of viridis is too light for a line.
_SHADES = LinearSegmentedColormap.from_list(
    "shades", colormaps["viridis"](np.linspace(0, 0.88, 256))
).with_extremes(bad=_GREY)


def text(value: Value) -> str:
    """A value of an axis as one reads it."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.4g}"


def plain(value: Value) -> str:
    """A value or a name as matplotlib shows it; between two dollars it would look for a formula."""
    return text(value).replace("$", r"\$")


def metric_by_axis(study: Study, axis: Axis) -> Figure:
    """The metric against one axis, a line for each value of the next most important one.

    Lines are means over whatever else varies; bands reach from the lowest to the highest seed. An
    axis whose values are nearly all different is drawn as points, a run each.
    """
    other = _coloured_by(study, axis)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    frame = pd.DataFrame(
        {"x": _positions(axis), "y": study.values, "seed": study.table["seed"], "line": None}
    )
    if other:
        frame["line"] = pd.Series(other.values, dtype=object).fillna("none")
    points = study.is_search or len(axis.levels) > study.configurations.nunique() / 2 > _LABELLED
    if not axis.numeric:  # beside each other: runs of a search, or the lines
        spread = np.random.default_rng(0).uniform(-0.15, 0.15, len(frame)) if points else 0
        frame["x"] += spread
    lines = _colours(other)
    for number, (colour, level) in enumerate(lines):
        own = frame if level is None else frame[frame["line"] == level]
        label = "mean" if level is None else plain(level)
        if points:
            axes.plot(own["x"], own["y"], "o", ms=4, alpha=0.7, color=colour, label=label)
        else:
            shift = 0 if axis.numeric else 0.04 * (number - (len(lines) - 1) / 2)
            _draw_seeds(axes, own.assign(x=own["x"] + shift), colour, label, joined=axis.numeric)
    _set_x(axes, axis)
    axes.set_ylabel(plain(study.metric.label))
    if not study.metric.in_percent:
        _log_if_decades(axes, study.values)
    axes.grid(alpha=0.3)
    title = [other.name] if other else []
    if study.table["seed"].nunique() > 1 and not points:
        title.append("bands: range\nover seeds")
    if title:
        figure.legend(title="\n".join(title), fontsize=9, title_fontsize=9, loc="outside right center")
    return figure


def _draw_seeds(
    axes: Axes, frame: pd.DataFrame, colour: object, label: str | None, *, joined: bool
) -> None:
    """Mean over seeds with a band, or bars where there is nothing between the values."""
    by_seed = frame.groupby(["x", "seed"])["y"].mean().groupby("x")
    x = np.array(list(by_seed.groups), dtype=float)
    mean, low, high = (np.asarray(values) for values in (by_seed.mean(), by_seed.min(), by_seed.max()))
    if joined:
        axes.plot(x, mean, "o-", ms=4, color=colour, label=label)
        axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
    else:
        axes.errorbar(x, mean, (mean - low, high - mean), fmt="o", capsize=4, color=colour, label=label)


def pairs(study: Study) -> list[tuple[Axis, Axis]]:
    """The pairs of axes that a heat map shows something of: runs on a grid of at least 2 × 2.

    The most important first; the first of a pair has at least as many levels.
    """
    found = []
    for a, b in combinations([axis for axis in study.axes if len(axis.levels) <= _CELLS], 2):
        filled = _grid(study, a, b).notna().to_numpy().astype(int)
        shared = filled.T @ filled  # values of one that two values of the other have in common
        if (np.triu(shared, k=1) >= 2).any():
            found.append((a, b) if len(a.levels) >= len(b.levels) else (b, a))
    return found


def _grid(study: Study, columns: Axis, rows: Axis) -> pd.DataFrame:
    frame = pd.DataFrame({"x": columns.values, "y": rows.values, "value": study.values})
    return frame.pivot_table(index="y", columns="x", values="value")


def heat_map(study: Study, columns: Axis, rows: Axis) -> Figure:
    """The metric on the grid of two axes, mean over everything else."""
    grid = _grid(study, columns, rows)
    n_rows, n_columns = grid.shape
    figure = Figure(figsize=(0.66 * n_columns + 3, 0.5 * n_rows + 1.5), layout="constrained")
    axes = figure.subplots()
    colours = colormaps["viridis" if study.metric.higher_is_better else "viridis_r"]
    image = axes.imshow(grid, cmap=colours, aspect="auto", origin="lower")
    for (i, j), value in np.ndenumerate(grid.to_numpy()):
        if np.isfinite(value):
            dark = np.mean(colours(image.norm(value))[:3]) < 0.5
            number = f"{value:.1f}" if study.metric.in_percent else f"{value:.3g}"
            axes.text(
                j, i, number, ha="center", va="center", fontsize=8, color="white" if dark else "black"
            )
    axes.set_xticks(range(n_columns), [plain(x) for x in grid.columns])
    axes.set_yticks(range(n_rows), [plain(y) for y in grid.index])
    if max(len(text(x)) for x in grid.columns) > 7:
        axes.tick_params(axis="x", rotation=30)
    axes.set(xlabel=plain(columns.name), ylabel=plain(rows.name))
    figure.colorbar(image, label=plain(study.metric.label))
    return figure


def learning_curves(study: Study) -> Figure:
    """Validation loss and accuracy of all runs against epochs, coloured by the most important axis."""
    axis = study.axes[0] if study.axes else None
    figure = Figure(figsize=(10, 3.8), layout=ConstrainedLayoutEngine(wspace=0.08))
    alpha = float(np.clip(15 / len(study.runs), 0.12, 0.9))
    panels = list(figure.subplots(1, 2))
    colours = _run_colours(figure, panels, axis, len(study.runs))
    curves = [
        np.array([(row["epoch"], row["val/loss"], 100 * row["val/accuracy"]) for row in run.curves])
        for run in study.runs
    ]
    curves = [np.where(np.isfinite(curve), curve, np.nan) for curve in curves]
    last = max(len(curve) for curve in curves)
    for column, (axes, label) in enumerate(
        zip(panels, ("validation loss", "validation accuracy (%)"), strict=True)
    ):
        lines = [curve[:, [0, column + 1]] for curve in curves]
        axes.add_collection(LineCollection(lines, colors=colours, alpha=alpha, lw=1.2, in_layout=False))
        if last < 3:  # hardly a line
            for line, colour in zip(lines, colours, strict=True):
                axes.plot(*line.T, "o", ms=3, color=colour, alpha=alpha)
        axes.autoscale_view()
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    losses = np.concatenate([curve[:, 1] for curve in curves])
    finite = losses[np.isfinite(losses)]
    if finite.size and finite.min() > 0:
        figure.axes[0].set_yscale("log")
    return figure


def parallel_coordinates(study: Study, axes_shown: Sequence[Axis]) -> Figure:
    """Every run as a line through its values on each axis and the metric; the best on top."""
    values = np.asarray(study.values, dtype=np.float64)
    known = np.isfinite(values)
    columns = [_unit(_positions(axis), log=_spans_decades(axis)) for axis in axes_shown]
    columns.append(_unit(values, log=False))
    heights = np.stack(columns, axis=1)[known]
    ranks = np.argsort(np.argsort(values[known])) / max(known.sum() - 1, 1)
    if not study.metric.higher_is_better:
        ranks = 1 - ranks
    figure = Figure(figsize=(1.6 * len(columns) + 1.2, 4.4), layout="constrained")
    axes = figure.subplots()
    order = np.argsort(ranks)
    lines = [np.column_stack([range(len(columns)), heights[i]]) for i in order]
    colours = colormaps["viridis"](ranks[order])
    colours[:, 3] = 0.15 + 0.75 * ranks[order] ** 2
    # Inside the axes anyway; a layout engine that looks at thousands of lines takes seconds.
    axes.add_collection(LineCollection(lines, colors=colours, lw=1.2, in_layout=False))
    axes.set(xlim=(-0.4, len(columns) - 0.9), ylim=(heights.min() - 0.04, 1.04))
    axes.set_yticks([])
    axes.set_xticks(
        range(len(columns)),
        [plain(name) for name in (*(a.name for a in axes_shown), study.metric.label)],
    )
    axes.spines[["left", "right", "top", "bottom"]].set_visible(False)
    for position, axis in enumerate(axes_shown):
        _draw_scale(axes, position, *_scale(axis))
    low, high = values[known].min(), values[known].max()
    _draw_scale(axes, len(axes_shown), *_marks(low, high, log=False))
    figure.colorbar(
        ScalarMappable(cmap="viridis"), ax=axes, ticks=[0, 1], pad=0.02, label="rank of the run"
    ).ax.set_yticklabels(["worst", "best"])
    return figure


def _draw_scale(axes: Axes, position: int, heights: Sequence[float], labels: Sequence[str]) -> None:
    axes.axvline(position, color="black", lw=0.8)
    for height, label in zip(heights, labels, strict=True):
        axes.plot([position - 0.02, position], [height, height], color="black", lw=0.8)
        axes.text(
            position - 0.04, height, label, ha="right", va="center", fontsize=8,
            bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip


def importance_bars(found: Importance) -> Figure:
    """Shares of the variance that go with each axis."""
    n = len(found.names)
    figure = Figure(figsize=(7, 0.4 * n + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(
        range(n), 100 * np.array(found.shares), xerr=100 * np.array(found.spreads), color="tab:blue",
        alpha=0.8, error_kw={"capsize": 3, "ecolor": "0.3"},
    )  # fmt: skip
    axes.set_yticks(range(n), [plain(name) for name in found.names])
    axes.invert_yaxis()
    axes.set(xlabel="share of the variance explained (%)", xlim=(0, None))
    axes.grid(axis="x", alpha=0.3)
    return figure


def _coloured_by(study: Study, axis: Axis) -> Axis | None:
    """The most important other axis that has no more values than one can tell apart."""
    return next(
        (a for a in study.axes if a is not axis and len(a.levels) <= _LINES),
        None,
    )


def _colours(axis: Axis | None) -> list[tuple[object, Value | None]]:
    """A colour for each value of an axis: in order for numbers, apart for names."""
    if axis is None:
        return [("tab:blue", None)]
    levels = axis.levels
    named: list[tuple[object, Value | None]] = []
    if axis.numeric:
        named += zip(_SHADES(np.linspace(0, 1, len(levels))), levels, strict=True)
    else:
        named += zip(colormaps["tab10"].colors, levels, strict=False)  # type: ignore[attr-defined]
    return named + [(_GREY, "none")] * (None in axis.values)


def _run_colours(figure: Figure, panels: Sequence[Axes], axis: Axis | None, n: int) -> list[object]:
    """A colour for each run by its value of an axis, and what explains them beside the figure."""
    if axis is not None and len(axis.levels) <= _LINES:
        colours = {level: colour for colour, level in _colours(axis)}
        handles = [Line2D([], [], color=c, label=plain(level)) for level, c in colours.items()]  # type: ignore[arg-type]
        figure.legend(handles=handles, title=plain(axis.name), fontsize=9, loc="outside right center")
        return [colours["none" if value is None else value] for value in axis.values]
    if axis is None or not axis.numeric:
        return ["tab:blue"] * n
    positions = _positions(axis)
    norm = (LogNorm if _spans_decades(axis) else Normalize)(positions.min(), positions.max())
    scale = ScalarMappable(norm, _SHADES)
    figure.colorbar(scale, ax=panels, label=plain(axis.name))
    return list(scale.to_rgba(positions))


def _positions(axis: Axis) -> NDArray[np.float64]:
    """Where each run stands on an axis: numbers as they are, names one after another."""
    if axis.numeric:
        return np.array(axis.values, dtype=float)
    levels = axis.levels
    return np.array([np.nan if v is None else levels.index(v) for v in axis.values])


def _spans_decades(axis: Axis) -> bool:
    if not axis.numeric:
        return False
    smallest, largest = float(axis.levels[0]), float(axis.levels[-1])
    return 0 < smallest < np.inf and largest / smallest >= _DECADES


def _set_x(axes: Axes, axis: Axis) -> None:
    axes.set_xlabel(plain(axis.name))
    levels = axis.levels
    labelled = len(levels) <= _LABELLED
    rotated = labelled and sum(len(text(v)) for v in levels) > 50
    if not axis.numeric:
        axes.set_xticks(range(len(levels)), [plain(v) for v in levels])
        axes.set_xlim(-0.5, len(levels) - 0.5)
    else:
        places = np.array(levels, dtype=float)
        if levels[0] == 0 and float(levels[-1]) / float(levels[1]) >= _DECADES:
            axes.set_xscale("symlog", linthresh=float(levels[1]))
        else:
            log = _spans_decades(axis)
            axes.set_xscale("log" if log else "linear")
            # Those of a search lie anywhere.
            labelled &= np.diff(_unit(places, log=log)).min(initial=1) > _APART
        rotated &= labelled
        if labelled:
            at = _unit(axes.xaxis.get_transform().transform(places), log=False)
            names = [plain(v) for v in levels]
            axes.set_xticks(places, names if rotated else _apart(at, names))
            axes.xaxis.set_minor_locator(NullLocator())
    if rotated:
        axes.tick_params(axis="x", rotation=30)


def _apart(at: NDArray[np.float64], labels: Sequence[str]) -> list[str]:
    """Labels at places from 0 to 1, empty where one would touch that before it."""
    apart, end = [], -np.inf
    for x, label in zip(at, labels, strict=True):
        half = len(label) * _CHARACTER / 2
        touches = x - half < end
        apart.append("" if touches else label)
        end = end if touches else x + half + _CHARACTER
    return apart


def _log_if_decades(axes: Axes, values: "pd.Series[float]") -> None:
    finite = values[np.isfinite(values)]
    if finite.min() > 0 and finite.max() / finite.min() >= _DECADES:
        axes.set_yscale("log")


def _unit(values: NDArray[np.float64], *, log: bool) -> NDArray[np.float64]:
    """Values from 0 to 1; those that are missing lie below."""
    scaled = np.log(values) if log else values
    low, high = np.nanmin(scaled), np.nanmax(scaled)
    return np.nan_to_num((scaled - low) / (high - low or 1), nan=_MISSING)


def _scale(axis: Axis) -> tuple[list[float], list[str]]:
    """Heights and labels of the scale of an axis in parallel coordinates."""
    levels = axis.levels
    if axis.numeric and len(levels) > _LINES:
        heights, labels = _marks(float(levels[0]), float(levels[-1]), log=_spans_decades(axis))
    else:
        positions = np.array(levels if axis.numeric else range(len(levels)), dtype=float)
        heights = _unit(positions, log=_spans_decades(axis)).tolist()
        labels = [plain(v) for v in levels]
    if None in axis.values:
        return [*heights, _MISSING], [*labels, "none"]
    return heights, labels


def _marks(low: float, high: float, *, log: bool) -> tuple[list[float], list[str]]:
    """Heights and labels of round numbers between two values at heights 0 and 1."""
    locator = LogLocator(subs=(1, 3)) if log else MaxNLocator(5)
    marks = np.array([mark for mark in locator.tick_values(low, high) if low <= mark <= high])
    inside = _unit(np.array([low, *marks, high]), log=log)[1:-1]
    return inside.tolist(), [f"{mark:.4g}" for mark in marks]
