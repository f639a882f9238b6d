"""What an augmentation is, and how images of pairs of states are taken apart."""

from abc import abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

Probability = Annotated[float, Field(ge=0, le=1)]


class Augmentation(nn.Module):
    """Makes other training images of the same labels."""

    @abstractmethod
    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:
        """Change some of a batch.

        Args:
            profiles: shape (n, 1, 2M, 2M), rows sites, columns states; not changed in place.
            labels: 1 = topological, shape (n,).

        Returns:
            Images of the same shape.
        """


def lower_half(profiles: Tensor) -> Tensor:
    """The states below zero energy, one of each mirror pair, shape (n, 2M, M); the last is mid-gap."""
    return profiles[:, 0, :, : profiles.shape[-1] // 2]


def mirrored(lower: Tensor) -> Tensor:
    """Whole images, shape (n, 1, 2M, 2M), of their lower halves."""
    return torch.cat([lower, lower.flip(-1)], dim=-1).unsqueeze(1)


def chosen_images(n: int, p: float, device: torch.device) -> Tensor:
    """Which of n images to change, shape (n, 1, 1)."""
    return torch.rand(n, 1, 1, device=device) < p
