"""The density of the pair of states closest to zero energy alone."""

from jaxtyping import Float32

from sshml.data.representations.base import Representation
from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.profiles import Images


class MidGapPair(Representation):
    r"""\|psi(site)\|² of the two states closest to zero energy, which are alike in the chiral gauge.

    Example:
        >>> import numpy as np
        >>> from sshml.physics.hamiltonians import SSH
        >>> bonds = {"intracell": np.zeros((1, 2)), "intercell": np.ones((1, 2))}  # two free end sites
        >>> MidGapPair().images(SSH(), bonds)[0].tolist()
        [[0.5], [0.0], [0.0], [0.5]]
    """

    title = "mid-gap pair"
    rows = "site"
    columns = "mid-gap pair"
    quantity = r"$|\psi|^2$"

    def shape(self, n_cells: int) -> tuple[int, int]:
        """(2M, 1)."""
        return 2 * n_cells, 1

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Float32[Images, "n 2*M 1"]:
        """The middle column of the density profile."""
        profiles = hamiltonian.density_profiles(couplings)
        middle = profiles.shape[1] // 2
        return profiles[:, :, middle - 1 : middle].copy()
