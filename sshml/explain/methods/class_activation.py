"""Class activation maps."""

from torch import Tensor, nn

from sshml.cam import network_maps
from sshml.explain.methods.base import TOPOLOGICAL


def class_activation(network: nn.Module, images: Tensor) -> Tensor:
    """Class activation maps, shape (n, h, w).

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> tuple(class_activation(CNN().eval(), torch.full((1, 1, 60, 60), 1 / 60)).shape)
        (1, 7, 7)
    """
    return network_maps(network, images)[:, TOPOLOGICAL]
