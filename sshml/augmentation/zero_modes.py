"""Mid-gap pairs of chains with random hoppings."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from sshml.augmentation.base import (
    Augmentation,
    Probability,
    chosen_images,
    lower_half,
    mirrored,
)
from sshml.physics.hamiltonians import SSH

# Of zero_modes: from here on more than nine pairs of ten overlap with exact diagonalisation by 0.9.
_SMALLEST_FALL = 3.0
# About half of the walks that rise have no such fall anywhere, nearly all others have. Drawn as often,
# nearly all images get a pair, of either phase: that there is one must not be a cue.
_TRIES = 4


class ZeroModes(Augmentation):
    """Puts mid-gap pairs of chains with random hoppings in the place of the clean ones'.

    This is domain randomisation: a network trained with it has not seen clean chains only.

    At zero energy ``|psi_A(m+1) / psi_A(m)| = t1(m) / t2(m)``, so the logarithm of A's density falls
    evenly along a clean topological chain, and walks at random where hoppings are uneven; B's rises
    where A's falls. The phase is the sign of the walk from end to end (Mondragon-Shem et al.,
    arXiv:1311.5233). The pair lies on the stretch on which the walk falls farthest, A's peak at its
    beginning and B's at its end. In a topological chain this is most of the chain, in a trivial one
    whatever stretch happens to fall, as between the walls of a domain; with little ``wander`` there is
    none, and trivial images keep their own.

    Logarithms of hoppings are normal; their mean and their standard deviation are drawn again for every
    image, the sign of the mean by its label. A pair on a stretch without much of a fall is not a zero
    mode; others are drawn then. No chain is diagonalised, and the distribution is not that of any
    disorder to be tested at. :class:`LocalisedStates` does without random hoppings altogether.

    Args:
        p: share of the images to be changed.
        drift: largest mean of log (t1 / t2), either way.
        wander: largest standard deviation of log (t1 / t2).
    """

    of_sites = True
    of_states = True
    chains = SSH

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
        lower = lower_half(profiles)
        n, n_sites, n_cells = lower.shape
        pairs, fall = zero_modes(*self._hoppings(labels.repeat_interleave(_TRIES), n_cells))
        found = (fall > _SMALLEST_FALL).view(n, _TRIES)
        first = found.int().argmax(dim=1) + _TRIES * torch.arange(n, device=lower.device)
        chosen = chosen_images(n, self.p, lower.device) & found.any(dim=1).view(-1, 1, 1)
        pair = torch.where(chosen, pairs[first].view(n, n_sites, 1).to(lower), lower[..., -1:])
        return mirrored(torch.cat([lower[..., :-1], pair], dim=-1))

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
