"""Figs. 5 and 6 of the thesis, and its claim that one network's map is the more precise one."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from sshml import intervals
from sshml.cam import edge_region, network_maps, positive_share
from sshml.data.streams import Split
from sshml.trained import TrainedNetwork
from sshml.transfer.figures import transfer_panel

# Chains well within their phases; the thesis does not say which it shows.
_TOPOLOGICAL, _TRIVIAL = 0.5, 1.5
# Topological test chains that the precision of maps is measured on.
_MEASURED_ON = 500


def fig5(shown: TrainedNetwork) -> Figure:
    """Profile and map of a topological clean chain."""
    return transfer_panel(shown.nearest(0.0, (_TOPOLOGICAL,)), f"{shown.name}, clean chain")


def fig6(shown: TrainedNetwork) -> Figure:
    """Profile, maxima and map of a trivial and of a topological disordered chain."""
    title = f"{shown.name} trained at W = {shown.data['W']}, chains at W = 0.5"
    return transfer_panel(shown.nearest(0.5, (_TRIVIAL, _TOPOLOGICAL)), title)


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


def precision(shown: TrainedNetwork) -> Precision:
    """Precision of the maps of topological clean test chains."""
    dataset = shown.data_module(W=0.0).dataset(Split.TEST)
    topological = np.flatnonzero(dataset.parameters()["ratio"] < 1)[:_MEASURED_ON]
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
