"""Class activation maps (Zhou et al., arXiv:1512.04150; thesis, Sec. 3.3). Needs torch only."""

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from sshml.networks.evaluation import evaluating, float32

__all__ = ["class_activation_maps", "edge_region", "network_maps", "positive_share"]


def class_activation_maps(
    features: Float[Tensor, "n K h w"], weight: Float[Tensor, "C K"]
) -> Float[Tensor, "n C h w"]:
    """Raw maps of all classes, M_c(x, y) = sum_k w_k^c f_k(x, y).

    The mean of M_c over (x, y) plus the bias of class c is the logit of class c, so the value of a
    pixel is what it adds to the logit, times the number of pixels. Nothing is normalised or cut off.

    Args:
        features: last convolutional features.
        weight: weight of the linear head.

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


def edge_region(height: int, width: int, part: float = 0.125) -> Float64[Tensor, "{height} {width}"]:
    """Where the edge states of a topological chain are in a map: its first and last sites, mid-gap.

    Args:
        height: of the map, whose rows are the sites of the chain.
        width: of the map, whose columns are its states by energy.
        part: of the sites at either end, and of the states in the middle, that belong to the region.

    Returns:
        The share of each of the map's cells that lies in the region; its mean, 2 part², is the share
        of the area.

    Example:
        >>> edge_region(4, 4, part=0.25).tolist()
        [[0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]
    """

    def covered(cells: int, low: float, high: float) -> Tensor:
        """Share of each of the cells of the unit interval that lies between low and high."""
        bounds = torch.arange(cells + 1, dtype=torch.float64) / cells
        inside = bounds[1:].clamp(max=high) - bounds[:-1].clamp(min=low)
        return inside.clamp(min=0) * cells

    rows = covered(height, 0, part) + covered(height, 1 - part, 1)
    return torch.outer(rows, covered(width, 0.5 - part / 2, 0.5 + part / 2))


def positive_share(maps: Float[Tensor, "n h w"], region: Float[Tensor, "h w"]) -> Float64[Tensor, " n"]:
    """Share of the positive part of maps that lies in a region.

    Args:
        maps: of one class.
        region: from 0 to 1.

    Returns:
        NaN for a map without a positive value.

    Example:
        An even map has the region's share of the area in it, 2 · 0.25²:

        >>> positive_share(torch.ones(1, 4, 4), edge_region(4, 4, part=0.25)).tolist()
        [0.125]
    """
    positive = maps.double().clamp(min=0)
    return (positive * region).sum(dim=(1, 2)) / positive.sum(dim=(1, 2))


@torch.no_grad()
@float32()
def network_maps(
    network: nn.Module, images: Float[Tensor, "n channels H W"]
) -> Float32[Tensor, "n C h w"]:
    """Raw class activation maps of a network for images, in eval mode and float32.

    Args:
        network: with ``features`` and a linear ``head``, as
            :class:`sshml.networks.GlobalAveragePoolingNetwork`.
        images: of any kind of float, on any device.

    Returns:
        The maps, on the CPU.

    Example:
        Their mean over the pixels, plus the bias of the class, is its logit:

        >>> from sshml.networks import CNN
        >>> network, images = CNN(widths=[4], pool_after=[1]).eval(), torch.rand(3, 1, 8, 8)
        >>> maps = network_maps(network, images)
        >>> logits = maps.mean((2, 3)) + network.head.bias
        >>> maps.shape, bool(torch.allclose(logits, network(images), atol=1e-6))
        (torch.Size([3, 2, 4, 4]), True)
    """
    weight: Tensor = network.head.weight  # type: ignore[assignment, union-attr]
    with evaluating(network):
        features: Tensor = network.features(images.to(weight))  # type: ignore[operator]
    return class_activation_maps(features, weight).float().cpu()
