"""Changes to training images that take a cue away, or show a symmetry.

The open config group ``augmentation``. No disordered chain is diagonalised for any of them, but
:class:`ZeroModes` shows the mid-gap pairs of such chains: domain randomisation. They draw from torch's
global random numbers, which :class:`sshml.training.module.PhaseClassifier` seeds at every step.
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
# Of zero_modes: from here on more than nine pairs of ten overlap with exact diagonalisation by 0.9.
_SMALLEST_FALL = 3.0
# About half of the walks that rise have no such fall anywhere, nearly all others have. Drawn as often,
# nearly all images get a pair, of either phase: that there is one must not be a cue.
_TRIES = 4


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
    """Puts mid-gap pairs of chains with random hoppings in the place of the clean ones'.

    This is domain randomisation: a network trained with it has not seen clean chains only.

    At zero energy |psi_A(m+1) / psi_A(m)| = t1(m) / t2(m), so the logarithm of A's density falls evenly
    along a clean topological chain, and walks at random where hoppings are uneven; B's rises where A's
    falls. The phase is the sign of the walk from end to end (Mondragon-Shem et al., arXiv:1311.5233).
    The pair lies on the stretch on which the walk falls farthest, A's peak at its beginning and B's at
    its end. In a topological chain this is most of the chain, in a trivial one whatever stretch happens
    to fall, as between the walls of a domain; with little ``wander`` there is none, and trivial images
    keep their own.

    Logarithms of hoppings are normal; their mean and their standard deviation are drawn again for every
    image, the sign of the mean by its label. A pair on a stretch without much of a fall is not a zero
    mode; others are drawn then. No chain is diagonalised, and the distribution is not that of any
    disorder to be tested at. :class:`LocalisedStates` does without random hoppings altogether.

    Args:
        p: share of the images to be changed.
        drift: largest mean of log (t1 / t2), either way.
        wander: largest standard deviation of log (t1 / t2).
    """

    def __init__(
        self,
        p: Probability = 0.5,
        drift: Annotated[float, Field(gt=0)] = 0.5,
        wander: Annotated[float, Field(gt=0)] = 1.5,
    ) -> None:
        super().__init__()
        self.p = p
        self.drift = drift
        self.wander = wander

    def forward(self, profiles: Tensor, labels: Tensor) -> Tensor:
        """Images, some of them with another mid-gap pair."""
        lower = _lower_half(profiles)
        n, n_sites, n_cells = lower.shape
        pairs, fall = zero_modes(*self._hoppings(labels.repeat_interleave(_TRIES), n_cells))
        found = (fall > _SMALLEST_FALL).view(n, _TRIES)
        first = found.int().argmax(dim=1) + _TRIES * torch.arange(n, device=lower.device)
        chosen = _chosen(n, self.p, lower.device) & found.any(dim=1).view(-1, 1, 1)
        pair = torch.where(chosen, pairs[first].view(n, n_sites, 1).to(lower), lower[..., -1:])
        return _mirrored(torch.cat([lower[..., :-1], pair], dim=-1))

    def _hoppings(self, labels: Tensor, n_cells: int) -> tuple[Tensor, Tensor]:
        """Random logarithms of t1, shape (n, M), and t2, shape (n, M - 1), of the labels' phases."""
        n, device = len(labels), labels.device
        spread = self.wander / math.sqrt(2) * torch.rand(n, 1, device=device)
        log_t1 = spread * torch.randn(n, n_cells, device=device)
        log_t2 = spread * torch.randn(n, n_cells - 1, device=device)
        # Of either sign as the label says, whatever the numbers drawn have for a mean.
        sign = torch.where(labels == 1, -1, 1).view(-1, 1)
        mean = sign * self.drift * torch.rand(n, 1, device=device)
        return log_t1 + mean - (log_t1[:, :-1] - log_t2).mean(dim=1, keepdim=True), log_t2


def zero_modes(log_t1: Tensor, log_t2: Tensor) -> tuple[Tensor, Tensor]:
    """Mid-gap pairs of uneven chains by their closed form; see :class:`ZeroModes`.

    Args:
        log_t1: natural logarithms of the hoppings within cells, shape (n, M).
        log_t2: the same of those between cells, shape (n, M - 1).

    Returns:
        Densities, half of the weight on either sublattice, shape (n, 2M); and the farthest fall, shape
        (n,): that of the logarithm of A's density, less log t1² of the last cell. The energy is about
        exp(-fall / 2), and the closed form becomes exact as it vanishes.
    """
    walk = nn.functional.pad(2 * (log_t1[:, :-1] - log_t2).cumsum(dim=1), (1, 0))
    # From the other end |psi_B(m-1) / psi_B(m)| = t1(m) / t2(m-1).
    back = -walk - 2 * log_t1
    highest, highest_cell = walk.cummax(dim=1)
    # The largest element of the inverse of the hoppings' matrix, squared, is exp(fall).
    fall, last = (highest + back).max(dim=1, keepdim=True)
    first = highest_cell.gather(1, last)
    cells = torch.arange(walk.shape[1], device=walk.device)
    on_a = walk.masked_fill(cells > last, -torch.inf).softmax(dim=1)
    on_b = back.masked_fill(cells < first, -torch.inf).softmax(dim=1)
    return torch.stack([on_a, on_b], dim=2).flatten(1) / 2, fall[:, 0]
