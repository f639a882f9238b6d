"""The results of a sweep: one row per combination of values on its axes, over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from sshml.entry.jobs import short_keys, short_value, values_on
from sshml.entry.sweep import outcome
from sshml.errors import shown
from sshml.files.run_folder import write_atomically
from sshml.files.stored import StoredError, read_metrics
from sshml.files.tables import csv_text, print_table

_FILE = "results.csv"
# Rows on the terminal; the file has them all.
_MOST = 20
_METRICS = {"val/accuracy": "validation", "test/accuracy": "test"}
_UNDONE = ("failed", "diverged", "pruned")


@dataclass
class _Row:
    """Jobs that differ in their seed only.

    Attributes:
        values: on the axes, by short key.
        results: of each finished job, its final values.
        undone: how each of the others ended.
    """

    values: Mapping[str, str]
    results: list[Mapping[str, float]] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)

    def mean(self, metric: str) -> float | None:
        """Mean over seeds; None without a finished job."""
        values = [result[metric] for result in self.results]
        return float(np.mean(values)) if values else None

    def spread(self, metric: str) -> float | None:
        """Sample standard deviation over seeds; None for fewer than two."""
        values = [result[metric] for result in self.results]
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    def text(self, metric: str) -> str:
        """Mean and spread as text."""
        mean, spread = self.mean(metric), self.spread(metric)
        if mean is None:
            return "-"
        return f"{mean:.2%}" if spread is None else f"{100 * mean:.2f} ± {100 * spread:.2f} %"

    def cells(self) -> dict[str, Any]:
        """The row as the file has it."""
        cells: dict[str, Any] = {**self.values, "n": len(self.results)}
        for metric in _METRICS:
            cells |= {metric: self.mean(metric), f"{metric}_std": self.spread(metric)}
        return cells | {name: self.undone.count(name) for name in _UNDONE}


def print_results(folder: Path, jobs: Mapping[str, Sequence[str]], keys: Sequence[str]) -> None:
    """Print the best rows and write all of them to ``results.csv``; not for studies of transfer.py.

    Args:
        folder: of the sweep.
        jobs: names of the jobs' folders, and the overrides of each.
        keys: of the axes, as typed.
    """
    rows = _rows(folder, jobs, keys)
    if not any(row.results for row in rows):
        return
    rows.sort(key=lambda row: row.mean("val/accuracy") or 0.0, reverse=True)
    cells = [row.cells() for row in rows]
    write_atomically(folder / _FILE, csv_text(cells[0], cells))
    over_seeds = "seed" in keys
    of = "mean ± standard deviation over n seeds, " * over_seeds
    print(f"accuracy: {of}best validation accuracy first")
    print_table(_table(rows, over_seeds=over_seeds))
    if len(rows) > _MOST:
        print(f"and {len(rows) - _MOST} more in {shown(folder / _FILE)}")


def _rows(folder: Path, jobs: Mapping[str, Sequence[str]], keys: Sequence[str]) -> list[_Row]:
    names = short_keys((key for key in keys if key != "seed"), reserved=("n", *_UNDONE))
    rows: dict[tuple[str, ...], _Row] = {}
    for job, overrides in jobs.items():
        on_axes = values_on(names, overrides)
        if len(on_axes) < len(names):  # it failed so early that it has no manifest
            continue
        row = rows.setdefault(
            tuple(on_axes.values()), _Row({names[key]: value for key, value in on_axes.items()})
        )
        how = outcome(folder / job)
        try:
            metrics = read_metrics(folder / job) if how == "finished" else {}
        except StoredError:  # of transfer.py
            continue
        if how == "finished":
            row.results.append(metrics)
        else:
            row.undone.append(how)
    return list(rows.values())


def _table(rows: Sequence[_Row], *, over_seeds: bool) -> Table:
    shown_rows = rows[:_MOST]
    has_undone = any(row.undone for row in shown_rows)
    table = Table(box=SIMPLE)
    for name in rows[0].values:
        table.add_column(Text(shown(name)), overflow="fold")
    numbers = [*["n"] * over_seeds, *_METRICS.values()]
    for name in numbers:
        table.add_column(name, justify="right")
    if has_undone:
        table.add_column("not finished")
    for row in shown_rows:
        counts = {name: row.undone.count(name) for name in _UNDONE}
        undone = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        table.add_row(
            *(Text(short_value(value)) for value in row.values.values()),
            *[str(len(row.results))] * over_seeds,
            *(row.text(metric) for metric in _METRICS),
            *[undone] * has_undone,
        )
    return table
