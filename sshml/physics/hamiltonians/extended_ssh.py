"""The SSH chain with hoppings to the cell after the next."""

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

# As that of the control.
_LARGEST = 1e6
# Whether disorder is in units of the clean hoppings.
_RELATIVE = {"thesis": True, "additive": False}


class ExtendedSSH(Hamiltonian):
    """Hoppings t1 within cells, t2 = 1 from B of a cell to A of the next, t3 to A of the one after.

    h(k) = t1 + t2 exp(-ik) + t3 exp(-2ik) winds ν = 0, 1 or 2 times: as often as t1 + t2 z + t3 z²
    has zeros with abs(z) < 1. An open chain has ν edge states at either end.

    Args:
        t3: clean hopping, in units of t2.

    Raises:
        ValueError: for a t3 that is not real and finite.

    Example:
        >>> chain = ExtendedSSH(t3=0.7)
        >>> bonds = chain.couplings(np.array([0.1, 0.5, 1.0]), np.zeros(3), np.zeros((3, 30)), "thesis")
        >>> chain.labels(np.array([0.1, 0.5, 1.0]), np.zeros(3), bonds, "thesis")["ratio"].tolist()
        [1, 2, 0]
    """

    control = "t1/t2"
    symbol = "$t_1/t_2$"
    classes = ("ν = 0", "ν = 1", "ν = 2")  # noqa: RUF001  # the letter is meant
    disorders = tuple(_RELATIVE)
    label_kinds = ("ratio", "sample")

    def __init__(self, t3: float = 0.7) -> None:
        self.t3 = float(real("t3", t3))
        if abs(self.t3) > _LARGEST:
            raise ValueError(f"t3 must be within ±{_LARGEST:g}, got {t3}")

    def n_random(self, n_cells: int) -> int:
        """One number for each hopping, those that close the ring included."""
        return 3 * n_cells

    def couplings(self, ratio: PerChain, W: PerChain, uniforms: Uniforms, disorder: str) -> Couplings:
        """``t1``, ``t2``, ``t3``, of which the last of t2 and the last two of t3 close the ring.

        ``thesis``: t1 (1 + W/2 omega), t2 (1 + W omega'), t3 (1 + W omega''); ``additive``: t1 + W/2
        omega and likewise.
        """
        omega = uniforms.reshape(len(uniforms), 3, -1) - 0.5
        strength = W[:, None, None] * np.array([0.5, 1, 1])[:, None]
        means = np.stack([ratio, np.ones_like(ratio), np.full_like(ratio, self.t3)], axis=1)[:, :, None]
        noise = strength * omega
        bonds = means * (1 + noise) if _RELATIVE[disorder] else means + noise
        return dict(zip(("t1", "t2", "t3"), bonds.swapaxes(0, 1), strict=True))

    def labels(self, ratio: PerChain, W: PerChain, couplings: Couplings, disorder: str) -> Labels:  # noqa: ARG002
        """Nu of the clean chain, from where the zeros lie, and of the realisation closed to a ring."""
        return {
            "ratio": self._winding_number(ratio),
            "sample": self._ring_invariant(couplings),
        }

    def _winding_number(self, t1: PerChain) -> Int64[Integers, " n"]:
        # Of the zeros of t1 + z + t3 z², one is inside if the values at 1 and -1 differ in sign, else
        # both or none, and their product is t1/t3.
        one = (t1 + self.t3) ** 2 < 1
        both = np.abs(t1) < np.abs(self.t3)
        return np.where(one, 1, np.where(both, 2, 0)).astype(np.int64)

    def _ring_invariant(self, couplings: Couplings) -> Int64[Integers, " n"]:
        # h x = 0 on the ring: t1[m] x[m] + t2[m-1] x[m-1] + t3[m-2] x[m-2] = 0.
        growth = ring_exponents(
            couplings["t1"], np.roll(couplings["t2"], 1, axis=1), np.roll(couplings["t3"], 2, axis=1)
        )
        return np.asarray((growth > 0).sum(axis=1), dtype=np.int64)

    def critical_ratios(self, W: Strengths, disorder: str) -> Float64[Floats, " 3 *shape"]:  # noqa: ARG002
        """Those of the clean chain at positive t1, in order; not known for W > 0.

        A zero passes z = -1 at t1 = 1 - t3 and z = 1 at t1 = -1 - t3; a pair passes the unit circle at
        t1 = t3, if it is complex there.
        """
        clean = np.asarray(W) == 0
        lines = sorted([1 - self.t3, -1 - self.t3, self.t3 if self.t3 > 0.5 else -1.0])
        return np.stack([np.where(clean & (line > 0), line, np.nan) for line in lines])

    def blocks(self, couplings: Couplings) -> Float64[Floats, "n M M"]:
        """Diagonal t1, first and second subdiagonal t2 and t3."""
        t1, t2, t3 = (couplings[name] for name in ("t1", "t2", "t3"))
        n, M = t1.shape
        cell = np.arange(M)
        block = np.zeros((n, M, M))
        block[:, cell, cell] = t1
        block[:, cell[1:], cell[:-1]] = t2[:, : M - 1]
        block[:, cell[2:], cell[:-2]] = t3[:, : M - 2]
        return block
