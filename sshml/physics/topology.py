"""Topological invariants and critical lines of the SSH chain, clean and disordered.

1 = topological, 0 = trivial. Eqs. 4-5 of the thesis as printed give winding number -1 for t2 > t1;
its Fig. 1c shows +1, so the absolute value is what is returned here.
"""

import numpy as np
from jaxtyping import Float64, Int64, Real
from scipy.optimize.elementwise import find_root

from sshml.physics.disorder import bond_disorder
from sshml.physics.numbers import Array, Floats, Integers, Lists, Numbers, real, reals, strengths

# What a coupling of 0 counts as where its logarithm is needed, or something is divided by it.
_ZERO = 1e-150


def winding_number(
    t1: Real[Numbers, "*#shape"] | Lists, t2: Real[Numbers, "*#shape"] | Lists
) -> Int64[Integers, "*shape"]:
    """Winding number of the clean bulk h(k) = t1 + t2 exp(-ik) (thesis, Eqs. 4-5).

    Args:
        t1: intracell hopping.
        t2: intercell hopping.

    Returns:
        1 where abs(t2) > abs(t1), else 0 (also at equality, where the gap closes and it is undefined).

    Raises:
        ValueError: for hoppings that are not real and finite, or shapes that do not broadcast.

    Example:
        >>> winding_number([0.5, 1.5], 1.0).tolist()
        [1, 0]
    """
    t1, t2 = reals(t1=t1, t2=t2)
    return np.asarray(np.abs(t2) > np.abs(t1), dtype=np.int64)


def band_gap(
    t1: Real[Numbers, "*#shape"] | Lists, t2: Real[Numbers, "*#shape"] | Lists
) -> Float64[Floats, "*shape"]:
    """Gap between the two bulk bands of the clean chain, 2 abs(abs(t1) - abs(t2)).

    Fig. 1b of the thesis plots half of it, the distance of a band from E = 0.

    Args:
        t1: intracell hopping.
        t2: intercell hopping.

    Returns:
        The gap in the units of the hoppings.

    Raises:
        ValueError: for hoppings that are not real and finite, or shapes that do not broadcast.

    Example:
        It closes at the transition, t1 = t2:

        >>> band_gap([0.5, 1.0, 1.5], 1.0).tolist()
        [1.0, 0.0, 1.0]
    """
    t1, t2 = reals(t1=t1, t2=t2)
    return np.asarray(2 * np.abs(np.abs(t1) - np.abs(t2)), dtype=np.float64)


def sample_invariant(
    intracell: Real[Array, "n M"] | Lists, intercell: Real[Array, "n M"] | Lists
) -> Int64[Integers, " n"]:
    """Exact invariant of disorder realisations: the winding number of the chain closed to a ring.

    1 if sum ln|intercell| > sum ln|intracell| (Mondragon-Shem et al., PRL 113, 046802).

    Args:
        intracell: bonds within the cells, of either sign.
        intercell: bonds between them, of either sign; the last one closes the ring.

    Returns:
        0 or 1.

    Raises:
        ValueError: for bonds that are not real and finite, or if the shapes differ; a ring has as many
            intercell as intracell bonds.

    Example:
        One strong bond can decide for a chain of weak ones:

        >>> sample_invariant([[0.5, 0.5, 0.5], [0.5, 0.5, 9.0]], [[1.0] * 3] * 2).tolist()
        [1, 0]
    """
    intra, inter = real("intracell", intracell), real("intercell", intercell)
    if intra.ndim != 2 or intra.shape != inter.shape or intra.shape[1] == 0:
        raise ValueError(
            f"a ring needs M >= 1 bonds of equal shape (n, M), got {intra.shape} and {inter.shape}"
        )
    with np.errstate(divide="ignore"):  # ln 0 = -inf decides the comparison as it should
        decay = [np.log(np.abs(bonds)).sum(axis=-1) for bonds in (inter, intra)]
    return np.asarray(decay[0] > decay[1], dtype=np.int64)


def lyapunov_exponent(
    t1: Real[Numbers, "*#shape"] | Lists,
    W: Real[Numbers, "*#shape"] | Lists,
    disorder: str = "thesis",
) -> Float64[Floats, "*shape"]:
    """Inverse localisation length of the zero mode, gamma = E ln|intercell| - E ln|intracell|.

    gamma > 0 is topological in the thermodynamic limit; 1/abs(gamma) is the localisation length in
    unit cells. Hoppings as in :mod:`sshml.physics.disorder`, in units of t2.

    Args:
        t1: clean intracell hopping, of either sign: omega is as likely as -omega, so gamma is that of
            abs(t1).
        W: disorder strength, W >= 0.
        disorder: convention.

    Returns:
        gamma; +inf where every intracell bond is 0.

    Raises:
        ValueError: for a bad W, a t1 that is not real and finite, shapes that do not broadcast or an
            unknown convention.

    Example:
        Of clean chains it is ln(t2/t1); here it decays by a factor of e² in one cell:

        >>> lyapunov_exponent(np.exp(-2.0), 0.0).round(6).tolist()
        2.0
    """
    t1, W = reals(t1=t1, W=W)
    kind, strength = bond_disorder(disorder), strengths(W)
    return np.asarray(kind.mean_log_intercell(strength) - kind.mean_log_intracell(t1, strength))


