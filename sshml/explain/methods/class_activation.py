"""Class activation maps."""

from torch import Tensor, nn

from sshml.cam import network_maps
from sshml.explain.methods.base import TOPOLOGICAL


def class_activation(network: nn.Module, images: Tensor) -> Tensor:
    """Class activation maps, shape (n, h, w)."""
    return network_maps(network, images)[:, TOPOLOGICAL]
