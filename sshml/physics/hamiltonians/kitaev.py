"""The Kitaev chain (Phys.-Usp. 44, 131 (2001)) in Majorana operators."""

import numpy as np
from jaxtyping import Float64, Int64

from sshml.physics.hamiltonians.base import (
    Couplings,
    Hamiltonian,
    Labels,
    PerChain,
    Strengths,
    Uniforms,
)
from sshml.physics.numbers import Floats, Integers, real
from sshml.physics.topology import ring_exponents


class Kitaev(Hamiltonian):
    """Spinless fermions with hopping t, p-wave pairing delta and chemical potential mu.

    H = sum_j -mu_j (n_j - 1/2) - t (c†_j c_{j+1} + h.c.) + delta (c_j c_{j+1} + h.c.), in units of 2t.
    With c_j = (a_j + i b_j)/2 it couples Majorana operators a (sublattice A) and b (B) by the block h =
    -mu_j on the diagonal, -(t + delta) below and -(t - delta) above it: a site of fermions is a cell.
    The energies are those of the Bogoliubov quasiparticles. It is topological where abs(mu) < 2t and
    delta is not 0; with delta = t it is an SSH chain.

    Args:
        delta: pairing in units of the hopping t.

    Raises:
        ValueError: for a delta that is not real and finite, or 0, where the chain is a metal.

    Example:
        >>> chain, ratio = Kitaev(delta=0.5), np.array([0.5, 1.5])
        >>> bonds = chain.couplings(ratio, np.zeros(2), np.zeros((2, 10)), "on_site")
        >>> chain.labels(ratio, np.zeros(2), bonds, "on_site")["sample"].tolist()
        [1, 0]
    """

    control = "mu/2t"
    symbol = r"$\mu/2t$"
    classes = ("trivial", "topological")
    disorders = ("on_site",)
    label_kinds = ("ratio", "sample")

    def __init__(self, delta: float = 0.5) -> None:
        self.delta = float(real("delta", delta))
        if self.delta == 0:
            raise ValueError("delta must not be 0, got 0.0")

    def n_random(self, n_cells: int) -> int:
        """One number for each site of fermions."""
        return n_cells

    def couplings(self, ratio: PerChain, W: PerChain, uniforms: Uniforms, disorder: str) -> Couplings:  # noqa: ARG002
        """``mu``, of sites, and ``below`` and ``above``; the last of these two close the ring.

        ``on_site``: mu_j = mu + W omega_j, W in units of 2t.
        """
        mu = ratio[:, None] + W[:, None] * (uniforms - 0.5)
        below, above = ((1 + sign * self.delta) / 2 * np.ones_like(mu) for sign in (1, -1))
        return {"mu": mu, "below": below, "above": above}

    def labels(self, ratio: PerChain, W: PerChain, couplings: Couplings, disorder: str) -> Labels:  # noqa: ARG002
        """1 = topological, of either sign of the winding number."""
        return {
            "ratio": (np.abs(ratio) < 1).astype(np.int64),
            "sample": self._ring_invariant(couplings),
        }

    def _ring_invariant(self, couplings: Couplings) -> Int64[Integers, " n"]:
        # h x = 0 on the ring: above[j] x[j+1] + mu[j] x[j] + below[j-1] x[j-1] = 0.
        growth = ring_exponents(
            couplings["above"], couplings["mu"], np.roll(couplings["below"], 1, axis=1)
        )
        # det h(phi) is (z² - T z + D)/z: trivial with one zero inside, else it winds once or back.
        return np.asarray((growth < 0).sum(axis=1) != 1, dtype=np.int64)

    def critical_ratios(self, W: Strengths, disorder: str) -> Float64[Floats, " 1 *shape"]:  # noqa: ARG002
        """One of the clean chain, 1; not known for W > 0."""
        return np.where(np.asarray(W) == 0, 1.0, np.nan)[None]

    def blocks(self, couplings: Couplings) -> Float64[Floats, "n M M"]:
        """Tridiagonal."""
        mu, below, above = (couplings[name] for name in ("mu", "below", "above"))
        n, M = mu.shape
        cell = np.arange(M)
        block = np.zeros((n, M, M))
        block[:, cell, cell] = -mu
        block[:, cell[1:], cell[:-1]] = -below[:, : M - 1]
        block[:, cell[:-1], cell[1:]] = -above[:, : M - 1]
        return block
