"""The Su-Schrieffer-Heeger chain (PRL 42, 1698 (1979))."""

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import DTypeLike

from sshml.physics.disorder import DISORDER_CONVENTIONS
from sshml.physics.hamiltonians.base import (
    Couplings,
    Hamiltonian,
    Labels,
    PerChain,
    Strengths,
    Uniforms,
)
from sshml.physics.hoppings import disordered_hoppings
from sshml.physics.numbers import Floats
from sshml.physics.profiles import Images, chiral_blocks, density_profiles
from sshml.physics.topology import critical_ratio, lyapunov_exponent, sample_invariant, winding_number


class SSH(Hamiltonian):
    """Hoppings within the cells and between them, in units of the clean hopping between cells.

    Example:
        >>> chain = SSH()
        >>> bonds = chain.couplings(np.array([0.5]), np.zeros(1), np.zeros((1, 8)), "thesis")
        >>> bonds["intracell"].tolist(), chain.blocks(bonds).shape
        ([[0.5, 0.5, 0.5, 0.5]], (1, 4, 4))
    """

    control = "t1/t2"
    symbol = "$t_1/t_2$"
    classes = ("trivial", "topological")
    disorders = DISORDER_CONVENTIONS

    def n_random(self, n_cells: int) -> int:
        """One number for each hopping, the one that closes the ring included."""
        return 2 * n_cells

    def couplings(self, ratio: PerChain, W: PerChain, uniforms: Uniforms, disorder: str) -> Couplings:
        """``intracell`` and ``intercell``; the last of the latter closes the ring."""
        omega = uniforms.reshape(len(uniforms), 2, -1) - 0.5
        intracell, intercell = disordered_hoppings(
            ratio, W, omega[:, 0], omega[:, 1], disorder=disorder
        )
        return {"intracell": intracell, "intercell": intercell}

    def labels(self, ratio: PerChain, W: PerChain, couplings: Couplings, disorder: str) -> Labels:
        """1 = topological."""
        gamma = lyapunov_exponent(ratio, W, disorder)
        return {
            "ratio": winding_number(ratio, 1.0),
            "sample": sample_invariant(couplings["intracell"], couplings["intercell"]),
            "thermodynamic": (gamma > 0).astype(np.int64),
        }

    def critical_ratios(self, W: Strengths, disorder: str) -> Float64[Floats, " 1 *shape"]:
        """One: topological below it, trivial above."""
        return critical_ratio(W, disorder)[None]

    def blocks(self, couplings: Couplings) -> Float64[Floats, "n M M"]:
        """Lower bidiagonal."""
        return chiral_blocks(couplings["intracell"], couplings["intercell"])

    def density_profiles(
        self, couplings: Couplings, dtype: DTypeLike = np.float32
    ) -> Float[Images, "n 2*M 2*M"]:
        """By the kernels for bidiagonal blocks."""
        return density_profiles(couplings["intracell"], couplings["intercell"], dtype)
