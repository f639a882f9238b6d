"""Whether a map says what the network does: by taking pixels away, and by taking training away."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchmetrics.functional import spearman_corrcoef

# Points of a curve: shares of the pixels from none to all.
_POINTS = 17


def curve(
    answer: Callable[[Tensor], Tensor], profiles: Tensor, maps: Tensor, *, insert: bool
) -> Tensor:
    """Probability of the topological phase as the pixels that a map ranks first go, or come.

    A pixel that is taken away has the density of a state that is spread evenly over all rows
    (deletion and insertion, arXiv:1806.07421).

    Args:
        answer: images (n, 1, H, W) to logits (n, 2).
        profiles: shape (n, 1, H, W).
        maps: shape (n, h, w), of any size.
        insert: begin with nothing, instead of with the whole image.

    Returns:
        Shape (n, 17), for shares of the pixels from 0 to 1.

    Example:
        A network that asks whether the first pixel is brighter than 1/2, and a map that says so:

        >>> def answer(images):
        ...     return torch.stack([torch.zeros(len(images)), 100 * images[:, 0, 0, 0] - 50], dim=1)
        >>> profiles = torch.eye(2).view(1, 1, 2, 2)
        >>> first = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
        >>> curve(answer, profiles, first, insert=False)[0, [0, -1]].tolist()
        [1.0, 0.5]
    """
    height, width = profiles.shape[-2:]
    fine = interpolate(maps.float().unsqueeze(1), (height, width), mode="bilinear").flatten(1)
    order = fine.argsort(dim=1, descending=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(height * width).expand_as(order))
    rank = rank.view(profiles.shape)
    points = []
    for share in torch.linspace(0, 1, _POINTS).tolist():
        first = rank < round(share * height * width)
        shown = first if insert else ~first
        images = torch.where(shown, profiles, 1 / height)
        points.append(answer(images).softmax(dim=1)[:, 1])
    return torch.stack(points, dim=1)


def area_under(curves: Tensor) -> Tensor:
    """Area under curves of shape (n, points) over the shares from 0 to 1, shape (n,).

    Example:
        >>> area_under(torch.tensor([[0.0, 0.5, 1.0]])).tolist()
        [0.5]
    """
    return torch.trapezoid(curves, dx=1 / (curves.shape[1] - 1), dim=1)


def untrained(network: nn.Module, *, head_only: bool, seed: int) -> nn.Module:
    """A copy with the parameters of the head, or of all layers, drawn again (arXiv:1810.03292).

    Args:
        network: with a linear ``head``.
        head_only: leave the features as they were trained.
        seed: of the new parameters.

    Returns:
        The copy, in eval mode.

    Example:
        >>> from sshml.networks import CNN
        >>> network = CNN()
        >>> bool((untrained(network, head_only=True, seed=0).head.weight == network.head.weight).any())
        False
    """
    copied = copy.deepcopy(network).eval()
    changed: nn.Module = copied.head if head_only else copied  # type: ignore[assignment]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in changed.modules():
            if reset := getattr(module, "reset_parameters", None):
                reset()
    return copied


def rank_correlations(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's correlation of each of n pairs of maps, shapes (n, h, w) to (n,).

    Example:
        >>> maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
        >>> rank_correlations(maps, -(maps**3)).round(decimals=5).tolist()
        [-1.0]
    """
    coefficients: Tensor = spearman_corrcoef(first.double().flatten(1).T, second.double().flatten(1).T)
    return coefficients.reshape(-1)
