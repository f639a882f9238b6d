"""Class activation maps (Zhou et al., arXiv:1512.04150; thesis, Sec. 3.3). Needs torch only."""

import torch
from torch import Tensor, nn

from sshml.networks.precision import float32


def class_activation_maps(features: Tensor, weight: Tensor) -> Tensor:
    """Raw maps of all classes, M_c(x, y) = sum_k w_k^c f_k(x, y).

    The mean of M_c over (x, y) plus the bias of class c is the logit of class c, so the value of a
    pixel is what it adds to the logit, times the number of pixels. Nothing is normalised or cut off.

    Args:
        features: last convolutional features, shape (n, K, h, w).
        weight: weight of the linear head, shape (C, K).

    Returns:
        Shape (n, C, h, w).

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> features = torch.ones(1, 2, 3, 3)
        >>> class_activation_maps(features, torch.tensor([[1.0, 2.0]]))[0, 0, 0].tolist()
        [3.0, 3.0, 3.0]
    """
    if features.ndim != 4 or weight.ndim != 2 or features.shape[1] != weight.shape[1]:
        raise ValueError(
            "features must have shape (n, K, h, w) and weight (C, K), "
            f"got {tuple(features.shape)} and {tuple(weight.shape)}"
        )
    return torch.einsum("nkhw,ck->nchw", features, weight)


def edge_region(height: int, width: int, part: float = 0.125) -> Tensor:
    """Where the edge states of a topological chain are in a map: its first and last sites, mid-gap.

    Args:
        height: of the map, whose rows are the sites of the chain.
        width: of the map, whose columns are its states by energy.
        part: of the sites at either end, and of the states in the middle, that belong to the region.

    Returns:
        Shape (height, width), the share of each of the map's cells that lies in the region; its mean,
        2 part², is the share of the area.
    """

    def covered(cells: int, low: float, high: float) -> Tensor:
        """Share of each of the cells of the unit interval that lies between low and high."""
        bounds = torch.arange(cells + 1, dtype=torch.float64) / cells
        inside = bounds[1:].clamp(max=high) - bounds[:-1].clamp(min=low)
        return inside.clamp(min=0) * cells

    rows = covered(height, 0, part) + covered(height, 1 - part, 1)
    return torch.outer(rows, covered(width, 0.5 - part / 2, 0.5 + part / 2))


def positive_share(maps: Tensor, region: Tensor) -> Tensor:
    """Share of the positive part of maps that lies in a region.

    Args:
        maps: shape (n, h, w).
        region: shape (h, w), from 0 to 1.

    Returns:
        Shape (n,), float64; NaN for a map without a positive value.
    """
    positive = maps.double().clamp(min=0)
    return (positive * region).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))


@torch.no_grad()
@float32()
def network_maps(network: nn.Module, images: Tensor) -> Tensor:
    """Raw class activation maps of a network for images, in eval mode and float32.

    Args:
        network: with ``features`` and a linear ``head``, as
            :class:`sshml.networks.GlobalAveragePoolingNetwork`.
        images: shape (n, 1, H, W).

    Returns:
        Shape (n, C, h, w), float32, on the CPU.
    """
    weight: Tensor = network.head.weight  # type: ignore[assignment, union-attr]
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        features: Tensor = network.features(images.to(weight))  # type: ignore[operator]
    finally:  # each as it was: parts of a network may be frozen in eval mode
        for module, training in modes.items():
            module.training = training
    return class_activation_maps(features, weight).float().cpu()
