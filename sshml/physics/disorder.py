"""Disorder of the bonds of the Su-Schrieffer-Heeger chain: how random numbers act on them.

Energies are in units of the clean intercell hopping t2 = 1, so ``t1`` is the ratio t1/t2. ``omega``
and ``omega'`` are independent and uniform on [-1/2, 1/2).

================== ========================= ========================= =========================
convention         intracell                 intercell                 source
================== ========================= ========================= =========================
``thesis``         t1 (1 + W/2 omega)        t2 (1 + W omega')         thesis, Eq. 6
``additive``       t1 + W/2 omega            t2 + W omega'             original code of the thesis
``mondragon_shem`` t1 + W omega              t2 + W/2 omega'           PRL 113, 046802 (2014)
================== ========================= ========================= =========================

A convention says what the bonds are, and what their mean logarithms are, from which the Lyapunov
exponent and the critical line follow (:mod:`sshml.physics.topology`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Real
from scipy.special import xlogy

from sshml.physics.numbers import Floats, Lists, Numbers, reals, strengths

# Below this W/t the closed form of E ln|t + W omega| cancels to fewer digits than its series keeps.
_SERIES_BELOW = 1e-2


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

    def bonds(self, t1: Floats, W: Floats, omega: Floats, omega_: Floats) -> tuple[Floats, Floats]:
        """The intracell and the intercell bonds.

        Args:
            t1: clean intracell hopping; all shapes are to broadcast together.
            W: disorder strength.
            omega: random numbers on [-1/2, 1/2) for the intracell bonds.
            omega_: random numbers on [-1/2, 1/2) for the intercell bonds.
        """
        noise = self.intracell * W * omega
        intracell = t1 * (1 + noise) if self.relative else t1 + noise
        return intracell, 1 + self.intercell * W * omega_

    def mean_log_intracell(self, t1: Floats, W: Floats) -> Floats:
        """E ln|intracell bond|; -inf where all of them are 0."""
        if not self.relative:
            return mean_log_hopping(t1, self.intracell * W)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.abs(t1)) + mean_log_hopping(1, self.intracell * W))

    def mean_log_intercell(self, W: Floats) -> Floats:
        """E ln|intercell bond|."""
        return mean_log_hopping(1, self.intercell * W)


#: The conventions of the module's table.
DISORDERS = {
    "thesis": BondDisorder(0.5, 1, relative=True),
    "additive": BondDisorder(0.5, 1, relative=False),
    "mondragon_shem": BondDisorder(1, 0.5, relative=False),
}
#: Names of the conventions of disorder for SSH's bonds.
DISORDER_CONVENTIONS = tuple(DISORDERS)


def bond_disorder(disorder: str) -> BondDisorder:
    """The convention of a name.

    Raises:
        ValueError: if there is none.
    """
    if disorder not in DISORDER_CONVENTIONS:
        raise ValueError(f"disorder must be one of {DISORDER_CONVENTIONS}, got {disorder!r}")
    return DISORDERS[disorder]


def mean_log_hopping(
    t: Real[Numbers, "*#shape"] | Lists, W: Real[Numbers, "*#shape"] | Lists
) -> Float64[Floats, "*shape"]:
    """E ln|t + W omega| with omega uniform on [-1/2, 1/2].

    [(t+a) ln|t+a| - (t-a) ln|t-a|]/(2a) - 1 with a = W/2, an even function of t.

    Args:
        t: mean hopping, of either sign.
        W: width of the distribution, W >= 0.

    Returns:
        The mean logarithm; -inf where t = W = 0.

    Raises:
        ValueError: for numbers that are not real and finite, W < 0 or shapes that do not broadcast.

    Example:
        For t = W/2 it is the mean of ln x on [0, W], ln W - 1:

        >>> mean_log_hopping([1.0, 0.5], [0.0, 1.0]).tolist()
        [0.0, -1.0]
    """
    t, W = reals(t=t, W=W)
    t, a = np.broadcast_arrays(np.abs(t), strengths(W) / 2)
    # In units of the larger one nothing overflows.
    unit = np.where(np.maximum(t, a) > 0, np.maximum(t, a), 1)
    t, a = t / unit, a / unit
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        r2 = np.where(t > a, a / t, 0) ** 2
        series = np.log(t) - r2 / 6 - r2**2 / 20
        exact = (xlogy(t + a, np.abs(t + a)) - xlogy(t - a, np.abs(t - a))) / (2 * a) - 1
    return np.asarray(np.log(unit) + np.where(2 * a <= _SERIES_BELOW * t, series, exact))
