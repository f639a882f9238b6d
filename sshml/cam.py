"""Class activation maps (Zhou et al., arXiv:1512.04150; thesis, Sec. 3.3). Needs torch only."""

import torch
from torch import Tensor, nn


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


@torch.no_grad()
def network_maps(network: nn.Module, images: Tensor) -> Tensor:
    """Raw class activation maps of a network for images, in eval mode.

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
