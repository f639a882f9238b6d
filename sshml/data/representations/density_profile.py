"""Density profiles of all states, as in the thesis."""

from sshml.data.representations.base import Representation
from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.profiles import Images


class DensityProfile(Representation):
    r"""\|psi_state(site)\|² of all states in the chiral gauge, whose columns k and 2M-1-k are equal."""

    title = "density profile"
    rows = "site"
    columns = "state, by energy"
    quantity = r"$|\psi|^2$"

    def shape(self, n_cells: int) -> tuple[int, int]:
        """(2M, 2M)."""
        return 2 * n_cells, 2 * n_cells

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Images:
        """By the Hamiltonian's own solver."""
        return hamiltonian.density_profiles(couplings)
