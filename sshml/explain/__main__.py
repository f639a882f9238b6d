"""Measure what networks look at, and what their predictions depend on.

On test chains of each strength, this program
- scores the raw maps of the topological phase by how much of them lies on the true edge pair and on the
  most localised other states, and compares with the chance level;
- checks whether maps are faithful: it removes the pixels that they rank first, and compares them with
  the maps of an untrained network;
- edits profiles and counts the predictions that flip.
Several networks are averaged in groups, with intervals over networks. With five or more, it correlates
map scores at the lowest strength with the accuracy at higher ones.
Writes scores.csv, generalisation.csv and explain.png, by default to a new folder in the run folder of
the first checkpoint.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sshml.config.programs import command_of
from sshml.entry.command import Parser, add_trust, results_errors, results_folder
from sshml.errors import CheckpointError, ConfigError, fail
from sshml.explain.checks import (
    EXPLANATIONS,
    check_explanations,
    check_once,
    check_together,
    check_two_phases,
    chosen,
    strengths,
)
from sshml.explain.figures import explained
from sshml.explain.generalisation import COLUMNS as CORRELATION_COLUMNS
from sshml.explain.generalisation import correlations
from sshml.explain.measures import COLUMNS, Row, all_measures, of_groups
from sshml.files.tables import csv_text
from sshml.terminal import bar, say
from sshml.trained import TrainedNetwork

_FILES = ("scores.csv", "generalisation.csv", "explain.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = Parser(
        prog=command_of("explain"),
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "checkpoints",
        nargs="*",
        metavar="CHECKPOINT",
        help="written by train.py; each is its own group",
    )
    parser.add_argument(
        "--group", nargs="+", action="append", default=[], metavar=("NAME", "CHECKPOINT"),
        help="checkpoints to average over, under one name; repeat for several groups",
    )  # fmt: skip
    parser.add_argument(
        "--W",
        default="0,0.5",
        help="disorder strengths, such as 0,0.5 or start:stop:step (default: %(default)s)",
    )
    parser.add_argument(
        "--chains", type=int, default=1000, help="test chains per strength (default: %(default)s)"
    )
    parser.add_argument(
        "--explanations", default="class_activation",
        help=f"some of {', '.join(EXPLANATIONS)},\nor all for all of these; a method of "
        "torch-cam, such as LayerCAM; your own class,\nsuch as my_package.MyExplanation "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="output folder (default: RUN/explain/TIME)")
    add_trust(parser)
    options = parser.parse_args(arguments)
    try:
        grid = strengths(options.W)
        explanations = chosen(options.explanations)
        groups = grouped(options.checkpoints, options.group)
        networks = [TrainedNetwork(path, options.trust) for path in groups]
        check_together(networks, options.chains)
        for network in networks:
            check_two_phases(network, options.chains)
            check_explanations(network, explanations)
        out = results_folder(options.out, networks[0].checkpoint, "explain", _FILES)
        rows: list[Row] = []
        with bar(len(networks) * len(grid) * len(explanations), "explanations") as done:
            while networks:
                network = networks.pop(0)  # with its test chains
                group = groups[network.checkpoint]
                for W in grid:
                    measured = all_measures(network, W, options.chains, explanations, done.update)
                    rows += [{**row, "group": group} for row in measured]
                say(f"{len(groups) - len(networks)} of {len(groups)}  {network.checkpoint}")
        phase = network.data_module().ensemble.hamiltonian.classes[1]
        correlated = correlations(rows, phase)
        with results_errors(out):
            (out / "scores.csv").write_text(csv_text(COLUMNS, rows))
            (out / "generalisation.csv").write_text(csv_text(CORRELATION_COLUMNS, correlated))
            explained(rows, phase).savefig(out / "explain.png", dpi=120)
    except (CheckpointError, ConfigError, OSError) as error:
        return fail(str(error))
    _print(of_groups(rows), correlated)
    for name in _FILES:
        print(out / name)
    return 0


def grouped(checkpoints: Sequence[str], groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Checkpoints and the groups they belong to; those of none are one each, by their own name.

    Raises:
        ConfigError: if there is none, or one is named twice.
    """
    named = [(path, path) for path in checkpoints]
    for name, *paths in groups:
        if not paths:
            raise ConfigError(f"--group {name}: expected checkpoints after the name")
        named += [(path, name) for path in paths]
    if not named:
        raise ConfigError("expected a checkpoint of train.py, RUN/checkpoints/best.ckpt")
    check_once([path for path, _ in named])
    return dict(named)


def _print(means: Sequence[Row], correlated: Sequence[Mapping[str, Any]]) -> None:
    # A file has no width, and nothing should be cut off.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    grid = sorted({row["W"] for row in means})
    for group in dict.fromkeys(row["group"] for row in means):
        own = [row for row in means if row["group"] == group]
        networks = max(1, *(row["networks"] for row in own))
        shown: dict[tuple[str, ...], dict[float, str]] = {}
        for row in own:
            line = (row["explanation"] or "", row["chains"], row["measure"])
            shown.setdefault(line, {})[row["W"]] = _cell(row)
        table = Table(
            title=f"{escape(group)}, {networks} network{'s' if networks > 1 else ''} (%)",
            box=SIMPLE,
            title_style="bold",
        )
        for head in ("map", "chains", "measure"):
            table.add_column(head)
        for W in grid:
            table.add_column(f"W = {W:g}", justify="right", no_wrap=True)
        for (explanation, chains, measure), cells in shown.items():
            table.add_row(
                explanation.replace("_", " "), chains, measure, *(cells.get(W, "") for W in grid)
            )
        console.print(table)
    if correlated:
        table = Table(title="map score at the lowest W against accuracy at a higher W", box=SIMPLE)
        for head in ("group", "map", "measure", "W", "networks", "Spearman", "95 % interval"):
            table.add_column(head)
        for found in correlated:
            interval = f"{found['low']:.2f} to {found['high']:.2f}"
            table.add_row(
                escape(found["group"]), found["explanation"].replace("_", " "), found["measure"],
                f"{found['W']:g}", f"{found['networks']}", f"{found['spearman']:.2f}", interval,
            )  # fmt: skip
        console.print(table)


def _cell(row: Row) -> str:
    if row["value"] != row["value"]:  # NaN
        return "no correct prediction" if row["measure"].startswith("flipped") else "no positive value"
    chance = "" if row["chance"] is None else f", by chance {100 * row['chance']:.1f}"
    return f"{100 * row['value']:.1f} ({100 * row['low']:.1f} to {100 * row['high']:.1f}{chance})"


if __name__ == "__main__":
    sys.exit(main())
