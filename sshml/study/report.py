"""The folder that a study leaves behind: table, pictures, one page."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from sshml.errors import shown
from sshml.files.page import Section, html, pictures
from sshml.files.tables import csv_text
from sshml.study import figures
from sshml.study.axes import Axis
from sshml.study.importance import Importance, importance
from sshml.study.runs import Skipped, Value
from sshml.study.table import Metric, Study

PAGE = "study.html"
SUMMARY = "summary.csv"
# Pictures of each kind, of the most important axes.
_BY_AXIS = 8
_PAIRS = 6
_PARALLEL = 8
_BEST = 5
# Values of an axis that are listed; of more, only the range is.
_LISTED = 10
# Characters of an axis in the name of a file, which a system allows 255.
_NAME = 80
# A forest that predicts less of the variance has not found what matters.
_PREDICTS = 0.3


def write_study(out: Path, study: Study, skipped: Sequence[Skipped], origin: str) -> None:
    """Write ``runs.csv``, ``runs.parquet``, ``summary.csv``, ``figures/`` and ``study.html``.

    Args:
        out: the folder; files of the same names in it are replaced.
        study: the runs.
        skipped: folders that are no finished runs.
        origin: a line that says what made the page.
    """
    found = importance(study) if study.is_search else None
    if found:  # knows more of what matters than one axis at a time can say
        study.axes.sort(key=lambda axis: found.names.index(axis.name))
    sections = [
        _overview(study, skipped), _over_seeds(study), *_best(study), _by_axis(study), _pairs(study),
        _search(study, found), _learning(study), _all_runs(study), _skipped(skipped),
    ]  # fmt: skip
    sections = [section for section in sections if section.text]
    drawn = pictures(sections)
    page = html(f"{count(len(study.runs), 'run')} by {study.metric.name}", origin, sections, drawn)
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    is_again = (out / PAGE).exists()
    (out / PAGE).write_text(page, encoding="utf-8")  # first: by it the folder is known as a study's
    if is_again and not folder.is_symlink():
        # Of an earlier study, which may have had other axes; pictures of others stay.
        for picture in (*folder.glob("by_*.png"), *folder.glob("map_*.png")):
            picture.unlink()
    for name, png in drawn.items():
        (folder / f"{name}.png").write_bytes(png)
    for name, table in (("runs.csv", study.table), (SUMMARY, study.summary)):
        rows = list(_rows(table))
        (out / name).write_text(csv_text(map(str, table), rows), encoding="utf-8")
    study.table.to_parquet(out / "runs.parquet", index=False)


def _rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of a table; None for a missing value."""
    cells = table.astype(object).where(table.notna(), None)
    names = [str(name) for name in cells]
    for row in cells.itertuples(index=False, name=None):
        yield dict(zip(names, row, strict=True))


def count(n: int, what: str) -> str:
    """A number of things."""
    return f"{n} {what}{'s' * (n != 1)}"


def values_text(axis: Axis) -> str:
    """The values of an axis, or their range."""
    levels = axis.levels
    if len(levels) <= _LISTED:
        text = ", ".join(map(figures.text, levels))
    elif axis.numeric:
        text = f"{len(levels)} values from {figures.text(levels[0])} to {figures.text(levels[-1])}"
    else:
        text = f"{len(levels)} values"
    return text + ", or none" * (None in axis.values)


def _overview(study: Study, skipped: Sequence[Skipped]) -> Section:
    section = Section("Runs")
    seeds = Axis("seed", "seed", study.table["seed"].tolist())
    configurations = count(study.configurations.nunique(), "configuration")
    section.text = [
        f"{count(len(study.runs), 'run')}: {configurations}, seed{'s' * (len(seeds.levels) > 1)} "
        f"{values_text(seeds)}."
    ]
    unknown = int(study.values.isna().sum())
    if unknown:
        section.text.append(
            f"{count(unknown, 'run')} ended without a finite {study.metric.name}; they are in the "
            "table but not in the figures."
        )
    if skipped:
        section.text.append(f"{count(len(skipped), 'folder')} skipped, listed at the end.")
    section.head = ("axis", "key", "explains", "values", "varies with it")
    for axis in study.axes:
        share = study.share_explained(axis)
        section.rows.append((
            axis.name, axis.key, "-" if share is None else f"{share:.0%}", values_text(axis),
            ", ".join(axis.together) or "-",
        ))  # fmt: skip
    if section.rows:
        section.text.append(
            "The axes along which the runs differ, and the share of the variance of "
            f"{study.metric.name} that each explains on its own: adjusted R² of a one-way analysis "
            "of variance; - if no two runs share a value."
        )
    return section


def summary_rows(study: Study) -> tuple[list[str], list[tuple[str, ...]]]:
    """Means over seeds as text: names of the columns, and rows."""
    axes = [axis.name for axis in study.axes]
    metric = study.metric
    head = [*axes, "seeds", f"{metric.name}, mean ± std", "95 % interval", "worst", "worst seed"]
    rows = []
    for row in _rows(study.summary):
        interval = worst = of_seed = "-"
        if row["seeds"] > 1:
            interval = f"{metric.format(row['low'])} to {metric.format(row['high'])}"
            worst, of_seed = metric.format(row["worst"]), str(row["worst_seed"])
        rows.append((
            *(_value(row[name]) for name in axes), str(row["seeds"]),
            metric.format_spread(row["mean"], row["std"]), interval, worst, of_seed,
        ))  # fmt: skip
    return head, rows


