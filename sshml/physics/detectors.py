"""Numbers read off a density profile that tell the phases apart without a network.

The brightest pixel sees that something is localised; on clean chains only the edge states are, so
there it is perfect, and on disordered chains it calls everything topological. The weight of the mid-gap
pair on the end sites sees the edge states themselves.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sshml.physics.hoppings import Floats


def inverse_participation_ratio(profiles: NDArray[np.floating]) -> Floats:
    """How localised states are: sum over sites of density², 1 over the number of sites they fill.

    Args:
        profiles: shape (..., 2M, 2M), rows sites, columns states.

    Returns:
        Shape (..., 2M), from 1/2M (extended) to 1 (one site; 1/2 for states in the chiral gauge).
    """
    return np.asarray(np.square(profiles, dtype=np.float64).sum(axis=-2))


def brightest_pixel(profiles: NDArray[np.floating]) -> Floats:
    """Largest density of any state at any site.

    Args:
        profiles: shape (..., 2M, 2M).

    Returns:
        Shape (...), at most 1/2 in the chiral gauge for M > 1.
    """
    return np.asarray(profiles.max(axis=(-2, -1)), dtype=np.float64)


def edge_weight(profiles: NDArray[np.floating]) -> Floats:
    """Weight of the two states next to zero energy on the two end sites, of one state on average.

    Args:
        profiles: shape (..., 2M, 2M), columns in order of energy.

    Returns:
        Shape (...), from 0 to 1.
    """
    n_cells = profiles.shape[-1] // 2
    pair = profiles[..., [0, -1], :][..., [n_cells - 1, n_cells]]
    return np.asarray(pair.sum(axis=(-2, -1), dtype=np.float64) / 2)


def best_threshold(values: ArrayLike, labels: ArrayLike) -> float:
    """The threshold above which a value best says "topological".

    Args:
        values: of a detector, shape (n,).
        labels: 0 or 1, shape (n,).

    Returns:
        Midway between the two values where the accuracy on these samples is highest; -inf or inf where
        it is best to give all of them the same answer.
    """
    order = np.argsort(values, kind="stable")
    value, label = np.asarray(values, dtype=np.float64)[order], np.asarray(labels)[order]
    # With the lowest k values called trivial: trivial ones among them, topological ones above.
    right = np.concatenate([[0], np.cumsum(label == 0)]) + np.concatenate(
        [np.cumsum((label == 1)[::-1])[::-1], [0]]
    )
    bounds = np.concatenate([[-np.inf], (value[:-1] + value[1:]) / 2, [np.inf]])
    usable = np.concatenate([[True], value[:-1] < value[1:], [True]])  # no cut between equal values
    return float(bounds[np.where(usable, right, -1).argmax()])
