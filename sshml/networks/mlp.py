"""A multilayer perceptron."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

Size = Annotated[int, Field(ge=1)]


class MLP(nn.Module):
    """Linear layers with ReLU between them, of all pixels at once.

    It has no class activation maps: a linear layer keeps no places.

    Args:
        image_size: height and width of the images; train.py takes those of its data.
        widths: of the hidden layers.
        dropout: probability of zeroing a value after each hidden layer.
        n_classes: number of classes.
        in_channels: channels of an image.

    Raises:
        ValueError: for a width below 1 or a dropout outside [0, 1).

    Example:
        >>> import torch
        >>> MLP(image_size=(60, 60))(torch.zeros(2, 1, 60, 60)).shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        image_size: Annotated[Sequence[Size], Field(min_length=2, max_length=2)],
        widths: Sequence[int] = (256, 64),
        dropout: float = 0.0,
        n_classes: int = 2,
        in_channels: int = 1,
    ) -> None:
        if any(width < 1 for width in widths):
            raise ValueError(f"widths must be positive, got {list(widths)}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        sizes = (in_channels * prod(image_size), *widths)
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU(inplace=True)]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], n_classes))

    def forward(self, images: Float[Tensor, "n channels H W"]) -> Float[Tensor, "n C"]:
        """Images to logits."""
        logits: Tensor = self.layers(images)
        return logits
