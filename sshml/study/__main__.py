"""Compare a set of runs in a table, figures and an HTML page.

Reads every run of train.py in the folders and their subfolders, and writes runs.csv, runs.parquet,
summary.csv, figures/ and study.html. The settings that differ between the runs are the axes; means,
spreads and bands are over seeds.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from sshml import __version__
from sshml.config.programs import command_of
from sshml.entry.command import Parser, results_errors
from sshml.errors import ConfigError, fail, pip_install, shown
from sshml.files.stored import check_own
from sshml.files.tables import print_table
from sshml.study.compare import comparison
from sshml.study.runs import Skipped, read_runs

_NEEDED = ("pandas", "pyarrow", "sklearn")
# Skipped folders, and means over seeds, that are listed on the terminal; files have them all.
_LISTED = 20
# One of them is in every page that this program writes.
_COMMANDS = ("python -m sshml.study", "sshml study")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = Parser(
        prog=command_of("study"), description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="FOLDER", help="folder with runs, such as runs"
    )
    parser.add_argument(
        "--metric",
        default="test/accuracy",
        help="metric to compare runs by, such as val/loss (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, help="output folder (default: study/ in the first FOLDER)")
    parser.add_argument(
        "--compare",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="only print the settings that differ between these runs",
    )
    options = parser.parse_args(arguments)
    try:
        if options.compare:
            _compare(options.compare)
        else:
            _study(options.folders, options.metric, options.out)
    except ConfigError as error:
        return fail(str(error))
    return 0


def _compare(folders: Sequence[Path]) -> None:
    table = comparison(folders)
    if table.row_count:
        print_table(table)
    else:
        print("no setting differs")


def _study(folders: Sequence[Path], metric: str, out: Path | None) -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(f"{', '.join(missing)}: not installed; run {pip_install('study')}")
    from sshml.study.report import (  # noqa: PLC0415
        PAGE,
        SUMMARY,
        count,
        summary_rows,
        values_text,
        write_study,
    )
    from sshml.study.table import Study  # noqa: PLC0415

    if not folders:
        raise ConfigError("FOLDER: expected at least one folder with runs, such as runs")
    for folder in folders:
        if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises for a name too long
            raise ConfigError(f"{folder}: no such folder; expected one with runs, such as runs")
    runs, skipped = read_runs(folders)
    where = shlex.join(map(str, folders))
    if not runs:
        why = f"; {skipped[0].folder}: {skipped[0].reason}" if skipped else ""
        others = f", and {len(skipped) - 1} more" * (len(skipped) > 1)
        raise ConfigError(f"{where}: no finished run of train.py{why}{others}")
    study = Study(runs, metric)
    if out is None:  # in a folder that may come from a stranger
        out = folders[0] / "study"
        if out.is_symlink():
            raise ConfigError(f"{out}: is a link; choose another folder with --out=FOLDER")
        check_own(out)
    tables = ("runs.csv", "runs.parquet", SUMMARY)
    revisions = study.table["git_revision"].dropna().unique()
    origin = f"{command_of('study')} {where} --metric {metric}; sshml {__version__}"
    if len(revisions):  # none of an installed package
        some = ", ".join(revision[:10] for revision in revisions[:3])
        origin += f"; runs of {count(len(revisions), 'git revision')} {some}"
    _check_unused(out, [*tables, PAGE])
    with results_errors(out):
        write_study(out, study, skipped, origin)
    _print_skipped(skipped)
    print(count(len(runs), "run"))
    for axis in study.axes:
        print(f"  {axis.name}: {values_text(axis)}")
    best = study.best(1).iloc[0]
    print(f"best {metric}: {study.metric.format(best[metric])}  {best['folder']}\n  {best['command']}")
    _print_summary(*summary_rows(study), out / SUMMARY)
    for name in (*tables, PAGE):
        print(out / name)


def _print_summary(head: Sequence[str], rows: Sequence[Sequence[str]], path: Path) -> None:
    table = Table(box=SIMPLE)
    for name in head:
        table.add_column(Text(shown(name)), overflow="fold")
    for row in rows[:_LISTED]:
        table.add_row(*(Text(shown(cell)) for cell in row))
    print_table(table)
    if len(rows) > _LISTED:
        print(f"and {len(rows) - _LISTED} more in {shown(path)}")


def _check_unused(out: Path, names: Sequence[str]) -> None:
    """Results in a folder are replaced if an earlier call wrote them, whose page, the last, says so."""
    page = out / names[-1]
    earlier = [name for name in names if os.path.lexists(out / name)]
    text = page.read_text(errors="replace") if page.is_file() else ""
    is_study = any(command in text for command in _COMMANDS)
    if earlier and not is_study:
        raise ConfigError(
            f"--out={out}: its {earlier[0]} was not written by {command_of('study')}, so it stays; "
            "expected a new folder"
        )


def _print_skipped(skipped: Sequence[Skipped]) -> None:
    for folder in skipped[:_LISTED]:
        print(f"skipped {shown(folder.folder)}: {folder.reason}")
    if len(skipped) > _LISTED:
        print(f"skipped {len(skipped) - _LISTED} more folders, listed on the page")


if __name__ == "__main__":
    sys.exit(main())