def critical_ratio(
    W: Real[Numbers, "*shape"] | Lists, disorder: str = "thesis"
) -> Float64[Floats, "*shape"]:
    """Critical line (t1/t2)_c, where the Lyapunov exponent changes sign.

    Topological below it, trivial above. ``thesis``: exp[g(W) - g(W/2)] with g(W) = E ln|1 + W omega|,
    minimum 1/sqrt(2) at W = 4/sqrt(3). ``mondragon_shem``: ends at W = 4, beyond which every chain is
    trivial.

    Args:
        W: disorder strength, W >= 0.
        disorder: convention.

    Returns:
        The ratio; NaN where no ratio is critical.

    Raises:
        ValueError: for a bad W or an unknown convention.

    Example:
        >>> critical_ratio([0.0, 4 / np.sqrt(3)]).round(6).tolist()
        [1.0, 0.707107]
    """
    kind, strength = bond_disorder(disorder), strengths(W)
    if kind.relative:
        at_one = kind.mean_log_intracell(np.asarray(1.0), strength)
        return np.asarray(np.exp(kind.mean_log_intercell(strength) - at_one))
    target = kind.mean_log_intercell(strength)

    def excess(t1: Floats, W: Floats, target: Floats) -> Floats:  # grows with t1
        return np.asarray(kind.mean_log_intracell(t1, W) - target)

    with np.errstate(invalid="ignore"):  # of clean chains, whose bond t1 = 0 has no logarithm
        found = find_root(
            excess,
            (0 * strength, 1 + 2 * strength),
            args=(strength, target),
            tolerances={"xatol": 1e-14},
        )
    return np.where(strength == 0, 1.0, np.where(found.success, found.x, np.nan))


def ring_exponents(
    first: Real[Array, "n M"] | Lists,
    second: Real[Array, "n M"] | Lists,
    third: Real[Array, "n M"] | Lists,
) -> Float64[Floats, "n 2"]:
    r"""How fast the solutions of a three-term recurrence grow around a ring.

    first[m] x[m+1] + second[m] x[m] + third[m] x[m-1] = 0 says that a block h sends x to 0. On a ring
    with a twist phi, such an x is an eigenvector of the monodromy T with eigenvalue exp(i phi). So the
    zeros of det h(phi), a polynomial in exp(i phi), are the eigenvalues of T, and those inside or
    outside the unit circle count its winding number.

    Args:
        first: of x[m+1].
        second: of x[m].
        third: of x[m-1].

    Returns:
        ln\|eigenvalue\| of the monodromy around the ring, the larger one first. Nothing
        over- or underflows; 0 counts as 1e-150 where it is divided by or its logarithm is needed.

    Raises:
        ValueError: for numbers that are not real and finite, or other shapes.

    Example:
        Fibonacci's numbers grow by the golden ratio, 0.4812 a step; the other solution falls:

        >>> ones = np.ones((1, 10))
        >>> ring_exponents(ones, -ones, -ones).round(3).tolist()
        [[4.812, -4.812]]
    """
    terms = [real(name, of) for name, of in (("first", first), ("second", second), ("third", third))]
    if terms[0].ndim != 2 or len({term.shape for term in terms}) != 1:
        shapes = ", ".join(str(term.shape) for term in terms)
        raise ValueError(f"first, second and third must have equal shape (n, M), got {shapes}")
    lead = np.where(terms[0] == 0, _ZERO, terms[0])
    a, b = -terms[1] / lead, -terms[2] / lead
    product = np.broadcast_to(np.eye(2), (len(a), 2, 2))
    scale = np.zeros(len(a))
    for m in range(a.shape[1]):
        first = a[:, m, None] * product[:, 0] + b[:, m, None] * product[:, 1]
        product = np.stack([first, product[:, 0]], axis=1)
        largest = np.abs(product).max(axis=(1, 2))
        largest = np.maximum(largest, _ZERO)  # of a product that is 0
        product = product / largest[:, None, None]
        scale = scale + np.log(largest)
    # The determinant is known better than the product, whose rows become parallel.
    log_det = np.log(np.maximum(np.abs(b), _ZERO)).sum(axis=1)
    sign = np.prod(-np.sign(np.where(b == 0, 1, b)), axis=1)
    with np.errstate(under="ignore", over="ignore"):
        determinant = sign * np.exp(np.minimum(log_det - 2 * scale, 700))
    trace = np.trace(product, axis1=1, axis2=2)
    root = np.sqrt(trace.astype(np.complex128) ** 2 - 4 * determinant)
    larger = np.maximum(np.abs(trace + root), np.abs(trace - root)) / 2
    log_larger = np.log(np.maximum(larger, _ZERO)) + scale
    return np.stack([log_larger, log_det - log_larger], axis=1)
