"""What an augmentation is, and how images of pairs of states are taken apart."""

from abc import abstractmethod
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from sshml.physics.hamiltonians import Hamiltonian

Probability = Annotated[float, Field(ge=0, le=1)]


class Augmentation(nn.Module):
    """Makes other training images of the same labels.

    Attributes:
        of_sites: whether it is for images whose rows are sites.
        of_states: whether it is for images whose columns are states, see
            :class:`sshml.data.representations.Representation`.
        of_two_phases: whether it is for chains of a trivial phase, 0, and a topological one, 1.
        chains: Hamiltonians that it is for.
    """

    of_sites: ClassVar[bool] = False
    of_states: ClassVar[bool] = False
    of_two_phases: ClassVar[bool] = False
    chains: ClassVar[type[Hamiltonian]] = Hamiltonian  # type: ignore[type-abstract]

    @abstractmethod
    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:
        """Change some of a batch.

        Args:
            profiles: images, shape (n, C, H, W); not changed in place.
            labels: of their classes, shape (n,).

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
