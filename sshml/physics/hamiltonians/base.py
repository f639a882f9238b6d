r"""What a family of chains has to tell: its couplings, its labels, its phases, and how it is solved.

A chain of M cells has the sites 0 ... 2M-1, two a cell, of sublattice A (even) and B (odd). Its
Hamiltonian is chiral,

    H = [[0, h], [h.T, 0]]

in the basis (A, B), with a real M×M block h. ``h = U S V.T`` gives the spectrum: energies ±s, states
``(u, ±v)/sqrt(2)``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sshml.physics.hoppings import Floats
from sshml.physics.profiles import Images, profiles_of_states, solve_blocks

#: Couplings of n chains by their names, each of shape (n, M).
Couplings = Mapping[str, Floats]
#: Classes of n chains by the kind of label, each of shape (n,).
Labels = dict[str, NDArray[np.int64]]


class Hamiltonian(ABC):
    """A family of chains, of which a ratio of couplings controls the phase.

    Attributes:
        control: what the ratio is, as ``t1/t2``.
        symbol: the same as TeX.
        classes: names of the phases, in the order of their labels.
        disorders: how random numbers can act on the couplings; the first is the default.
        label_kinds: the kinds of label there are: ``ratio`` (phase of the clean infinite chain),
            ``sample`` (exact invariant of the realisation), ``thermodynamic`` (phase of the disordered
            infinite chain).
    """

    control: ClassVar[str]
    symbol: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]
    disorders: ClassVar[tuple[str, ...]]
    label_kinds: ClassVar[tuple[str, ...]] = ("ratio", "sample", "thermodynamic")

    @abstractmethod
    def n_random(self, n_cells: int) -> int:
        """How many random numbers the couplings of one chain take."""

    @abstractmethod
    def couplings(self, ratio: Floats, W: Floats, uniforms: Floats, disorder: str) -> Couplings:
        """Couplings of chains.

        Args:
            ratio: the control, shape (n,).
            W: disorder strength, shape (n,).
            uniforms: random numbers on [0, 1), shape (n, ``n_random``).
            disorder: one of :attr:`disorders`.
        """

    @abstractmethod
    def labels(self, ratio: Floats, W: Floats, couplings: Couplings, disorder: str) -> Labels:
        """Classes of chains, of each of :attr:`label_kinds`.

        Args:
            ratio: the control, shape (n,).
            W: disorder strength, shape (n,).
            couplings: from :meth:`couplings`.
            disorder: one of :attr:`disorders`.
        """

    @abstractmethod
    def critical_ratios(self, W: ArrayLike, disorder: str) -> Floats:
        """The ratios where the phase of an infinite chain changes, as the ratio grows.

        Args:
            W: disorder strength, any shape.
            disorder: one of :attr:`disorders`.

        Returns:
            Shape (transitions, ``*W.shape``); NaN where there is no such transition, or its place is
            not known.
        """

    @abstractmethod
    def blocks(self, couplings: Couplings) -> Floats:
        """Blocks h of open chains, shape (n, M, M): rows A sites, columns B sites."""

    def density_profiles(self, couplings: Couplings, dtype: DTypeLike = np.float32) -> Images:
        """Density profiles of open chains, see :func:`sshml.physics.density_profiles`.

        Args:
            couplings: of n chains.
            dtype: float32 or float64.

        Returns:
            Shape (n, 2M, 2M): rows sites, columns states by energy, in the chiral gauge.
        """
        _, u, v = solve_blocks(self.blocks(couplings))
        return profiles_of_states(u, v, dtype)
