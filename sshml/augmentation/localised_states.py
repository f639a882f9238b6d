"""Random localised states."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from sshml.augmentation.base import (
    Augmentation,
    Probability,
    chosen_images,
    lower_half,
    mirrored,
)

# Keeps logarithms of squares finite.
_TINY = 1e-6


class LocalisedStates(Augmentation):
    """Puts random localised states in the place of some, so that localisation is no cue.

    Disorder localises states anywhere in the chain (Anderson), while in a clean chain only edge states
    are localised. Some mirror pairs of an image become random states: density exp(-2|m - c| / l) z² in
    cell m, normalised to half of the weight on either sublattice, as every state of a chiral chain has.
    Centre c, length l and speckle z (normal, its neighbours correlated as waves are) are random; the
    centres of the two sublattices lie up to l, or a quarter of the chain, apart, as at the walls of a
    domain. Centres crowd at the ends of the chain (arcsine law), where they are easily taken for edge
    states. The mid-gap pair of a topological image is never touched.

    Args:
        p: share of the images that are changed.
        shortest: shortest localisation length, in cells.
        longest: longest.
        scatter: of the natural logarithm of the length within an image, either way.
    """

    of_sites = True
    of_states = True
    of_two_phases = True

    def __init__(
        self,
        p: Probability = 0.9,
        shortest: Annotated[float, Field(gt=0)] = 0.7,
        longest: Annotated[float, Field(gt=0)] = 100.0,
        scatter: Annotated[float, Field(ge=0)] = 1.5,
    ) -> None:
        super().__init__()
        if shortest > longest:
            raise ValueError(f"shortest={shortest} must not exceed longest={longest}")
        self.p = p
        self.shortest = shortest
        self.longest = longest
        self.scatter = scatter

    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:
        """Images, some of them with some of their states replaced."""
        lower = lower_half(profiles)
        n, _, n_cells = lower.shape
        # Mostly many states of an image, as disorder does.
        share = torch.rand(n, 1, 1, device=lower.device).sqrt()
        share = share * chosen_images(n, self.p, lower.device)
        replaced = torch.rand(n, 1, n_cells, device=lower.device) < share
        replaced[..., -1] &= (labels == 0).unsqueeze(1)
        return mirrored(torch.where(replaced, self._states(lower), lower))

    def _states(self, lower: Tensor) -> Tensor:
        """Random localised states for all columns, shape (n, 2M, M)."""
        n, _, n_cells = lower.shape

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, device=lower.device)

        low, high = math.log(self.shortest), math.log(self.longest)
        typical = low + (high - low) * uniform(n, 1, 1, 1)
        length = (typical + self.scatter * (2 * uniform(n, 1, 1, n_cells) - 1)).exp()
        centre = (math.pi / 2 * uniform(n, 1, 1, n_cells)).sin().square()
        centre = (n_cells + 2) * centre - 1.5  # also just outside the chain
        apart = length.clamp(max=n_cells / 4) * (2 * uniform(n, 1, 1, n_cells) - 1)
        return _localised(centre, apart, length, n_cells).to(lower)


def _localised(centre: Tensor, apart: Tensor, length: Tensor, n_cells: int) -> Tensor:
    """Random localised states, exp(-2|m - c| / l) z² on either sublattice.

    Args:
        centre: of both sublattices, in cells, shape (n, 1, 1, k).
        apart: centre of B minus that of A, of the same shape.
        length: l, of the same shape.
        n_cells: M.

    Returns:
        Densities, shape (n, 2M, k).
    """
    n, _, _, k = centre.shape
    device = centre.device
    centres = torch.cat([centre - apart / 2, centre + apart / 2], dim=2)
    cells = torch.arange(n_cells, device=device).view(1, n_cells, 1, 1)
    speckle = torch.randn(n, n_cells, 2, k, device=device)
    blur = 0.5 * torch.rand(n, 1, 1, k, device=device)
    for _ in range(3):
        neighbours = (speckle.roll(1, dims=1) + speckle.roll(-1, dims=1)) / 2
        speckle = torch.lerp(speckle, neighbours, blur)
    exponent = (speckle.square() + _TINY).log() - 2 * (cells - centres).abs() / length
    return (exponent.softmax(dim=1) / 2).flatten(1, 2)
