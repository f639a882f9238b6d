"""Changes to training images that take a cue away, or show a symmetry.

The open config group ``augmentation``. No disordered chain is solved for any of them. They draw from
torch's global random numbers, which :class:`sshml.module.PhaseClassifier` seeds at every step.
"""

import math
from abc import abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

Probability = Annotated[float, Field(ge=0, le=1)]
# Keeps logarithms of squares finite.
_TINY = 1e-6
# Localisation length of trivial mid-gap pairs, in cells.
_SHORTEST = 0.7
# Of the logarithm of a density: beyond it nothing is left of the far end in single precision.
_LARGEST_FALL = 60.0


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


def _lower_half(profiles: Tensor) -> Tensor:
    """The states below zero energy, one of each mirror pair, shape (n, 2M, M); the last is mid-gap."""
    return profiles[:, 0, :, : profiles.shape[-1] // 2]


def _mirrored(lower: Tensor) -> Tensor:
    """Whole images, shape (n, 1, 2M, 2M), of their lower halves."""
    return torch.cat([lower, lower.flip(-1)], dim=-1).unsqueeze(1)


def _chosen(n: int, p: float, device: torch.device) -> Tensor:
    """Which of n images to change, shape (n, 1, 1)."""
    return torch.rand(n, 1, 1, device=device) < p


class SiteReversal(Augmentation):
    """Turns chains round: the last site becomes the first. Clean chains are symmetric to that.

    Args:
        p: share of the images that are changed.
    """

    def __init__(self, p: Probability = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Images, some of them with their rows in reverse."""
        chosen = _chosen(len(profiles), self.p, profiles.device).unsqueeze(-1)
        return torch.where(chosen, profiles.flip(-2), profiles)


class ColumnPermutation(Augmentation):
    """Puts states in another order of energy, each with its mirror state; the mid-gap pair stays.

    Args:
        p: share of the images that are changed.
    """

    def __init__(self, p: Probability = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Images, some of them with their columns in another order."""
        lower = _lower_half(profiles)
        n, _, n_cells = lower.shape
        keys = torch.rand(n, n_cells, device=lower.device)
        keys[:, -1] = 2.0  # the mid-gap pair stays last
        order = keys.argsort(dim=1).unsqueeze(1).expand_as(lower)
        chosen = _chosen(n, self.p, lower.device)
        return _mirrored(torch.where(chosen, lower.gather(2, order), lower))


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
        lower = _lower_half(profiles)
        n, _, n_cells = lower.shape
        # Mostly many states of an image, as disorder does.
        share = torch.rand(n, 1, 1, device=lower.device).sqrt()
        share = share * _chosen(n, self.p, lower.device)
        replaced = torch.rand(n, 1, n_cells, device=lower.device) < share
        replaced[..., -1] &= (labels == 0).unsqueeze(1)
        return _mirrored(torch.where(replaced, self._states(lower), lower))

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


class ZeroModes(Augmentation):
    """Makes mid-gap pairs wander, as they do in chains of uneven hoppings.

    At zero energy |psi_A(m+1) / psi_A(m)| = t1(m) / t2(m), and likewise from the other end on B, so the
    logarithm of the density of an edge state falls evenly in a clean chain and walks at random in an
    uneven one. In topological images A's density is multiplied by exp(w) and B's by exp(-w), w a
    Brownian bridge over the cells: the fall from one end to the other, whose sign tells the winding
    number (Mondragon-Shem et al., arXiv:1311.5233), stays as it is, but the peaks may leave the ends.
    That the bridge grows with the fall is a choice, so that the pair stays one of two ends.
    In trivial images the pair becomes a localised state, as of :class:`LocalisedStates`, with A and B
    some way apart, in either order, as at the walls of a domain. No chain is solved; but that zero
    modes walk is knowledge of disordered chains, which :class:`LocalisedStates` does without.

    Args:
        p: share of the images that are changed.
        wander: largest standard deviation, as a part of the fall, of a walk of which w is the bridge.
        apart: of A and B in trivial images, at most, as a part of the chain.
    """

    def __init__(
        self,
        p: Probability = 0.5,
        wander: Annotated[float, Field(ge=0)] = 1.2,
        apart: Annotated[float, Field(ge=0, le=1)] = 0.4,
    ) -> None:
        super().__init__()
        self.p = p
        self.wander = wander
        self.apart = apart

    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:
        """Images, some of them with another mid-gap pair."""
        lower = _lower_half(profiles)
        pair = lower[..., -1:]
        topological = (labels == 1).view(-1, 1, 1)
        changed = torch.where(topological, self._walked(pair), self._localised(pair))
        chosen = _chosen(len(lower), self.p, lower.device)
        return _mirrored(torch.cat([lower[..., :-1], torch.where(chosen, changed, pair)], dim=-1))

    def _walked(self, pair: Tensor) -> Tensor:
        n, n_cells, device = len(pair), pair.shape[1] // 2, pair.device
        # Of A and B, shape (n, M, 2). A decay below the smallest float32 is none to be known.
        logarithm = pair.view(n, n_cells, 2).clamp(min=torch.finfo(torch.float32).tiny).log()
        fall = (logarithm[:, :1, :1] - logarithm[:, -1:, :1]).clamp(min=0, max=_LARGEST_FALL)
        steps = torch.randn(n, n_cells - 1, 1, device=device) / math.sqrt(n_cells - 1)
        walk = nn.functional.pad((steps - steps.mean(dim=1, keepdim=True)).cumsum(dim=1), (0, 0, 1, 0))
        walk = walk * self.wander * torch.rand(n, 1, 1, device=device) * fall
        return ((logarithm + torch.cat([walk, -walk], dim=2)).softmax(dim=1) / 2).view(pair.shape)

    def _localised(self, pair: Tensor) -> Tensor:
        n, n_cells, device = len(pair), pair.shape[1] // 2, pair.device

        def uniform() -> Tensor:
            return torch.rand(n, 1, 1, 1, device=device)

        low, high = math.log(_SHORTEST), math.log(n_cells / 2)
        length = (low + (high - low) * uniform()).exp()
        centre = (n_cells + 2) * (math.pi / 2 * uniform()).sin().square() - 1.5
        apart = self.apart * n_cells * (2 * uniform() - 1)
        return _localised(centre, apart, length, n_cells).to(pair)
