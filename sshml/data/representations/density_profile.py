"""Density profiles of all states, as in the thesis."""

from jaxtyping import Float32

from sshml.data.representations.base import Representation
from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.profiles import Images


class DensityProfile(Representation):
    r"""\|psi_state(site)\|² of all states in the chiral gauge, whose columns k and 2M-1-k are equal.

    Example:
        >>> import numpy as np
        >>> from sshml.physics.hamiltonians import SSH
        >>> bonds = {"intracell": np.zeros((1, 2)), "intercell": np.ones((1, 2))}  # two free end sites
        >>> DensityProfile().images(SSH(), bonds)[0].tolist()
        [[0.0, 0.5, 0.5, 0.0], [0.5, 0.0, 0.0, 0.5], [0.5, 0.0, 0.0, 0.5], [0.0, 0.5, 0.5, 0.0]]
    """

    title = "density profile"
    rows = "site"
    columns = "state, by energy"
    quantity = r"$|\psi|^2$"

    def shape(self, n_cells: int) -> tuple[int, int]:
        """(2M, 2M)."""
        return 2 * n_cells, 2 * n_cells

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Float32[Images, "n 2*M 2*M"]:
        """By the Hamiltonian's own solver."""
        return hamiltonian.density_profiles(couplings)
