"""Hopping amplitudes of the Su-Schrieffer-Heeger chain, in units of the clean intercell hopping."""

import numpy as np
from jaxtyping import Float64, Real

from sshml.physics.disorder import bond_disorder
from sshml.physics.numbers import Array, Floats, Lists, Numbers, reals, strengths


def disordered_hoppings(
    t1: Real[Numbers, "*#chains"] | Lists,
    W: Real[Numbers, "*#chains"] | Lists,
    omega_intracell: Real[Array, "n M"] | Lists,
    omega_intercell: Real[Array, "n M"] | Lists,
    *,
    disorder: str = "thesis",
) -> tuple[Float64[Floats, "n M"], Float64[Floats, "n M"]]:
    """Put given random numbers on the bonds of chains.

    Args:
        t1: clean intracell hopping in units of t2, scalar or shape (n,), of either sign.
        W: disorder strength, scalar or shape (n,), W >= 0.
        omega_intracell: values in [-1/2, 1/2).
        omega_intercell: values in [-1/2, 1/2).
        disorder: convention of :mod:`sshml.physics.disorder`.

    Returns:
        (intracell, intercell).

    Raises:
        ValueError: for a bad W, numbers that are not real and finite, other shapes or an unknown
            convention.

    Example:
        Eq. 6 of the thesis, one cell with the smallest random numbers and one with none:

        >>> disordered_hoppings(0.5, 1.0, [[-0.5, 0.0]], [[-0.5, 0.0]])
        (array([[0.375, 0.5  ]]), array([[0.5, 1. ]]))
    """
    kind, strength = bond_disorder(disorder), strengths(W)
    (mean,) = reals(t1=t1)
    omega, omega_ = reals(omega_intracell=omega_intracell, omega_intercell=omega_intercell)
    if omega.ndim != 2 or omega.shape != omega_.shape:
        raise ValueError(
            "omega_intracell and omega_intercell must have equal shape (n, M), "
            f"got {omega.shape} and {omega_.shape}"
        )
    for name, value in (("t1", mean), ("W", strength)):
        if value.shape not in ((), (len(omega),)):
            raise ValueError(
                f"{name} must be a number or have shape ({len(omega)},), one per chain, "
                f"got {value.shape}"
            )
    return kind.bonds(mean[..., None], strength[..., None], omega, omega_)


def sample_hoppings(
    t1: Real[Numbers, "*#chains"] | Lists,
    W: Real[Numbers, "*#chains"] | Lists,
    n_cells: int,
    *,
    disorder: str = "thesis",
    rng: np.random.Generator,
) -> tuple[Float64[Floats, "n {n_cells}"], Float64[Floats, "n {n_cells}"]]:
    """Draw disordered SSH chains, one independent realisation a chain.

    Args:
        t1: clean intracell hopping in units of t2, scalar or shape (n,), of either sign.
        W: disorder strength, scalar or shape (n,), W >= 0.
        n_cells: number of unit cells M >= 1.
        disorder: convention of :mod:`sshml.physics.disorder`.
        rng: source of the random numbers; 2 n M are drawn.

    Returns:
        (intracell, intercell), with n = 1 for scalars. The last intercell bond closes the ring for
        :func:`sample_invariant`; the open chain does not use it.

    Raises:
        ValueError: for a bad W, a t1 that is not real and finite, other shapes, n_cells < 1 or an
            unknown convention.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> intracell, intercell = sample_hoppings([0.5, 1.5], 0.0, 3, rng=rng)
        >>> intracell.tolist(), intercell[0].tolist()
        ([[0.5, 0.5, 0.5], [1.5, 1.5, 1.5]], [1.0, 1.0, 1.0])
    """
    if not isinstance(n_cells, int | np.integer) or n_cells < 1:
        raise ValueError(f"n_cells must be an integer >= 1, got {' '.join(repr(n_cells).split())}")
    means, W = np.broadcast_arrays(*map(np.atleast_1d, reals(t1=t1, W=W)))
    omega = rng.random((len(means), 2, n_cells)) - 0.5
    return disordered_hoppings(means, W, omega[:, 0], omega[:, 1], disorder=disorder)
