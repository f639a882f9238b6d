"""What a kind of input has to tell."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import NDArray
from torch import Tensor

from sshml.physics.hamiltonians import Couplings, Hamiltonian
from sshml.physics.numbers import Floats
from sshml.physics.profiles import Images

#: Reads a number off each of n images, shape (n, H, W) to (n,), high in the topological phase.
Detector = Callable[[NDArray[np.floating]], Floats]


class Representation(ABC):
    """Turns chains into images.

    One of your own has ``title``, ``rows``, ``columns``, ``quantity``, :meth:`shape`, :meth:`images`.

    Attributes:
        title: what an image is.
        rows: what its rows are.
        columns: what its columns are.
        quantity: what a pixel is, as TeX.
        is_signed: whether pixels may be negative.
        is_density: whether pixels are probabilities, which are not negative.
        rows_are_sites: whether row i is site i, in the order of the chain.
        columns_are_states: whether column k is state k by energy, alike with its mirror state 2M-1-k.
        detectors: baselines that read such images, by name; see :mod:`sshml.physics.detectors`.
    """

    title: ClassVar[str]
    rows: ClassVar[str]
    columns: ClassVar[str]
    quantity: ClassVar[str]
    is_signed: ClassVar[bool] = False
    is_density: ClassVar[bool] = False
    rows_are_sites: ClassVar[bool] = False
    columns_are_states: ClassVar[bool] = False
    detectors: ClassVar[Mapping[str, Detector]] = {}

    @abstractmethod
    def shape(self, n_cells: int) -> tuple[int, int] | tuple[int, int, int]:
        """Height and width of an image of a chain of M cells; before them channels, if not one."""

    @abstractmethod
    def images(self, hamiltonian: Hamiltonian, couplings: Couplings) -> Float32[Images, " *shape"]:
        """Images of n open chains, finite float32 numbers of shape (n, …).

        Args:
            hamiltonian: of the chains: its ``density_profiles(couplings)`` are the densities of all
                states; :func:`sshml.physics.solve_matrices` has energies and states of its
                ``matrices(couplings)``.
            couplings: of the chains.
        """

    def scale(self, images: NDArray[np.floating]) -> tuple[float, float]:
        """The values that pictures of images (..., H, W) show as the darkest and the brightest."""
        low, high = float(images.min()), float(images.max())
        return (-max(-low, high), max(-low, high)) if self.is_signed else (low, high)

    def regions(self, images: Float32[Tensor, "n H W"]) -> dict[str, Bool[Tensor, "n H W"]]:  # noqa: ARG002
        """Where something is known to be in images, by name; "edge pair" is what maps should show.

        Returns:
            Pixels; nothing for a kind of image without such regions.
        """
        return {}
