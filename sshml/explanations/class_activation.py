"""Class activation maps."""

import torch
from torch import Tensor, nn

from sshml.cam import network_maps
from sshml.explanations.base import Explanation
from sshml.networks import pools_globally


class ClassActivation(Explanation):
    """Class activation maps (arXiv:1512.04150), see :mod:`sshml.cam`; of the size of the features.

    For networks that end in global average pooling and a linear head: the mean of the map of a class,
    plus a bias, is its logit.

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> maps = ClassActivation().maps(CNN(), torch.rand(1, 1, 60, 60), labels=(1,))
        >>> tuple(maps[0, 0].shape)
        (7, 7)
    """

    title = "class activation maps"
    quantity = "$M_c$"

    def check(self, network: nn.Module, images: Tensor) -> None:
        """The logits are linear in the mean of ``features``, by a linear ``head``."""
        name = type(network).__name__
        if not pools_globally(network):
            raise ValueError(
                f"{name} has no class activation maps, which need `features` and a linear `head`"
            )
        maps = network_maps(network, images)
        with torch.no_grad():
            bias = network.head(torch.zeros(1, network.head.in_features))  # type: ignore[operator, union-attr, arg-type]
            if not torch.allclose(maps.mean(dim=(2, 3)) + bias, network(images), rtol=1e-3, atol=1e-4):
                raise ValueError(
                    f"{name} has no class activation maps, which need only global average pooling "
                    "between `features` and `head`"
                )

    def of_class(self, network: nn.Module, images: Tensor, label: int) -> Tensor:
        """Maps of the size of the features."""
        return network_maps(network, images)[:, label]
