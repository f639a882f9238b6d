"""What networks look at, and what their decisions hang on, in numbers.

Scores the raw maps of the topological phase on test chains of each strength against the true edge
pair and the most localised other states, beside what chance would score; and changes profiles to see
which decisions flip. Writes maps.csv and counterfactuals.csv.
"""

import argparse
import csv
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from sshml.cam import network_maps
from sshml.checkpoint import load_classifier, read_checkpoint
from sshml.data.grid import strength_grid
from sshml.data.streams import Split
from sshml.errors import CheckpointError, ConfigError
from sshml.explain.counterfactuals import (
    erased_edge_pair,
    pasted_localised_states,
    swapped_mid_gap_pair,
)
from sshml.explain.scores import LOCALISED_PAIRS, edge_pair, localised_states, score
from sshml.transfer.study import data_module

_BATCH = 200
_REGIONS = {"edge pair": edge_pair, "localised states": localised_states}
Row = dict[str, Any]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as all mistakes."""
        self.exit(2, f"error: {message}; see python -m sshml.explain --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = _Parser(
        prog="python -m sshml.explain",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="of train.py")
    parser.add_argument("--W", default="0,0.5", help="strengths, 0,0.5 or start:stop:step")
    parser.add_argument("--chains", type=int, default=1000, help="test chains of each strength")
    parser.add_argument("--out", type=Path, default=Path("explain"), help="where to write")
    options = parser.parse_args(arguments)
    try:
        strengths = _strengths(options.W)
        if options.chains < 2:
            raise ConfigError(f"--chains={options.chains}: expected at least 2")
        for path in options.checkpoints:
            read_checkpoint(path)
        maps, changes = [], []
        for path in options.checkpoints:
            subject = Subject(path, options.chains)
            maps += subject.map_scores(strengths)
            changes += subject.counterfactuals(strengths)
        options.out.mkdir(parents=True, exist_ok=True)
    except (CheckpointError, ConfigError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, rows in (("maps", maps), ("counterfactuals", changes)):
        with (options.out / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    _print(maps, changes)
    print(options.out / "maps.csv")
    print(options.out / "counterfactuals.csv")
    return 0


def _strengths(text: str) -> list[float]:
    try:
        return strength_grid(text if ":" in text else [float(part) for part in text.split(",")])
    except ValueError as error:
        raise ConfigError(f"--W={text}: {error}") from error


class Subject:
    """A network and its test chains.

    Args:
        checkpoint: of train.py.
        chains: how many of each strength.
    """

    def __init__(self, checkpoint: str, chains: int) -> None:
        self.name = checkpoint
        self.network = load_classifier(checkpoint)
        self._data: Mapping[str, Any] = read_checkpoint(checkpoint)["hyper_parameters"]["data"]
        self._chains = chains
        self._profiles: dict[float, tuple[torch.Tensor, torch.Tensor]] = {}

    def profiles(self, W: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Test profiles (n, 1, 2M, 2M) of a strength and their ratio labels (n,)."""
        if W not in self._profiles:
            data = data_module({**self._data, "W": W, "n_test": self._chains, "label": "ratio"})
            batch = data.dataset(Split.TEST).__getitems__(range(self._chains))
            self._profiles[W] = batch["profile"], batch["ratio"]
        return self._profiles[W]

    @torch.inference_mode()
    def says_topological(self, profiles: torch.Tensor) -> torch.Tensor:
        """The decisions of the network, shape (n,), bool."""
        parts = [self.network(part).argmax(dim=1) == 1 for part in profiles.split(_BATCH)]  # type: ignore[no-untyped-call]
        return torch.cat(parts)

    def map_scores(self, strengths: Sequence[float]) -> list[Row]:
        """Scores of the maps of the topological class, of chains that are and that are not."""
        rows = []
        for W in strengths:
            profiles, labels = self.profiles(W)
            maps = torch.cat(
                [network_maps(self.network, part)[:, 1] for part in profiles.split(_BATCH)]  # type: ignore[no-untyped-call]
            )
            for phase, chosen in (("topological", labels == 1), ("trivial", labels == 0)):
                for region, pixels in _REGIONS.items():
                    found = score(maps[chosen], pixels(profiles[chosen, 0]))
                    row: Row = {"checkpoint": self.name, "W": W, "chains": phase, "region": region}
                    row["n"] = int(chosen.sum())
                    row["area"] = float(found.area.mean())
                    row["chance_overlap"] = float(found.chance_overlap.mean())
                    for name in ("share", "pointing", "overlap"):
                        row[name], row[f"{name}_low"], row[f"{name}_high"] = _mean(getattr(found, name))
                    rows.append(row)
        return rows

    def counterfactuals(self, strengths: Sequence[float]) -> list[Row]:
        """Shares of decisions that flip; donors are other chains of the same strength, or named."""
        rows = []
        clean, clean_labels = self.profiles(0.0)
        for W in strengths:
            profiles, labels = self.profiles(W)
            topological, trivial = profiles[labels == 1], profiles[labels == 0]
            n = min(len(topological), len(trivial))
            changes = {
                "edge pair erased": (topological, erased_edge_pair(topological)),
                "mid-gap pair of a trivial chain": (
                    topological[:n], swapped_mid_gap_pair(topological[:n], trivial[:n]),
                ),
                "mid-gap pair of a topological chain": (
                    trivial[:n], swapped_mid_gap_pair(trivial[:n], topological[:n]),
                ),
            }  # fmt: skip
            if W > 0:
                own = clean[clean_labels == 0][:n]
                pasted = pasted_localised_states(own, trivial[: len(own)], LOCALISED_PAIRS)
                changes["localised states in a clean trivial chain"] = own, pasted
            for name, (before, after) in changes.items():
                # Of the decisions that were right: all of these chains are of one phase.
                was = self.says_topological(before)
                right = was if before is topological or "of a trivial" in name else ~was
                flipped = int((self.says_topological(after) != was)[right].sum())
                rows.append(
                    {
                        "checkpoint": self.name,
                        "W": W,
                        "change": name,
                        **_share(flipped, int(right.sum())),
                    }
                )
        return rows


