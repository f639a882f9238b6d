"""Profiles with one thing changed, to see whether a network's decision hangs on it."""

import torch
from torch import Tensor

from sshml.data.representations.states import localised_columns


def _mid_gap(profiles: Tensor) -> slice:
    middle = profiles.shape[-1] // 2
    return slice(middle - 1, middle + 1)


def erased_edge_pair(profiles: Tensor) -> Tensor:
    """The two states next to zero energy are spread over all sites.

    Args:
        profiles: shape (n, 1, 2M, 2M), rows sites, columns states.

    Returns:
        Of the same shape.

    Example:
        >>> profiles = torch.eye(4).view(1, 1, 4, 4)  # four states on a site each
        >>> erased_edge_pair(profiles)[0, 0, 1].tolist()
        [0.0, 0.25, 0.25, 0.0]
    """
    changed = profiles.clone()
    changed[..., _mid_gap(profiles)] = 1 / profiles.shape[-1]
    return changed


def erased_localised_pair(profiles: Tensor) -> Tensor:
    """Likewise the most localised mirror pair but the mid-gap one, as a control.

    Args:
        profiles: shape (n, 1, 2M, 2M).

    Returns:
        Of the same shape.

    Example:
        >>> profiles = torch.eye(4).view(1, 1, 4, 4)  # four states on a site each
        >>> erased_localised_pair(profiles)[0, 0, 1].tolist()
        [0.25, 1.0, 0.0, 0.25]
    """
    columns = localised_columns(profiles[:, 0], pairs=1)
    return torch.where(columns[:, None, None], 1 / profiles.shape[-1], profiles)


def pasted_localised_states(profiles: Tensor, donors: Tensor, pairs: int) -> Tensor:
    """The most localised mirror pairs of other profiles, not the mid-gap one, in the same columns.

    Args:
        profiles: shape (n, 1, 2M, 2M).
        donors: of the same shape.
        pairs: how many pairs of each donor.

    Returns:
        Of the same shape.

    Example:
        >>> extended, localised = torch.full((1, 1, 4, 4), 0.25), torch.eye(4).view(1, 1, 4, 4)
        >>> pasted_localised_states(extended, localised, pairs=1)[0, 0, 0].tolist()
        [1.0, 0.25, 0.25, 0.0]
    """
    columns = localised_columns(donors[:, 0], pairs)
    return torch.where(columns[:, None, None], donors, profiles)


def swapped_mid_gap_pair(profiles: Tensor, donors: Tensor) -> Tensor:
    """Profiles with the mid-gap pair of other profiles.

    Args:
        profiles: shape (n, 1, 2M, 2M).
        donors: of the same shape.

    Returns:
        Of the same shape.

    Example:
        >>> extended, localised = torch.full((1, 1, 4, 4), 0.25), torch.eye(4).view(1, 1, 4, 4)
        >>> swapped_mid_gap_pair(extended, localised)[0, 0, 1].tolist()
        [0.25, 1.0, 0.0, 0.25]
    """
    changed = profiles.clone()
    changed[..., _mid_gap(profiles)] = donors[..., _mid_gap(profiles)]
    return changed
