"""Every number of ``scores.csv``, network by network."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sshml import intervals
from sshml.data.representations import Representation
from sshml.data.samples import Batch
from sshml.explain.counterfactuals import (
    erased_edge_pair,
    erased_localised_pair,
    pasted_localised_states,
    swapped_mid_gap_pair,
)
from sshml.explain.faithfulness import area_under, curve, rank_correlations, untrained
from sshml.explain.scores import score
from sshml.explanations import Explanation
from sshml.physics.hamiltonians import Hamiltonian
from sshml.trained import TrainedNetwork

#: Columns of ``scores.csv``.
COLUMNS = (
    "group", "checkpoint", "W", "chains", "explanation", "measure", "n", "value", "low", "high",
    "chance",
)  # fmt: skip
Row = dict[str, Any]
# Topological chains for deletion, insertion and untrained networks, at most.
_FAITHFUL = 100
# How many of the most localised pairs are pasted into a clean chain, and then all of them.
_PASTED = (1, 3, 10)
# Untrained networks that a map is compared with.
_DRAWS = 3
#: Regions of images that are asked about, those of :class:`sshml.data.representations.Representation`.
REGIONS = ("edge pair", "localised states")
_OF_REGION = {
    "share": "share of the map in the {}",
    "pointing": "largest value in the {}",
    "overlap": "overlap with the {}",
}


def measure_name(score_name: str, region: str) -> str:
    """The measure of a score of maps (share, pointing, overlap) against a region."""
    return _OF_REGION[score_name].format(region)


ACCURACY = "accuracy"
FLIPPED = "flipped: "


@dataclass(frozen=True)
class _Asked:
    """A network, and the test chains of one strength that it is asked about."""

    network: TrainedNetwork
    chains: int
    W: float
    hamiltonian: Hamiltonian
    representation: Representation

    @property
    def test(self) -> Batch:
        return self.network.test_chains(self.W, self.chains)

    def phases(self, W: float) -> tuple[Tensor, Tensor]:
        """Images of the topological and of the trivial test chains of a strength."""
        test = self.network.test_chains(W, self.chains)
        return test["input"][test["labels"]["ratio"] == 1], test["input"][test["labels"]["ratio"] == 0]


def all_measures(
    network: TrainedNetwork,
    W: float,
    chains: int,
    explanations: Mapping[str, Explanation],
    after: Callable[[], object] = lambda: None,
) -> list[Row]:
    """Every measure of a network at one strength.

    Args:
        network: of two phases.
        W: strength.
        chains: how many test chains to ask about.
        explanations: maps to be scored, by name.
        after: called when one of them is done.

    Returns:
        Rows of :data:`COLUMNS`. Intervals are 95 % over chains: Wilson's of shares, Student's of
        means. ``chance`` is what the measure would be for a map that knows nothing. Changes of
        profiles are left out for images whose columns are no states. ``group`` is empty.
    """
    data = network.data_module()
    asked = _Asked(network, chains, W, data.ensemble.hamiltonian, data.representation)
    test = asked.test
    rows = [*_accuracy(asked)]
    if asked.representation.columns_are_states:
        rows += _counterfactuals(asked)
    # Curves and untrained networks cost many passes a chain.
    few = torch.nonzero(test["labels"]["ratio"] == 1)[:_FAITHFUL, 0]
    for name, explanation in explanations.items():
        maps = _of_phase(explanation, network.network, test["input"])
        of_explanation = [
            *_maps(asked, maps),
            *_faithfulness(asked, explanation, test["input"][few], maps[few]),
        ]
        rows += [{**row, "explanation": name} for row in of_explanation]
        after()
    own = {"checkpoint": network.checkpoint, "W": W}
    return [{**dict.fromkeys(COLUMNS), **own, **row} for row in rows]


def _of_phase(explanation: Explanation, network: nn.Module, images: Tensor) -> Tensor:
    """Maps of what speaks for the second, the topological phase, shape (n, h, w)."""
    return explanation.maps(network, images, labels=(1,))[:, 0]


def _maps(asked: _Asked, maps: Tensor) -> Iterable[Row]:
    test = asked.test
    for label, phase in reversed([*enumerate(asked.hamiltonian.classes)]):
        of_phase = test["labels"]["ratio"] == label
        for region, pixels in asked.representation.regions(test["input"][of_phase, 0]).items():
            found = score(maps[of_phase], pixels)
            for name in _OF_REGION:
                by_chance = found.chance_overlap if name == "overlap" else found.area
                yield {
                    "chains": phase,
                    "measure": measure_name(name, region),
                    **_mean(getattr(found, name)),
                    "chance": float(by_chance.mean()),
                }


def _faithfulness(
    asked: _Asked, explanation: Explanation, profiles: Tensor, maps: Tensor
) -> Iterable[Row]:
    """Of topological chains only: deleting what speaks for a phase needs the phase to be there."""
    noise = torch.rand(maps.shape, generator=torch.Generator().manual_seed(0))
    for insert, name in ((False, "deletion"), (True, "insertion")):
        areas = [
            area_under(curve(asked.network.logits, profiles, shown, insert=insert))
            for shown in (maps, noise)
        ]
        yield {
            "chains": asked.hamiltonian.classes[1],
            "measure": f"{name}, area under the curve",
            **_mean(areas[0]),
            "chance": float(areas[1].mean()),
        }
    parts = (
        {True: "head", False: "network"}
        if hasattr(asked.network.network, "head")
        else {False: "network"}
    )
    for head_only, name in parts.items():
        # The sign of an untrained head is a matter of chance.
        draws = [
            rank_correlations(maps, _of_phase(explanation, other, profiles)).abs()
            for other in (
                untrained(asked.network.network, head_only=head_only, seed=seed)
                for seed in range(_DRAWS)
            )
        ]
        yield {
            "chains": asked.hamiltonian.classes[1],
            "measure": f"|rank correlation| with the map of an untrained {name}",
            **_mean(torch.stack(draws).mean(dim=0)),
        }


def _accuracy(asked: _Asked) -> Iterable[Row]:
    test = asked.test
    right = asked.network.logits(test["input"]).argmax(dim=1) == test["labels"]["ratio"]
    yield {"chains": "all", "measure": ACCURACY, **_share(int(right.sum()), len(right))}


def _counterfactuals(asked: _Asked) -> Iterable[Row]:
    """Shares of right decisions that flip; donors are other chains of the same strength, or named."""
    trivially, topologically = asked.hamiltonian.classes
    topological, trivial = asked.phases(asked.W)
    n = min(len(topological), len(trivial))
    changes = [
        ("edge pair erased", 1, topological, erased_edge_pair(topological)),
        ("another pair erased", 1, topological, erased_localised_pair(topological)),
        (
            f"mid-gap pair of a {trivially} chain",
            1,
            topological[:n],
            swapped_mid_gap_pair(topological[:n], trivial[:n]),
        ),
        (
            f"mid-gap pair of a {topologically} chain",
            0,
            trivial[:n],
            swapped_mid_gap_pair(trivial[:n], topological[:n]),
        ),
    ]
    if asked.W > 0:
        clean = asked.phases(0.0)[1]
        n = min(len(clean), len(trivial))
        every = clean.shape[-1] // 2 - 1
        for pairs in sorted({*(k for k in _PASTED if k < every), every}):
            pasted = pasted_localised_states(clean[:n], trivial[:n], pairs)
            what = "all other pairs" if pairs == every else f"most localised pairs ({pairs})"
            changes.append((f"{what} in a clean chain", 0, clean[:n], pasted))
    for name, label, before, after in changes:
        was, now = (asked.network.logits(profiles).argmax(dim=1) for profiles in (before, after))
        right = was == label
        yield {
            "chains": asked.hamiltonian.classes[label],
            "measure": FLIPPED + name,
            **_share(int((now != was)[right].sum()), int(right.sum())),
        }


def _mean(values: Tensor) -> Row:
    """Mean with its 95 % interval, of the values that are known."""
    known = values[values.isfinite()]
    if not len(known):
        return {"n": 0, "value": math.nan, "low": math.nan, "high": math.nan}
    low, high = intervals.of_mean(known.tolist())  # all measures lie between 0 and 1
    return {"n": len(known), "value": float(known.mean()), "low": low, "high": high}


def _share(part: int, n: int) -> Row:
    """Share with Wilson's 95 % interval."""
    if not n:
        return {"n": 0, "value": math.nan, "low": math.nan, "high": math.nan}
    low, high = intervals.of_share(part, n)
    return {"n": n, "value": part / n, "low": low, "high": high}


def of_groups(rows: Sequence[Row]) -> list[Row]:
    """Rows of groups: means over their networks, with Student's 95 % interval over networks.

    Args:
        rows: of networks.

    Returns:
        Rows without ``checkpoint`` but with ``networks``. The interval of a single network is its own.
    """
    keys = ("group", "W", "chains", "explanation", "measure")
    cells: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        cells.setdefault(tuple(row[key] for key in keys), []).append(row)
    means = []
    for cell, own in cells.items():
        known = [row for row in own if math.isfinite(row["value"])]
        values = [row["value"] for row in known]
        low, high = (
            intervals.of_mean(values)
            if len(values) > 1
            else (known[0]["low"], known[0]["high"])
            if known
            else (math.nan, math.nan)
        )
        chances = [row["chance"] for row in own if row["chance"] is not None]
        means.append(
            {
                **dict(zip(keys, cell, strict=True)),
                "networks": len(known),
                "value": sum(values) / len(values) if values else math.nan,
                "low": low,
                "high": high,
                "chance": sum(chances) / len(chances) if chances else None,
            }
        )
    return means