def _mean(values: torch.Tensor) -> tuple[float, float, float]:
    """Mean and its 95 % interval, of the values that are known."""
    known = values[values.isfinite()]
    if not len(known):
        return math.nan, math.nan, math.nan
    mean = float(known.mean())
    half = 1.96 * float(known.std()) / math.sqrt(len(known)) if len(known) > 1 else math.nan
    return mean, mean - half, mean + half


def _share(flipped: int, n: int) -> Row:
    """Share with Wilson's 95 % interval."""
    if not n:
        return {"n": 0, "flipped": math.nan, "low": math.nan, "high": math.nan}
    interval = binomtest(flipped, n).proportion_ci(confidence_level=0.95, method="wilson")
    return {"n": n, "flipped": flipped / n, "low": float(interval.low), "high": float(interval.high)}


def _print(maps: Sequence[Row], changes: Sequence[Row]) -> None:
    # A file has no width of its own, and nothing is to be cut off.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    for checkpoint in dict.fromkeys(row["checkpoint"] for row in maps):
        console.print(f"\n{checkpoint}", soft_wrap=True, highlight=False)
        table = Table(title="maps of the topological phase", box=SIMPLE)
        for head in ("W", "chains", "region", "area", "share", "pointing", "overlap", "by chance"):
            table.add_column(head, justify="left" if head in ("chains", "region") else "right")
        for row in maps:
            if row["checkpoint"] == checkpoint:
                names = ("area", "share", "pointing", "overlap", "chance_overlap")
                table.add_row(
                    f"{row['W']:g}",
                    row["chains"],
                    row["region"],
                    *(f"{row[name]:.1%}" for name in names),
                )
        console.print(table)
        table = Table(title="right decisions that flip", box=SIMPLE)
        for head in ("W", "change", "n", "flipped", "95 % interval"):
            table.add_column(head, justify="left" if head == "change" else "right")
        for row in changes:
            if row["checkpoint"] == checkpoint:
                told = (f"{row['flipped']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}")
                told = told if row["n"] else ("none was right", "")
                table.add_row(f"{row['W']:g}", row["change"], f"{row['n']}", *told)
        console.print(table)


if __name__ == "__main__":
    sys.exit(main())
