"""The picture of what networks look at."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sshml.explain.measures import ACCURACY, FLIPPED, REGIONS, Row, measure_name, of_groups

# Of group names that have room beside each other.
_LEGEND_LETTERS = 100
_COLOURS = ("tab:orange", "tab:blue", "tab:green", "tab:red", "tab:purple", "tab:brown")


def explained(rows: Sequence[Row], phase: str) -> Figure:
    """Where maps lie, which decisions flip, and whether maps tell how well a network carries over.

    Args:
        rows: of networks (:data:`sshml.explain.measures.COLUMNS`); of the maps the first kind is drawn.
        phase: whose chains' maps are looked at.

    Returns:
        The figure. The part on changes is left out without any, the last one for a single strength.
    """
    means = of_groups(rows)
    strengths = sorted({row["W"] for row in rows})
    groups = list(dict.fromkeys(row["group"] for row in rows))
    colours = dict(zip(groups, (_COLOURS * len(groups))[: len(groups)], strict=True))
    several = len(strengths) > 1
    flips = dict.fromkeys(row["measure"] for row in means if row["measure"].startswith(FLIPPED))
    regions = [r for r in REGIONS if any(row["measure"] == measure_name("share", r) for row in means)]
    widths = [1, *[1.25] * bool(flips), *[0.9] * several]
    figure = Figure(figsize=(0.8 + 4.6 * sum(widths), 5.8), layout="constrained")
    panels = list(figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0])
    explanation = next(row["explanation"] for row in rows if row["explanation"])
    shown = [strengths[0], strengths[-1]] if several else strengths
    of_regions = panels.pop(0)
    _bars(
        of_regions,
        [
            (
                f"{region}\nW = {W:g}",
                {
                    row["group"]: row
                    for row in means
                    if row["measure"] == measure_name("share", region)
                    and (row["W"], row["chains"]) == (W, phase)
                    and row["explanation"] == explanation
                },
            )
            for region in regions
            for W in shown
        ],
        colours,
    )
    of_regions.set_title(f"where the {explanation.replace('_', ' ')} map lies\n({phase} chains)")
    of_regions.set_xlabel("fraction of the map's positive part")
    if flips:
        of_changes = panels.pop(0)
        _bars(
            of_changes,
            [
                (
                    f"{measure.removeprefix(FLIPPED)}\nW = {shown[-1]:g}",
                    {r["group"]: r for r in means if (r["measure"], r["W"]) == (measure, shown[-1])},
                )
                for measure in flips
            ],
            colours,
        )
        of_changes.set_title("edits that flip correct predictions")
        of_changes.set_xlabel("fraction of correct predictions that flip")
    # Between two dollars matplotlib would look for a formula.
    handles: list[Artist] = [
        Patch(color=colour, label=group.replace("$", r"\$")) for group, colour in colours.items()
    ]
    handles.append(Line2D([], [], color="k", marker="|", ms=12, mew=2, ls="", label="chance level"))
    in_a_line = sum(map(len, groups)) < _LEGEND_LETTERS
    ncols = len(handles) if in_a_line else 1
    figure.legend(handles=handles, loc="outside lower center", ncols=ncols, frameon=False)
    if several:
        own = [row for row in rows if row["chains"] in (phase, "all")]
        _scatter(panels[0], own, explanation, (strengths[0], strengths[-1]), colours)
    return figure


def _bars(axes: Axes, lines: Sequence[tuple[str, dict[str, Row]]], colours: dict[str, str]) -> None:
    """Horizontal bars with intervals, a line of them for each group, and a tick for chance."""
    height = 0.8 / len(colours)
    for k, (group, colour) in enumerate(colours.items()):
        cells = [own.get(group) for _, own in lines]
        known = [(y, cell) for y, cell in enumerate(cells) if cell and math.isfinite(cell["value"])]
        for y, cell in enumerate(cells):
            if cell and not math.isfinite(cell["value"]):
                where = y + (k + 0.5) * height - 0.4
                axes.text(0.01, where, "none", color=colour, va="center", fontsize=8)
        if not known:
            continue
        at = np.array([y for y, _ in known]) + (k + 0.5) * height - 0.4
        value, low, high = (
            np.array([cell[name] for _, cell in known]) for name in ("value", "low", "high")
        )
        errors = np.nan_to_num(np.clip([value - low, high - value], 0, None))
        axes.barh(at, value, height=0.9 * height, color=colour)
        axes.errorbar(value, at, xerr=errors, fmt="none", ecolor="0.2", elinewidth=1, capsize=2)
        chances = [cell["chance"] for _, cell in known]
        if None not in chances:
            axes.plot(chances, at, "k|", ms=30 * height, mew=2)
    axes.set_yticks(range(len(lines)), [name for name, _ in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)


def _scatter(
    axes: Axes,
    rows: Sequence[Row],
    explanation: str,
    strengths: tuple[float, float],
    colours: dict[str, str],
) -> None:
    """A point a network: its map score at the lowest strength, its accuracy at the highest."""
    measure = measure_name("share", "edge pair")
    for group, colour in colours.items():
        own = [row for row in rows if row["group"] == group]
        score = {
            row["checkpoint"]: row["value"]
            for row in own
            if (row["measure"], row["W"]) == (measure, strengths[0])
            and row["explanation"] == explanation
        }
        accuracy = {
            row["checkpoint"]: row["value"]
            for row in own
            if (row["measure"], row["W"]) == (ACCURACY, strengths[1])
        }
        axes.plot([score[n] for n in score], [accuracy[n] for n in score], "o", color=colour, alpha=0.8)
    axes.set(
        xlabel=f"fraction in the edge pair at W = {strengths[0]:g}",
        ylabel=f"accuracy at W = {strengths[1]:g}",
        title="does the map predict\nhow well a network carries over?",
        ylim=(min(0.45, axes.get_ylim()[0]), 1.02),
    )
