"""Which pixels of density profiles belong to which states."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Profiles = Float[Tensor, "n sites states"]
Pixels = Bool[Tensor, "n sites states"]
# Share of a state's largest density from which on a site belongs to it.
_OF_PEAK = 0.1
_SATURATED_AT = 0.1
# Mirror pairs of the most localised states that are looked for.
LOCALISED_PAIRS = 3


def saturated(sites: int) -> tuple[float, float]:
    """Lowest and highest density that pictures of profiles show.

    They are saturated as those of the thesis (at 0.03 to 0.1), at some times the 2/sites of a clean
    bulk; a network sees densities as they are.
    """
    return 0.0, min(_SATURATED_AT, 8 / sites)


def edge_pair(profiles: Profiles) -> Pixels:
    """Pixels of the two states next to zero energy, where they have a tenth of their peak or more.

    Args:
        profiles: density profiles, columns in order of energy.
    """
    middle = profiles.shape[-1] // 2
    columns = torch.zeros(profiles.shape[-1], dtype=torch.bool)
    columns[middle - 1 : middle + 1] = True
    return occupied(profiles) & columns


def localised_states(profiles: Profiles, pairs: int = LOCALISED_PAIRS) -> Pixels:
    """Pixels of the mirror pairs with the highest inverse participation ratios, by the same threshold.

    The mid-gap pair is not among them.

    Args:
        profiles: density profiles, columns in order of energy.
        pairs: how many; M - 1, if there are no more.
    """
    return occupied(profiles) & localised_columns(profiles, pairs).unsqueeze(1)


def localised_columns(profiles: Profiles, pairs: int) -> Bool[Tensor, "n states"]:
    """The columns of those states."""
    n, _, states = profiles.shape
    ratio = profiles.square().sum(dim=1)[:, : states // 2 - 1]
    lower = ratio.topk(min(pairs, ratio.shape[1]), dim=1).indices
    columns = torch.zeros(n, states, dtype=torch.bool)
    return columns.scatter_(1, torch.cat([lower, states - 1 - lower], dim=1), value=True)


def occupied(profiles: Profiles) -> Pixels:
    """Pixels where a state has a tenth of its largest density or more."""
    return profiles >= _OF_PEAK * profiles.amax(dim=1, keepdim=True)
