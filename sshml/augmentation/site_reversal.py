"""Chains with their sites in reverse order."""

import torch
from torch import Tensor

from sshml.augmentation.base import Augmentation, Probability, chosen_images


class SiteReversal(Augmentation):
    """Turns chains round: the last site becomes the first. Clean chains are symmetric to that.

    Args:
        p: share of the images that are changed.
    """

    of_sites = True

    def __init__(self, p: Probability = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Images, some of them with their rows in reverse."""
        chosen = chosen_images(len(profiles), self.p, profiles.device).unsqueeze(-1)
        return torch.where(chosen, profiles.flip(-2), profiles)
