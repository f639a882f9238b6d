"""Hopping amplitudes of the Su-Schrieffer-Heeger chain, clean and disordered.

Energies are in units of the clean intercell hopping t2 = 1, so ``t1`` is the ratio t1/t2. ``omega``
and ``omega'`` are independent and uniform on [-1/2, 1/2).

================== ========================= ========================= =========================
convention         intracell                 intercell                 source
================== ========================= ========================= =========================
``thesis``         t1 (1 + W/2 omega)        t2 (1 + W omega')         thesis, Eq. 6
``additive``       t1 + W/2 omega            t2 + W omega'             original code of the thesis
``mondragon_shem`` t1 + W omega              t2 + W/2 omega'           PRL 113, 046802 (2014)
================== ========================= ========================= =========================
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Real
from numpy.typing import NDArray

from sshml.physics.numbers import Array, Lists, Numbers, reals, strengths

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BondDisorder:
    """How uniform random numbers act on the bonds of a chain.

    Attributes:
        intracell: width of the distribution of the intracell bonds, in units of W.
        intercell: of the intercell bonds, whose clean value is 1.
        relative: whether the intracell width is in units of t1.
    """

    intracell: float
    intercell: float
    relative: bool


#: The conventions of the module's table.
DISORDERS = {
    "thesis": BondDisorder(0.5, 1, relative=True),
    "additive": BondDisorder(0.5, 1, relative=False),
    "mondragon_shem": BondDisorder(1, 0.5, relative=False),
}
DISORDER_CONVENTIONS = tuple(DISORDERS)


def bond_disorder(disorder: str) -> BondDisorder:
    """The convention of a name.

    Raises:
        ValueError: if there is none.
    """
    if disorder not in DISORDER_CONVENTIONS:
        raise ValueError(f"disorder must be one of {DISORDER_CONVENTIONS}, got {disorder!r}")
    return DISORDERS[disorder]


def bond_widths(
    W: Real[Numbers, "*shape"] | Lists, disorder: str
) -> tuple[Float64[Floats, "*shape"], Float64[Floats, "*shape"]]:
    """Widths (W1, W2) of the distributions of the intracell and the intercell bonds.

    Args:
        W: disorder strength, W >= 0.
        disorder: convention, see the module's table.

    Returns:
        (W1, W2).

    Raises:
        ValueError: for a W that is negative or not real and finite, or an unknown convention.
    """
    kind, strength = bond_disorder(disorder), strengths(W)
    return np.asarray(kind.intracell * strength), np.asarray(kind.intercell * strength)


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
        disorder: convention, see the module's table.

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
    W1, W2 = bond_widths(W, disorder)
    (mean,) = reals(t1=t1)
    omega, omega_ = reals(omega_intracell=omega_intracell, omega_intercell=omega_intercell)
    if omega.ndim != 2 or omega.shape != omega_.shape:
        raise ValueError(
            "omega_intracell and omega_intercell must have equal shape (n, M), "
            f"got {omega.shape} and {omega_.shape}"
        )
    for name, value in (("t1", mean), ("W", W1)):
        if value.shape not in ((), (len(omega),)):
            raise ValueError(
                f"{name} must be a number or have shape ({len(omega)},), one per chain, "
                f"got {value.shape}"
            )
    mean, W1, W2 = (value[..., None] for value in (mean, W1, W2))
    intracell_noise = W1 * omega
    intercell = 1 + W2 * omega_
    if bond_disorder(disorder).relative:
        return mean * (1 + intracell_noise), intercell
    return mean + intracell_noise, intercell


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
        disorder: convention, see the module's table.
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
