"""The density of the pair of states closest to zero energy alone."""

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from torch import Tensor

from sshml.data.representations.base import Detector, Representation
from sshml.data.representations.states import occupied, saturated
from sshml.physics import edge_weight, sublattice_separation
from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.numbers import Floats
from sshml.physics.profiles import Images


def _of_pair(detector: Detector) -> Detector:
    """A detector that reads the mid-gap pair of density profiles, for images that have only that."""

    def detect(images: NDArray[np.floating]) -> Floats:
        n, n_sites, _ = images.shape
        profiles = np.zeros((n, n_sites, n_sites), images.dtype)
        profiles[..., n_sites // 2 - 1 : n_sites // 2 + 1] = images
        return detector(profiles)

    return detect


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
    is_density = True
    rows_are_sites = True
    detectors = {  # noqa: RUF012  # annotated in the base class
        detector.__name__: _of_pair(detector) for detector in (edge_weight, sublattice_separation)
    }

    def scale(self, images: NDArray[np.floating]) -> tuple[float, float]:
        """Saturated, as in the thesis."""
        return saturated(images.shape[-2])

    def shape(self, n_cells: int) -> tuple[int, int]:
        """(2M, 1)."""
        return 2 * n_cells, 1

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Float32[Images, "n 2*M 1"]:
        """The mean of the two middle columns of the density profile."""
        profiles = hamiltonian.density_profiles(couplings)
        middle = profiles.shape[1] // 2
        pair = profiles[:, :, middle - 1 : middle + 1]
        return np.asarray(pair.mean(axis=2, keepdims=True, dtype=np.float32))

    def regions(self, images: Float32[Tensor, "n H W"]) -> dict[str, Bool[Tensor, "n H W"]]:
        """The sites that the pair is on."""
        return {"edge pair": occupied(images)}
