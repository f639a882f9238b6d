"""Figs. 5 and 6 of the thesis, and its claim that one network's map is the more precise one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from sshml import intervals
from sshml.cam import edge_region, network_maps, positive_share
from sshml.data.streams import Split
from sshml.figures import Example
from sshml.files.checkpoint import read_checkpoint, trained_network
from sshml.transfer.figures import transfer_panel
from sshml.transfer.study import data_module

# Chains well within their phases; the thesis does not say which it shows.
_TOPOLOGICAL, _TRIVIAL = 0.5, 1.5
# Topological test chains that the precision of maps is measured on.
_MEASURED_ON = 500


@dataclass(frozen=True)
class Shown:
    """A network whose maps are shown.

    Attributes:
        name: of its class.
        network: in eval mode.
        data: settings of the data it was trained on.
    """

    name: str
    network: nn.Module
    data: Mapping[str, Any]

    @classmethod
    def load(cls, checkpoint: str | Path, trust: Sequence[str] = ()) -> "Shown":
        """From a checkpoint of train.py, which may name what :mod:`sshml.config.trust` lets pass."""
        content = read_checkpoint(checkpoint, trust)
        parameters = content["hyper_parameters"]
        name = parameters["network"]["_target_"].rsplit(".", 1)[1]
        return cls(name, trained_network(content), parameters["data"])

    def examples(self, W: float, ratios: tuple[float, ...]) -> list[Example]:
        """The test chains of a strength whose t1/t2 is nearest to given ones."""
        dataset = data_module({**self.data, "W": W}).dataset(Split.TEST)
        t1 = dataset.ensemble.chains(Split.TEST, np.arange(len(dataset))).ratio
        batch = dataset.__getitems__([int(np.abs(t1 - ratio).argmin()) for ratio in ratios])
        maps = network_maps(self.network, batch["input"])
        with torch.no_grad():
            probabilities = self.network(batch["input"]).softmax(dim=1)
        return [
            Example(
                image=batch["input"][k, 0].numpy(),
                maps=maps[k].numpy(),
                ratio=float(batch["parameters"]["ratio"][k]),
                W=W,
                label=int(batch["labels"]["ratio"][k]),
                probabilities=probabilities[k].tolist(),
                hamiltonian=dataset.ensemble.hamiltonian,
                representation=dataset.representation,
            )
            for k in range(len(ratios))
        ]


def fig5(shown: Shown) -> Figure:
    """Profile and map of a topological clean chain."""
    return transfer_panel(shown.examples(0.0, (_TOPOLOGICAL,)), f"{shown.name}, clean chain")


def fig6(shown: Shown) -> Figure:
    """Profile, maxima and map of a trivial and of a topological disordered chain."""
    title = f"{shown.name} trained at W = {shown.data['W']}, chains of W = 0.5"
    return transfer_panel(shown.examples(0.5, (_TRIVIAL, _TOPOLOGICAL)), title)


@dataclass(frozen=True)
class Precision:
    """How much of the positive evidence for "topological" lies where the edge states are.

    Attributes:
        mean: share of the positive part of the map, mean over chains; NaN without any.
        interval: half of its 95 % interval; NaN for a single chain.
        area: share of the area, what chance would give.
        n: chains whose map has a positive part.
    """

    mean: float
    interval: float
    area: float
    n: int


def precision(shown: Shown) -> Precision:
    """Precision of the maps of topological clean test chains."""
    dataset = data_module({**shown.data, "W": 0.0}).dataset(Split.TEST)
    t1 = dataset.ensemble.chains(Split.TEST, np.arange(len(dataset))).ratio
    topological = np.flatnonzero(t1 < 1)[:_MEASURED_ON]
    shares = [torch.empty(0, dtype=torch.float64)]
    region = torch.full((1, 1), torch.nan)
    for part in np.array_split(topological, max(1, -(-len(topological) // 50))):
        if not len(part):
            break
        maps = network_maps(shown.network, dataset.__getitems__(part.tolist())["input"])[:, 1]
        region = edge_region(*maps.shape[1:])
        shares.append(positive_share(maps, region))
    share = torch.cat(shares)
    share = share[~share.isnan()]
    low, high = intervals.of_mean(share.tolist()) if len(share) else (math.nan, math.nan)
    return Precision(float(share.mean()), (high - low) / 2, float(region.mean()), len(share))