def _over_seeds(study: Study) -> Section:
    section = Section(f"{study.metric.name} over seeds", sortable=True)
    if (study.summary["seeds"] == 1).all():
        return section
    section.head, section.rows = summary_rows(study)
    section.text = [
        "Mean and sample standard deviation over seeds, Student's 95 % interval of the mean, and the "
        "worst seed; the best mean first."
    ]
    return section


def _all_runs(study: Study) -> Section:
    section = Section("All runs", sortable=True)
    axes = [axis.name for axis in study.axes]
    accuracies = [f"{stage}/accuracy" for stage in ("val", "test")]
    metrics = [
        Metric(name) for name in dict.fromkeys([study.metric.name, *accuracies]) if name in study.table
    ]
    section.text = ["Click a column header to sort by it."]
    section.head = (
        *axes,
        "seed",
        *(metric.name for metric in metrics),
        "best epoch",
        "seconds",
        "folder",
    )
    for row in _rows(study.table):
        section.rows.append((
            *(_value(row[name]) for name in axes), str(row["seed"]),
            *("-" if row[m.name] is None else m.format(row[m.name]) for m in metrics),
            str(row["best_epoch"]), _value(row["wall_time_s"]), _code(row["folder"]),
        ))  # fmt: skip
    return section


def _value(value: Value | None) -> str:
    return "-" if value is None else figures.text(value)


def _best(study: Study) -> list[Section]:
    best = study.best(_BEST)
    names = [axis.name for axis in study.axes]
    results = Section("Best runs", head=("", study.metric.name, *names, "seed", "folder"))
    commands = Section("Commands of the best runs", head=("", "command"))
    results.text = [f"The {len(best)} best of {len(study.runs)} by {study.metric.name}."]
    if study.metric.name.startswith("test/"):
        results.text[0] += (
            " The best of many runs on a test set is biased upwards: to choose a network, use "
            "--metric val/accuracy and report its test accuracy."
        )
    commands.text = ["Each is one line."]
    for rank, row in enumerate(_rows(best), start=1):
        values = [_value(row[name]) for name in names]
        value = study.metric.format(row[study.metric.name])
        results.rows.append((str(rank), value, *values, str(row["seed"]), _code(row["folder"])))
        commands.rows.append((str(rank), _code(row["command"])))
    return [results, commands]


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _by_axis(study: Study) -> Section:
    section = Section(f"{study.metric.name} against each axis")
    shown = study.axes[:_BY_AXIS]
    section.figures = {f"by_{_file(axis)}": figures.metric_by_axis(study, axis) for axis in shown}
    if shown:
        what = "Each point is a run" if study.is_search else "Means over seeds and all other axes"
        section.text = [f"{what}.{_left_out(study, _BY_AXIS)}"]
    return section


def _pairs(study: Study) -> Section:
    section = Section(f"{study.metric.name} on two axes")
    pairs = figures.pairs(study)
    section.figures = {
        f"map_{_file(x)}_{_file(y)}": figures.heat_map(study, x, y) for x, y in pairs[:_PAIRS]
    }
    if pairs:
        left_out = f" The first {_PAIRS} of {len(pairs)} pairs." * (len(pairs) > _PAIRS)
        section.text = [f"Means over seeds and all other axes.{left_out}"]
    return section


def _search(study: Study, found: Importance | None) -> Section:
    section = Section("Search")
    if not study.is_search:
        return section
    section.text = ["Each run is a line, coloured by its rank." + _left_out(study, _PARALLEL)]
    shown = study.axes[:_PARALLEL]
    section.figures = {"parallel_coordinates": figures.parallel_coordinates(study, shown)}
    if found is None:
        return section
    section.figures["importance"] = figures.importance_bars(found)
    section.text.append(
        "Permutation importance: how much worse a random forest (scikit-learn) predicts held-out "
        "configurations when the values of an axis are shuffled, as half of the added squared error "
        "in units of the variance. Shares include interactions, so they can add up to more than 100 "
        f"%; bars: spread over folds. The forest predicts {found.predicted:.0%} of the variance of "
        f"the {found.n} configurations"
        + (", so these importances mean little." if found.predicted < _PREDICTS else ".")
    )
    return section


def _learning(study: Study) -> Section:
    section = Section("Learning curves")
    of = f" by {study.axes[0].name}" if study.axes else ""
    section.text = [f"All runs{of}."]
    section.figures = {"learning_curves": figures.learning_curves(study)}
    return section


def _skipped(skipped: Sequence[Skipped]) -> Section:
    section = Section("Skipped", head=("folder", "why"))
    section.rows = [(shown(folder.folder), folder.reason) for folder in skipped]
    section.text = ["No finished runs of train.py:"] * bool(skipped)
    return section


def _left_out(study: Study, shown: int) -> str:
    return f" The {shown} most important of {len(study.axes)} axes." * (len(study.axes) > shown)


def _file(axis: Axis) -> str:
    return re.sub(r"[^\w.-]", "_", axis.name)[:_NAME]
