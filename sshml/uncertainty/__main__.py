"""Find out when not to trust networks: an ensemble over seeds, and distances from the training data.

Tests networks of several seeds on the same test chains of each strength, and writes
- ensemble.csv: accuracy, loss, calibration error and entropy of each network and of the ensemble;
- strangeness.csv: the AUROC for telling chains of each strength from those of the first one, by
  the entropy, and by how far the features (after global average pooling) are from the training data;
- uncertainty.png.
By default they go to a new folder in the run folder of the first checkpoint.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from sshml.config.programs import command_of
from sshml.entry.command import Parser, add_trust, results_errors, results_folder
from sshml.errors import CheckpointError, ConfigError, fail, pip_install
from sshml.explain.checks import check_once, strengths
from sshml.files.tables import csv_text
from sshml.terminal import bar
from sshml.trained import TrainedNetwork

_TOGETHER = "together"
_FILES = ("ensemble.csv", "strangeness.csv", "uncertainty.png")
_MOST_STRENGTHS = 20
_STRANGENESS = ("network", "W", "against", "features", "entropy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = Parser(
        prog=command_of("uncertainty"),
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "checkpoints",
        nargs="+",
        metavar="CHECKPOINT",
        help="checkpoints that train.py wrote with different seeds",
    )
    parser.add_argument(
        "--W",
        default="0,0.5",
        help="disorder strengths, such as 0,0.5 or start:stop:step (default: %(default)s)",
    )
    parser.add_argument(
        "--chains", type=int, default=1000, help="test chains per strength (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="output folder (default: RUN/uncertainty/TIME)")
    add_trust(parser)
    options = parser.parse_args(arguments)
    try:
        if find_spec("sklearn") is None:
            raise ConfigError(f"scikit-learn: not installed; run {pip_install('explain')}")
        grid = strengths(options.W)
        if len(grid) > _MOST_STRENGTHS:
            raise ConfigError(
                f"--W={options.W}: {len(grid)} strengths; expected at most {_MOST_STRENGTHS}, whose "
                "colours can be told apart in the figure"
            )
        out, members, strange = _write(options, grid)
    except (CheckpointError, ConfigError, OSError) as error:
        return fail(str(error))
    _print(members, strange)
    for name in _FILES:
        print(out / name)
    return 0


def _write(
    options: argparse.Namespace, grid: Sequence[float]
) -> tuple[Path, list[dict[str, Any]], list[dict[str, Any]]]:
    """Ask, and write the files; returns their folder and the rows of both tables."""
    from sshml.uncertainty.ensemble import Ensemble, auroc, scores  # noqa: PLC0415
    from sshml.uncertainty.figures import uncertainty  # noqa: PLC0415

    checkpoints = options.checkpoints
    check_once(checkpoints)
    networks = [TrainedNetwork(path, options.trust) for path in checkpoints]
    ensemble = Ensemble(networks, options.chains)
    folder = results_folder(options.out, checkpoints[0], "uncertainty", _FILES)
    answers, strangeness = {}, {}
    with bar(len(grid), "strengths") as done:
        for W in grid:
            answers[W] = ensemble.ask(W)
            strangeness[W] = ensemble.strangeness(answers[W])
            done.update()
    members, strange = [], []
    for W, answer in answers.items():
        logits = dict(zip(checkpoints, answer.logits, strict=True)) | {_TOGETHER: answer.together}
        for name, own in logits.items():
            entropy = float(torch.special.entr(own.softmax(dim=-1)).sum(dim=-1).mean())
            members.append({"network": name, "W": W, **scores(own, answer.labels), "entropy": entropy})
    first = grid[0]
    for W in grid[1:]:
        pairs = list(zip(strangeness[W], strangeness[first], strict=True))
        pairs.append((strangeness[W].log().mean(dim=0), strangeness[first].log().mean(dim=0)))
        for name, (new, known) in zip([*checkpoints, _TOGETHER], pairs, strict=True):
            row = {"network": name, "W": W, "against": first, "features": auroc(new, known)}
            by_entropy = auroc(answers[W].entropy, answers[first].entropy)
            strange.append({**row, "entropy": by_entropy if name == _TOGETHER else None})
    with results_errors(folder):
        (folder / "ensemble.csv").write_text(csv_text(members[0], members))
        (folder / "strangeness.csv").write_text(csv_text(_STRANGENESS, strange))
        figure = uncertainty(answers, strangeness, ensemble.hamiltonian)
        figure.savefig(folder / "uncertainty.png", dpi=110)
    return folder, members, strange


def _print(members: Sequence[dict[str, Any]], strange: Sequence[dict[str, Any]]) -> None:
    # A file has no width, and nothing should be cut off.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    networks = len({row["network"] for row in members}) - 1
    table = Table(title=f"{networks} networks: single (mean, worst) and as an ensemble", box=SIMPLE)
    for head in ("W", "accuracy (%)", "ensemble", "ece", "ensemble", "loss", "ensemble"):
        table.add_column(head, justify="right")
    for W in sorted({row["W"] for row in members}):
        own = [row for row in members if row["W"] == W]
        one = {name: [r[name] for r in own if r["network"] != _TOGETHER] for name in own[0]}
        all_ = next(row for row in own if row["network"] == _TOGETHER)
        table.add_row(
            f"{W:g}",
            f"{100 * np.mean(one['accuracy']):.2f}, {100 * min(one['accuracy']):.2f}",
            f"{100 * all_['accuracy']:.2f}",
            f"{np.mean(one['ece']):.3f}, {max(one['ece']):.3f}", f"{all_['ece']:.3f}",
            f"{np.mean(one['loss']):.3f}, {max(one['loss']):.3f}", f"{all_['loss']:.3f}",
        )  # fmt: skip
    console.print(table)
    if strange:
        table = Table(
            title=f"AUROC for telling chains at W from chains at W = {strange[0]['against']:g}",
            box=SIMPLE,
        )
        for head in ("W", "features, single (mean, worst)", "features, ensemble", "entropy, ensemble"):
            table.add_column(head, justify="right")
        for W in sorted({row["W"] for row in strange}):
            own = [row for row in strange if row["W"] == W]
            each = [row["features"] for row in own if row["network"] != _TOGETHER]
            all_ = next(row for row in own if row["network"] == _TOGETHER)
            table.add_row(
                f"{W:g}", f"{np.mean(each):.3f}, {min(each):.3f}", f"{all_['features']:.3f}",
                f"{all_['entropy']:.3f}",
            )  # fmt: skip
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
