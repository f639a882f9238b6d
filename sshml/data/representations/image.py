"""Images of which no more is known than their values."""

from typing import NoReturn

from sshml.data.representations.base import Representation
from sshml.physics.hamiltonians import Couplings, Hamiltonian

_OF_FILES = "images from a file (data=arrays), not for generated chains"


class Image(Representation):
    """Any image, such as a measurement.

    Example:
        >>> import numpy as np
        >>> Image().rows, Image().scale(np.array([[0.5, 2.0]]))
        ('row', (0.5, 2.0))
    """

    title = "image"
    rows = "row"
    columns = "column"
    quantity = "value"

    def shape(self, n_cells: int) -> NoReturn:  # noqa: ARG002
        """Not known."""
        raise ValueError(f"Image: is for {_OF_FILES}")

    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> NoReturn:  # noqa: ARG002
        """Not known."""
        raise ValueError(f"Image: is for {_OF_FILES}")
