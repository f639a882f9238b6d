"""What a kind of input has to tell."""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Float32

from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.profiles import Images


class Representation(ABC):
    """Turns solved chains into images, one channel each.

    Attributes:
        title: what an image is.
        rows: what its rows are.
        columns: what its columns are.
        quantity: what a pixel is, as TeX.
        is_signed: whether pixels may be negative.
    """

    title: ClassVar[str]
    rows: ClassVar[str]
    columns: ClassVar[str]
    quantity: ClassVar[str]
    is_signed: ClassVar[bool] = False

    @abstractmethod
    def shape(self, n_cells: int) -> tuple[int, int]:
        """Height and width of an image of a chain of M cells."""

    @abstractmethod
    def images(
        self, hamiltonian: Hamiltonian, couplings: Couplings
    ) -> Float32[Images, "n height width"]:
        """Images of open chains."""
