"""Where the positive part of a map lies, against where states are and against chance."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import hypergeom
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d


@dataclass(frozen=True)
class Scores:
    """How well maps point at regions, n maps; NaN for a map without a positive value.

    Attributes:
        area: share of the map's cells that the region has, which is what chance scores in the next two.
        share: of the positive part of the map that lies in the region.
        pointing: 1 if the largest value lies in the region, else 0; of several, their mean.
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

    Example:
        >>> maps = torch.tensor([[[3.0, 1.0], [-1.0, 0.0]]])
        >>> found = score(maps, torch.tensor([[[True, False], [False, False]]]))
        >>> found.share.tolist(), found.pointing.tolist(), found.area.tolist()
        ([0.75], [1.0], [0.25])
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
    largest = (flat == flat.amax(dim=1, keepdim=True)).double()
    pointing = (largest * region).sum(dim=1) / largest.sum(dim=1)
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
