"""Density profiles of all states, as in the thesis."""

from torch import Tensor

from sshml.data.representations.base import Representation
from sshml.data.representations.states import edge_pair, localised_states
from sshml.physics import brightest_pixel, edge_weight, sublattice_separation
from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.profiles import Images


class DensityProfile(Representation):
    r"""\|psi_state(site)\|² of all states in the chiral gauge, whose columns k and 2M-1-k are equal."""

    title = "density profile"
    rows = "site"
    columns = "state, by energy"
    quantity = r"$|\psi|^2$"
    rows_are_sites = True
    columns_are_states = True
    detectors = {  # noqa: RUF012  # annotated in the base class
        detector.__name__: detector
        for detector in (brightest_pixel, edge_weight, sublattice_separation)
    }

    def shape(self, n_cells: int) -> tuple[int, int]:
        """(2M, 2M)."""
        return 2 * n_cells, 2 * n_cells

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Images:
        """By the Hamiltonian's own solver."""
        return hamiltonian.density_profiles(couplings)

    def regions(self, images: Tensor) -> dict[str, Tensor]:
        """The mid-gap pair, and the most localised of the other states."""
        return {"edge pair": edge_pair(images), "localised states": localised_states(images)}
