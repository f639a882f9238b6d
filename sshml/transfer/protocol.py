"""Methods side by side: the same budgets, targets and seeds for all, and one table."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from sshml import intervals
from sshml.config.build import build
from sshml.errors import ConfigError, named
from sshml.files.run_folder import write_atomically
from sshml.files.tables import csv_text
from sshml.transfer.baselines import BASELINES, ONLY_METHOD
from sshml.transfer.methods import TransferMethod
from sshml.transfer.scores import Row
from sshml.transfer.study import Method

#: What a method costs: seconds of training and for each target, profiles of each target.
COSTS = ("train_seconds", "adapt_seconds", "target_labelled", "target_unlabelled")


def methods_of(settings: Mapping[str, Any]) -> list[Method]:
    """The methods of a study: those of ``methods``, or the one that ``transfer`` names.

    Raises:
        ConfigError: for a name that cannot be one, or no method at all.
    """
    default = settings["transfer"]
    if settings["methods"] is None:
        return [Method(ONLY_METHOD, _built("transfer", default))]
    if not settings["methods"]:
        raise ConfigError(
            "methods={}: expected one or more, such as methods={plain:{}}; null has the one of transfer"
        )
    taken = (*BASELINES, ONLY_METHOD)
    for name in settings["methods"]:
        if name in taken or not re.fullmatch(r"[\w-]{1,100}", name):
            raise ConfigError(
                f"methods.{name}: expected a name of at most 100 letters, digits, - and _, and none of "
                f"{', '.join(taken)}, which the tables have already"
            )
    return [
        Method(
            name,
            _built(f"methods.{name}.transfer", node.get("transfer") or default),
            _own_training(node, settings["augmentation"]),
        )
        for name, node in settings["methods"].items()
    ]


def _built(path: str, node: Mapping[str, Any]) -> TransferMethod:
    with named(path, node):
        method: TransferMethod = build(node)
    return method


def _own_training(node: Mapping[str, Any], augmentation: Mapping[str, Any]) -> dict[str, Any]:
    """What a method's training has of its own; an empty augmentation is none, whatever the study's."""
    own = {"data": node["data"]} if node.get("data") else {}
    if node.get("augmentation") not in (None, augmentation):
        own["augmentation"] = node["augmentation"]
    return own


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


def _over_seeds(rows: Sequence[Row], label: str) -> dict[str, float]:
    """Mean, spread, interval and worst of the accuracies against a label, by its ending of names."""
    accuracies = [row[f"accuracy{label}"] for row in rows]
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
            title=f"tested at W = {W:g}, {seeds} seed{'s' if seeds > 1 else ''}\n"
            "accuracy (%) ± spread; 95 % interval of the mean, worst seed",
            box=SIMPLE,
        )
        for head in (
            "method", "trained\nat", "against the\nratio label", "against the\nexact invariant",
            "on chains of\nthe training",
            "training\n(s)", "adaptation\n(s)", "target\nlabelled", "target\nother",
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
