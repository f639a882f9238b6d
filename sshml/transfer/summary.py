"""What the tables of a study say, over seeds."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from sshml import intervals
from sshml.files.run_folder import write_atomically
from sshml.files.tables import csv_text
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.columns import Row, tested_at
from sshml.transfer.phase_diagram import Diagram, of_methods

#: What a method costs: seconds of training and for each target, profiles of each target.
COSTS = ("train_seconds", "adapt_seconds", "target_labelled", "target_unlabelled")


def of_method(rows: Sequence[Row], method: str = ONLY_METHOD) -> list[Row]:
    """The rows of one method."""
    return [row for row in rows if row["method"] == method]


def train_strengths(rows: Sequence[Row]) -> list[Any]:
    """The strengths that networks were trained at, each once."""
    return list(dict.fromkeys(row["train_W"] for row in rows))


def strength(W: float | str) -> str:
    """A strength that a network was trained at, as one reads it."""
    return W if isinstance(W, str) else f"{W:g}"


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One row for each method and strength: accuracies over seeds, and what the method costs.

    Args:
        rows: of ``transfer.json``.

    Returns:
        Columns ``method``, ``train_W``, ``W``, ``seeds``; ``accuracy``, its ``spread`` (standard
        deviation over seeds, NaN for one), 95 % interval ``low`` and ``high`` and ``worst`` seed,
        against the ratio label; the same with ``_sample`` behind each name, against the exact
        invariant; ``train_seconds`` and ``adapt_seconds``, means over seeds; ``target_labelled`` and
        ``target_unlabelled`` profiles. ``accuracy_source``, mean over seeds, is on chains as of the
        training, of the networks that were carried over to W. What is not known of a method is None.
    """
    cells: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        cells.setdefault((row["method"], row["train_W"], row["W"]), []).append(row)
    table = []
    for (method, train_W, W), own in cells.items():
        table.append(
            {
                "method": method,
                "train_W": train_W,
                "W": W,
                "seeds": len(own),
                **_over_seeds(own, ""),
                **_over_seeds(own, "_sample"),
                **{name: _mean(own, name) for name in ("accuracy_source", *COSTS)},
            }
        )
    return table


def _over_seeds(rows: Sequence[Row], label: str) -> dict[str, float | None]:
    """Mean, spread, interval and worst of the accuracies against a label, by its ending of names."""
    accuracies = [row[f"accuracy{label}"] for row in rows]
    if None in accuracies:  # there is no such label
        return {f"{name}{label}": None for name in ("accuracy", "spread", "low", "high", "worst")}
    low, high = intervals.of_mean(accuracies)
    return {
        f"accuracy{label}": float(np.mean(accuracies)),
        f"spread{label}": float(np.std(accuracies, ddof=1)) if len(rows) > 1 else float("nan"),
        f"low{label}": low,
        f"high{label}": high,
        f"worst{label}": min(accuracies),
    }


def _mean(rows: Sequence[Row], name: str) -> float | None:
    known = [row[name] for row in rows if row.get(name) is not None]
    return float(np.mean(known)) if known else None


def _accuracy(row: Mapping[str, Any], label: str) -> str:
    """A cell of the printed table, two lines of several seeds."""
    if row[f"accuracy{label}"] is None:
        return ""
    mean, spread, *others = (
        f"{100 * row[f'{name}{label}']:.2f}" for name in ("accuracy", "spread", "low", "high", "worst")
    )
    if row["seeds"] == 1:
        return mean
    low, high, worst = others
    return f"{mean} ± {spread}\n{low} to {high}, {worst}"


def print_methods(rows: Sequence[Row]) -> None:
    """Print a table a strength: every method against both labels, and what it costs."""
    table = summary(rows)
    # A file has no width of its own, and names are not to be cut off.
    console = Console() if sys.stdout.isatty() else Console(width=150)
    for W in sorted({row["W"] for row in table}):
        own = [row for row in table if row["W"] == W]
        seeds = max(row["seeds"] for row in own)
        printed = Table(
            title=f"{tested_at(W)}, {seeds} seed{'s' if seeds > 1 else ''}\n"
            "accuracy (%) ± spread; 95 % interval of the mean, worst seed",
            box=SIMPLE,
        )
        for head in (
            "method", "trained\nat", "against the\nratio label", "against the\nexact invariant",
            "on source\ndata",
            "training\n(s)", "adaptation\n(s)", "target\nlabelled", "target\nunlabelled",
        ):  # fmt: skip
            printed.add_column(head, justify="left" if head == "method" else "right", no_wrap=True)
        for row in sorted(own, key=lambda row: (row["method"] in BASELINES, -row["accuracy"])):
            costs = ["" if row[name] is None else f"{row[name]:.0f}" for name in COSTS]
            accuracies = [_accuracy(row, label) for label in ("", "_sample")]
            kept = row["accuracy_source"]
            accuracies.append("" if kept is None else f"{100 * kept:.2f}")
            name = row["method"].replace("_", " ")
            printed.add_row(name, f"{row['train_W']}", *accuracies, *costs)
        console.print(printed)


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the summary as a CSV file."""
    table = summary(rows)
    write_atomically(path, csv_text(table[0], table))


def print_accuracies(rows: Sequence[Row]) -> None:
    """Print accuracies, strength trained at × strength tested at."""
    grid = sorted({row["W"] for row in rows})
    label = "label" if None in grid else "ratio label"
    table = Table(title=f"accuracy (%) against the {label}, mean ± spread over seeds", box=SIMPLE)
    table.add_column("test\nW", justify="right")
    columns = [(W, ONLY_METHOD) for W in train_strengths(rows)]
    first = columns[0][0] if columns else None
    present = {row["method"] for row in rows}
    columns += [(first, name) for name in BASELINES if name in present]
    for train_W, name in columns:
        head = f"trained\nat {strength(train_W)}" if name == ONLY_METHOD else name.replace("_", "\n")
        table.add_column(head, justify="right", no_wrap=True)
    for W in grid:
        cells = []
        for train_W, name in columns:
            values = [
                100 * r["accuracy"]
                for r in rows
                if (r["method"], r["train_W"], r["W"]) == (name, train_W, W)
            ]
            spread = f"±{np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.1f}{spread}" if values else "failed")
        table.add_row("-" if W is None else f"{W:g}", *cells)
    Console().print(table)


def print_scores(diagrams: Sequence[Diagram]) -> None:
    """Print what each method and baseline reaches: mean, spread and interval over seeds; the worst."""
    plane = diagrams[0].plane
    table = Table(title="phase diagrams: mean ± spread over seeds, 95 % interval, worst", box=SIMPLE)
    boundary = f"boundary error ({plane.hamiltonian.control})"
    for head in ("method", "trained at", "seeds", "accuracy (%)", "RMSE", boundary):
        table.add_column(head, no_wrap=True)
    for (method, train_W), own in of_methods(diagrams).items():
        scores = [diagram.scores() for diagram in own]
        cells = []
        for name, scale, largest in (
            ("accuracy", 100, 100.0),
            ("rmse", 1, 1.0),
            ("boundary", 1, plane.high - plane.low),
        ):
            values = [scale * row[name] for row in scores if row[name] is not None]
            digits = 2 if name == "accuracy" else 3
            cell = f"{np.mean(values):.{digits}f}" if values else "-"
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
