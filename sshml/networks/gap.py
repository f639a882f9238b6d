"""Networks that end in global average pooling and one linear layer."""

from jaxtyping import Float
from torch import Tensor, nn


class GlobalAveragePoolingNetwork(nn.Module):
    """A convolutional trunk, global average pooling, one linear head.

    logit_c = b_c + mean over (x, y) of sum_k w_k^c f_k(x, y), which is what makes the class activation
    maps of Zhou et al. (arXiv:1512.04150) exact. Every network of this package has this form, and
    any trunk can be given it: ``GlobalAveragePoolingNetwork(my_trunk, n_features=64)``.

    Args:
        features: trunk, images (n, 1, H, W), or of more channels, to features (n, K, h, w).
        n_features: K.
        n_classes: number of classes C.

    Attributes:
        features: the trunk.
        head: ``nn.Linear(K, C)``.

    Example:
        >>> import torch
        >>> network = GlobalAveragePoolingNetwork(nn.Conv2d(1, 6, 3), n_features=6, n_classes=3)
        >>> network(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 3])
    """

    def __init__(self, features: nn.Module, n_features: int, n_classes: int = 2) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Linear(n_features, n_classes)

    def forward(self, images: Float[Tensor, "n channels H W"]) -> Float[Tensor, "n C"]:
        """Images to logits."""
        features: Tensor = self.features(images)
        logits: Tensor = self.head(features.mean(dim=(-2, -1)))
        return logits


def pools_globally(network: nn.Module) -> bool:
    """Whether a network has ``features`` and a linear ``head``, as one with global average pooling.

    Example:
        >>> pools_globally(GlobalAveragePoolingNetwork(nn.Conv2d(1, 6, 3), n_features=6))
        True
        >>> pools_globally(nn.Linear(4, 2))
        False
    """
    return hasattr(network, "features") and isinstance(getattr(network, "head", None), nn.Linear)
