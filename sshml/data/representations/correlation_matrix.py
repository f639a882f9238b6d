"""Correlations of the ground state at half filling."""

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from sshml.data.representations.base import Representation
from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.profiles import AT_ZERO, Images, solve_blocks, solve_matrices

# Of an imaginary part that is rounding.
_REAL = 1e-6


class CorrelationMatrix(Representation):
    """<a†_i a_j> of free fermions that fill the states of negative energy: their projector.

    1/2 on the diagonal; between the sublattices -1/2 sum_k u_k(i) v_k(j) over the states of one sign,
    and 0 within them. Of a pair at zero energy to rounding one state or the other is filled with the
    same chance, so it adds nothing between the sublattices.

    Example:
        The ground state of one cell is (a - b)/sqrt(2):

        >>> from sshml.physics.hamiltonians import SSH
        >>> bonds = {"intracell": np.ones((1, 1)), "intercell": np.ones((1, 1))}
        >>> CorrelationMatrix().images(SSH(), bonds).round(3).tolist()
        [[[0.5, -0.5], [-0.5, 0.5]]]
    """

    title = "correlation matrix"
    rows = "site i"
    columns = "site j"
    quantity = r"$\langle a_i^\dagger a_j \rangle$"
    is_signed = True

    def scale(self, images: NDArray[np.floating]) -> tuple[float, float]:  # noqa: ARG002
        """That of all eigenvalues of a projector."""
        return -0.5, 0.5

    def shape(self, n_cells: int) -> tuple[int, int]:
        """(2M, 2M)."""
        return 2 * n_cells, 2 * n_cells

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Float32[Images, "n 2*M 2*M"]:
        """From the singular value decomposition of the blocks, or the states of whole matrices.

        Raises:
            ValueError: for correlations that are not real.
        """
        if not hamiltonian.is_chiral:
            return _of_matrices(hamiltonian, couplings)
        s, u, v = solve_blocks(hamiltonian.blocks(couplings))
        known = s > AT_ZERO * s[:, :1]
        between = -0.5 * (u * known[:, None]) @ v.swapaxes(1, 2)
        n_chains, n_cells = s.shape
        images = np.zeros((n_chains, 2 * n_cells, 2 * n_cells), dtype=np.float32)
        images[:, 0::2, 1::2] = between
        images[:, 1::2, 0::2] = between.swapaxes(1, 2)
        images[:, range(2 * n_cells), range(2 * n_cells)] = 0.5
        return images


def _of_matrices(hamiltonian: Hamiltonian, couplings: Couplings) -> Float32[Images, "n sites sites"]:
    """Filled is the lower half of the states."""
    _, states = solve_matrices(hamiltonian.matrices(couplings))
    filled = states[:, :, : states.shape[1] // 2]
    # <a†_i a_j> is the sum of conj(psi_k(i)) psi_k(j).
    correlations = filled.conj() @ filled.swapaxes(1, 2)
    if np.abs(correlations.imag).max() > _REAL:
        raise ValueError("the correlations are not real; choose representation=density_profile")
    return np.ascontiguousarray(correlations.real, dtype=np.float32)
