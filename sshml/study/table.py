"""One table of all runs: one row per run, with its place on the axes, its results and its command."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from sshml.errors import ConfigError, shown, unknown_key
from sshml.intervals import of_mean
from sshml.study.axes import Axis, find_axes
from sshml.study.runs import Run

_FIRST = ("folder", "status")
_LAST = ("wall_time_s", "git_revision", "command")
# Of the table of means over seeds.
_OVER_SEEDS = ("seeds", "mean", "std", "low", "high", "worst", "worst_seed")
_STAGES = {"test": "test", "val": "validation", "train": "training"}


@dataclass(frozen=True)
class Metric:
    """A column of results that runs are compared by.

    Attributes:
        name: as in ``metrics.json``, such as ``test/accuracy``.
    """

    name: str

    @property
    def higher_is_better(self) -> bool:
        """Whether the best run has the highest value."""
        return self.name.endswith(("accuracy", "/tp", "/tn"))

    @property
    def in_percent(self) -> bool:
        """Whether it is a share."""
        return self.name.endswith(("accuracy", "ece"))

    @property
    def label(self) -> str:
        """As one reads it on a picture."""
        stage, _, what = self.name.partition("/")
        return f"{_STAGES.get(stage, stage)} {what}" + " (%)" * self.in_percent

    def format(self, value: float) -> str:
        """A value as text."""
        return f"{value:.2%}" if self.in_percent else f"{value:.4g}"

    def format_spread(self, mean: float, std: float | None) -> str:
        """A mean and its standard deviation as text; None for one that is not known."""
        if std is None:
            return self.format(mean)
        return f"{100 * mean:.2f} ± {100 * std:.2f} %" if self.in_percent else f"{mean:.4g} ± {std:.2g}"


class Study:
    """A set of runs as a table.

    Args:
        runs: at least one.
        metric: name of the column that runs are compared by.

    Attributes:
        runs: as given.
        metric: that column.
        axes: what the runs vary, the one that matters most first.
        table: one row per run, in the order of ``runs``.

    Raises:
        ConfigError: if no run has a value of the metric.
    """

    def __init__(self, runs: Sequence[Run], metric: str) -> None:
        self.runs = runs
        self.metric = Metric(metric)
        # The learning rate of the best epoch; `lr` is what the configuration says.
        metrics = pd.DataFrame([run.metrics for run in runs]).rename(columns={"lr": "best/lr"})
        stages = (*_STAGES, "best")
        names = [str(n) for stage in stages for n in metrics if str(n).startswith(f"{stage}/")]
        if metric not in names:
            raise ConfigError(f"--metric={metric}: {unknown_key('', metric, names)}")
        if not metrics[metric].notna().any():
            raise ConfigError(f"--metric={metric}: no run has a finite value; choose another metric")
        axes = find_axes(runs, [*_FIRST, *_OVER_SEEDS, "seed", "best_epoch", *names, *_LAST])
        columns: dict[str, Any] = {
            "folder": [shown(run.folder) for run in runs],
            "status": [run.manifest["status"] for run in runs],
            **{axis.name: axis.values for axis in axes},
            "seed": [run.config["seed"] for run in runs],
            "best_epoch": metrics["best_epoch"].astype("Int64"),
            **{name: metrics[name] for name in names},
            "wall_time_s": [run.manifest.get("wall_time_s") for run in runs],
            "git_revision": [
                None if (revision := run.manifest.get("git_revision")) is None else shown(revision)
                for run in runs
            ],
            "command": [run.command for run in runs],
        }
        self.table = pd.DataFrame(columns)
        self.axes = sorted(axes, key=lambda axis: self.share_explained(axis) or 0, reverse=True)

    @property
    def values(self) -> "pd.Series[float]":
        """The metric of each run; in % if it is a share."""
        return self.table[self.metric.name] * (100 if self.metric.in_percent else 1)

    @cached_property
    def configurations(self) -> "pd.Series[int]":
        """A number for each run that runs which differ in their seeds only share."""
        names = [axis.name for axis in self.axes]
        if not names:
            return pd.Series(0, index=self.table.index)
        return self.table.groupby(names, dropna=False, sort=False).ngroup()

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per configuration with a finite metric, the best mean first.

        Columns: the axes, ``seeds`` (how many), ``mean`` and ``std`` (sample standard deviation) over
        seeds, ``low`` and ``high`` (Student's 95 % interval of the mean), ``worst`` and ``worst_seed``.
        Runs of the same configuration and seed count once, by their mean.
        """
        higher, by = self.metric.higher_is_better, "configuration"
        groups = [self.configurations.rename(by), self.table["seed"]]
        of_seed = self.table[self.metric.name].groupby(groups).mean().dropna().rename("value")
        runs = of_seed.reset_index()
        values = runs.groupby(by)["value"]
        worst = runs.sort_values("value", ascending=higher, kind="stable").groupby(by).first()
        largest = 1.0 if self.metric.in_percent else math.inf
        ends = pd.DataFrame(
            [of_mean(of.to_list(), largest) for _, of in values], worst.index, ["low", "high"]
        )
        first = self.configurations.drop_duplicates()
        axes = self.table.loc[first.index, [axis.name for axis in self.axes]].set_axis(first)
        found = values.agg(seeds="size", mean="mean", std="std").join(ends)
        found = found.assign(worst=worst["value"], worst_seed=worst["seed"])
        table = axes.join(found, how="inner")
        return table.sort_values("mean", ascending=not higher, kind="stable", ignore_index=True)

    @property
    def is_search(self) -> bool:
        """Whether the runs try few of the combinations of what they vary, as a search does."""
        combinations = math.prod(len(set(axis.values)) for axis in self.axes)
        n = self.configurations.nunique()
        return len(self.axes) >= 2 and n >= 10 and 2 * n < combinations

    def best(self, n: int) -> pd.DataFrame:
        """The ``n`` best rows; of equal ones those of the lower validation loss first."""
        by = [self.metric.name] + ["val/loss"] * ("val/loss" in self.table)
        ascending = [not self.metric.higher_is_better, True][: len(by)]
        known = self.table[self.table[self.metric.name].notna()]
        return known.sort_values(by, ascending=ascending, kind="stable").head(n)

    def share_explained(self, axis: Axis) -> float | None:
        """Share of the variance of the metric that an axis alone explains, adjusted for its levels.

        Adjusted R² of a one-way analysis of variance; None where all runs have a level of their own,
        or the same metric.
        """
        known = self.values.notna()
        values = self.values[known]
        groups = pd.factorize(pd.Series(axis.values, dtype=object)[known])[0]
        n, levels = len(values), len(set(groups))
        total = ((values - values.mean()) ** 2).sum()
        if n <= levels or total == 0:
            return None
        within = ((values - values.groupby(groups).transform("mean")) ** 2).sum()
        return max(0.0, float(1 - within / total * (n - 1) / (n - levels)))
