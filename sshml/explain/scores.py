"""Where the positive part of a map lies, against where states are and against chance."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import hypergeom
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

# Share of a state's largest density from which on a site belongs to it.
_OF_PEAK = 0.1
# Mirror pairs of the most localised states that are looked for.
LOCALISED_PAIRS = 3


def edge_pair(profiles: Tensor) -> Tensor:
    """Pixels of the two states next to zero energy, where they have a tenth of their peak or more.

    Args:
        profiles: shape (n, 2M, 2M), rows sites, columns states.

    Returns:
        Shape (n, 2M, 2M), bool.
    """
    middle = profiles.shape[-1] // 2
    columns = torch.zeros(profiles.shape[-1], dtype=torch.bool)
    columns[middle - 1 : middle + 1] = True
    return _occupied(profiles) & columns


def localised_states(profiles: Tensor, pairs: int = LOCALISED_PAIRS) -> Tensor:
    """Pixels, likewise, of the mirror pairs with the highest inverse participation ratios.

    The mid-gap pair is not among them.

    Args:
        profiles: shape (n, 2M, 2M).
        pairs: how many; M - 1, if there are no more.

    Returns:
        Shape (n, 2M, 2M), bool.
    """
    return _occupied(profiles) & localised_columns(profiles, pairs).unsqueeze(1)


def localised_columns(profiles: Tensor, pairs: int) -> Tensor:
    """The columns of those states, shape (n, 2M), bool."""
    n, _, states = profiles.shape
    ratio = profiles.square().sum(dim=1)[:, : states // 2 - 1]
    lower = ratio.topk(min(pairs, ratio.shape[1]), dim=1).indices
    columns = torch.zeros(n, states, dtype=torch.bool)
    return columns.scatter_(1, torch.cat([lower, states - 1 - lower], dim=1), value=True)


def _occupied(profiles: Tensor) -> Tensor:
    return profiles >= _OF_PEAK * profiles.amax(dim=1, keepdim=True)


@dataclass(frozen=True)
class Scores:
    """How well maps point at regions, n maps; NaN for a map without a positive value.

    Attributes:
        area: share of the map's cells that the region has, which is what chance scores in the next two.
        share: of the positive part of the map that lies in the region.
        pointing: 1 if the largest value lies in the region, else 0.
        overlap: intersection over union of the region and as many of the largest cells.
        chance_overlap: the mean of that of as many cells at random, of which the region holds a
            hypergeometric number.
    """

    area: Tensor
    share: Tensor
    pointing: Tensor
    overlap: Tensor
    chance_overlap: Tensor


def score(maps: Tensor, pixels: Tensor) -> Scores:
    """Score maps against regions of the image.

    A cell of a map belongs to a region if one of the pixels that it stands for does.

    Args:
        maps: raw class activation maps of one class, shape (n, h, w).
        pixels: regions, shape (n, H, W), bool.

    Returns:
        Each of shape (n,), float64.
    """
    n, height, width = maps.shape
    region = adaptive_max_pool2d(pixels.double().unsqueeze(1), (height, width)).flatten(1)
    flat = maps.double().flatten(1)
    positive = flat.clamp(min=0)
    total = positive.sum(dim=1)
    area = region.mean(dim=1)
    order = flat.argsort(dim=1, descending=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(height * width).expand(n, -1))
    size = region.sum(dim=1, keepdim=True)
    shared = ((rank < size) * region).sum(dim=1)
    pointing = region.gather(1, order[:, :1])[:, 0]
    return Scores(
        area=area,
        share=(positive * region).sum(dim=1) / total,
        pointing=torch.where(total > 0, pointing, torch.nan),
        overlap=shared / (2 * size[:, 0] - shared),
        chance_overlap=torch.tensor(
            [_overlap_by_chance(int(k), height * width) for k in size[:, 0]], dtype=torch.float64
        ),
    )


@functools.cache
def _overlap_by_chance(size: int, cells: int) -> float:
    """Mean intersection over union of two random sets of so many of the cells each."""
    if not size:
        return 0.0
    shared = np.arange(size + 1)
    return float((hypergeom.pmf(shared, cells, size, size) * shared / (2 * size - shared)).sum())
