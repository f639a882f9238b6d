"""What independent ways say of chiral chains of any range."""

import numpy as np
from numpy.typing import NDArray

from sshml.physics.hamiltonians import Couplings, Hamiltonian

Floats = NDArray[np.float64]


def dense(block: Floats) -> Floats:
    """H of one chain from its block, sites in their order along the chain, shape (2M, 2M)."""
    M = len(block)
    whole = np.zeros((2 * M, 2 * M))
    whole[0::2, 1::2] = block
    whole[1::2, 0::2] = block.T
    return whole


def winding_in_real_space(block: Floats) -> float:
    """Tr{Q_BA [X, Q_AB]} per cell over the middle half of an open chain (Mondragon-Shem et al.).

    The sign is that with which SSH chains have 1.
    """
    u, _, vt = np.linalg.svd(block)
    q = u @ vt  # Q_AB of the flattened Hamiltonian
    M = len(block)
    cell = np.arange(M, dtype=float)
    commutator = cell[:, None] * q - q * cell[None, :]
    density = np.einsum("ij,ij->j", q, commutator)
    return float(density[M // 4 : M - M // 4].mean())


def drawn(
    chain: Hamiltonian, n: int, n_cells: int, disorder: str, high: float
) -> tuple[Floats, Floats, Couplings]:
    """Ratios, strengths and couplings of random chains."""
    rng = np.random.default_rng(0)
    ratio, W = rng.uniform(0, high, n), rng.uniform(0, 1, n)
    uniforms = rng.random((n, chain.n_random(n_cells)))
    return ratio, W, chain.couplings(ratio, W, uniforms, disorder)
