"""Numbers read off a density profile that tell the phases apart without a network.

The brightest pixel sees that something is localised; on clean chains only the edge states are, so
there it is perfect, and on disordered chains it calls everything topological. The weight of the mid-gap
pair on the end sites sees the edge states themselves, as long as they end there. The separation of its
sublattices sees on which side of the chain either part lies, wherever it ends.
"""

import numpy as np
from jaxtyping import Float, Float64, Real, Shaped

from sshml.physics.numbers import Array, Floats, Lists, real, reals

Densities = Float[Array, "*batch sites sites"] | Lists


def inverse_participation_ratio(profiles: Densities) -> Float64[Floats, "*batch sites"]:
    """How localised states are: sum over sites of density², 1 over the number of sites they fill.

    Args:
        profiles: rows sites, columns states, of 2M each.

    Returns:
        Of each state, from 1/2M (extended) to 1 (one site; 1/2 for states in the chiral gauge).

    Raises:
        ValueError: for densities that are not real and finite, or another shape.

    Example:
        Without hoppings between the cells, every state fills the two sites of one cell:

        >>> from sshml.physics import density_profiles
        >>> inverse_participation_ratio(density_profiles([[1.0, 2.0]], [[0.0]])).tolist()
        [[0.5, 0.5, 0.5, 0.5]]
    """
    return np.asarray(np.square(_checked(profiles), dtype=np.float64).sum(axis=-2))


def brightest_pixel(profiles: Densities) -> Float64[Floats, "*batch"]:
    """Largest density of any state at any site.

    Args:
        profiles: rows sites, columns states, of 2M each.

    Returns:
        At most 1/2 in the chiral gauge for M > 1.

    Raises:
        ValueError: for densities that are not real and finite, or another shape.

    Example:
        >>> from sshml.physics import density_profiles
        >>> profiles = density_profiles([[0.1] * 4, [1.9] * 4], [[1.0] * 4] * 2)  # topological, trivial
        >>> brightest_pixel(profiles).round(2).tolist()
        [0.5, 0.2]
    """
    return np.asarray(_checked(profiles).max(axis=(-2, -1)), dtype=np.float64)


def edge_weight(profiles: Densities) -> Float64[Floats, "*batch"]:
    """Weight of the two states next to zero energy on the two end sites, of one state on average.

    Args:
        profiles: rows sites, columns states in order of energy, of 2M each.

    Returns:
        From 0 to 1.

    Raises:
        ValueError: for densities that are not real and finite, or another shape.

    Example:
        An edge state of a long chain has the weight 1 - (t1/t2)² on its end site:

        >>> from sshml.physics import density_profiles
        >>> edge_weight(density_profiles([[0.5] * 20], [[1.0] * 20])).round(3).tolist()
        [0.75]
    """
    profiles = _checked(profiles)
    n_cells = profiles.shape[-1] // 2
    pair = profiles[..., [0, -1], :][..., [n_cells - 1, n_cells]]
    return np.asarray(pair.sum(axis=(-2, -1), dtype=np.float64) / 2)


def sublattice_separation(profiles: Densities) -> Float64[Floats, "*batch"]:
    """How far apart the two sublattices of the mid-gap pair lie, in half lengths of the chain.

    s = 2 (<m>_B - <m>_A) / M, with <m> the mean number of the cell, weighted by the density of the two
    states next to zero energy on the sites of one sublattice, normalised to 1 there.

    At zero energy psi_A(m+1) / psi_A(m) = -t1(m) / t2(m), so along a topological chain A's density
    falls on the whole and B's rises: A lies on the left and B on the right. Disorder moves zero modes
    away from the end sites, which lowers :func:`edge_weight`, but it does not exchange the sides. Both
    states are added, so s does not depend on the basis in which a degenerate pair is given.

    Args:
        profiles: rows sites, columns states in order of energy, of 2M each.

    Returns:
        From -2 (M-1)/M to 2 (M-1)/M, which is A in the first cell and B in the last; close to 0 for
        extended states. A sublattice without any weight counts as centred.

    Raises:
        ValueError: for densities that are not real and finite, or another shape.

    Example:
        >>> from sshml.physics import density_profiles
        >>> profiles = density_profiles([[0.1] * 4, [1.9] * 4], [[1.0] * 4] * 2)  # topological, trivial
        >>> sublattice_separation(profiles).round(2).tolist()
        [1.49, 0.28]
    """
    profiles = _checked(profiles)
    n_cells = profiles.shape[-1] // 2
    pair = profiles[..., n_cells - 1 : n_cells + 1].sum(axis=-1, dtype=np.float64)
    density = pair.reshape(*pair.shape[:-1], n_cells, 2)
    from_middle = np.arange(n_cells) - (n_cells - 1) / 2
    moment = (from_middle[:, None] * density).sum(axis=-2)
    weight = density.sum(axis=-2)
    mean = np.divide(moment, weight, out=np.zeros_like(moment), where=weight > 0)
    return np.asarray(2 * (mean[..., 1] - mean[..., 0]) / n_cells)


#: Those that tell the phases apart, by name: the baselines of density profiles.
PROFILE_DETECTORS = {
    detector.__name__: detector for detector in (brightest_pixel, edge_weight, sublattice_separation)
}


def _checked(profiles: Densities) -> Float[Array, "*batch sites sites"]:
    densities = real("profiles", profiles)
    shape = densities.shape[-2:]
    if len(shape) < 2 or shape[0] != shape[1] or shape[0] < 2 or shape[0] % 2:
        raise ValueError(f"profiles must have shape (..., 2M, 2M), got {densities.shape}")
    return densities


def best_threshold(values: Real[Array, " n"] | Lists, labels: Shaped[Array, " n"] | Lists) -> float:
    """The threshold above which a value best says "topological".

    Args:
        values: of a detector.
        labels: 0 or 1.

    Returns:
        Midway between the two values where the accuracy on these samples is highest; -inf or inf where
        it is best to give all of them the same answer.

    Raises:
        ValueError: for values that are not real and finite, labels other than 0 and 1, or other shapes.

    Example:
        >>> best_threshold([0.1, 0.3, 0.5, 0.9], [0, 0, 1, 1])
        0.4
    """
    (value,), label = reals(values=values), np.asarray(labels)
    if value.ndim != 1 or not len(value) or label.shape != value.shape:
        raise ValueError(
            f"values and labels must have shape (n,), n >= 1, got {value.shape} and {label.shape}"
        )
    if not np.isin(label, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    order = np.argsort(value, kind="stable")
    value, label = value[order], label[order]
    # With the lowest k values called trivial: trivial ones among them, topological ones above.
    right = np.concatenate([[0], np.cumsum(label == 0)]) + np.concatenate(
        [np.cumsum((label == 1)[::-1])[::-1], [0]]
    )
    bounds = np.concatenate([[-np.inf], (value[:-1] + value[1:]) / 2, [np.inf]])
    usable = np.concatenate([[True], value[:-1] < value[1:], [True]])  # no cut between equal values
    return float(bounds[np.where(usable, right, -1).argmax()])
