"""Density profiles of all states, as in the thesis."""

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from torch import Tensor

from sshml.data.representations.base import Representation
from sshml.data.representations.states import edge_pair, localised_states, saturated
from sshml.physics.detectors import PROFILE_DETECTORS
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
    is_density = True
    rows_are_sites = True
    columns_are_states = True
    detectors = PROFILE_DETECTORS

    def scale(self, images: NDArray[np.floating]) -> tuple[float, float]:
        """Saturated, as in the thesis."""
        return saturated(images.shape[-2])

    def shape(self, n_cells: int) -> tuple[int, int]:
        """(2M, 2M)."""
        return 2 * n_cells, 2 * n_cells

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Float32[Images, "n 2*M 2*M"]:
        """By the Hamiltonian's own solver."""
        return hamiltonian.density_profiles(couplings)

    def regions(self, images: Float32[Tensor, "n H W"]) -> dict[str, Bool[Tensor, "n H W"]]:
        """The mid-gap pair, and the most localised of the other states."""
        return {"edge pair": edge_pair(images), "localised states": localised_states(images)}
