"""States in another order."""

import torch
from torch import Tensor

from sshml.augmentation.base import (
    Augmentation,
    Probability,
    chosen_images,
    lower_half,
    mirrored,
)


class ColumnPermutation(Augmentation):
    """Puts states in another order of energy, each with its mirror state; the mid-gap pair stays.

    Args:
        p: share of the images that are changed.
    """

    of_states = True

    def __init__(self, p: Probability = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Images, some of them with their columns in another order."""
        lower = lower_half(profiles)
        n, _, n_cells = lower.shape
        keys = torch.rand(n, n_cells, device=lower.device)
        keys[:, -1] = 2.0  # the mid-gap pair stays last
        order = keys.argsort(dim=1).unsqueeze(1).expand_as(lower)
        chosen = chosen_images(n, self.p, lower.device)
        return mirrored(torch.where(chosen, lower.gather(2, order), lower))
