r"""What a family of chains has to tell: its couplings, its labels, its phases, and how it is solved.

A chain of M cells has the sites 0 ... 2M-1, two a cell. Of most its Hamiltonian is chiral,

    H = [[0, h], [h.T, 0]]

in the basis (A, B) of the even and the odd sites, with a real M×M block h. ``h = U S V.T`` gives the
spectrum: energies ±s, states ``(u, ±v)/sqrt(2)``. Of others it is any Hermitian matrix.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float64, Inexact, Int64, Real
from numpy.typing import DTypeLike

from sshml.physics.numbers import Array, Floats, Integers, Lists, Numbers
from sshml.physics.profiles import Images, profiles_of_states, solve_blocks, solve_matrices

#: A number for each of n chains.
PerChain = Float64[Floats, " n"]
#: Disorder strengths W >= 0.
Strengths = Real[Numbers, "*shape"] | Lists
#: Random numbers on [0, 1), as many for each of n chains as it takes.
Uniforms = Float64[Floats, "n random"]
#: Couplings of n chains by their names.
Couplings = Mapping[str, Float64[Floats, "n M"]]
#: Classes of n chains by the kind of label.
Labels = dict[str, Int64[Integers, " n"]]


class Hamiltonian(ABC):
    """A family of chains, of which a ratio of couplings controls the phase.

    A subclass has either :meth:`blocks`, if it is chiral, or :meth:`matrices`.

    Attributes:
        control: what the ratio is, as ``t1/t2``.
        symbol: the same as TeX.
        classes: names of the phases, in the order of their labels.
        disorders: how random numbers can act on the couplings; the first is the default.
        label_kinds: the kinds of label there are: ``ratio`` (phase of the clean infinite chain)
            always, ``sample`` (exact invariant of the realisation) and ``thermodynamic`` (phase of the
            disordered infinite chain) where they are known.
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
    def couplings(self, ratio: PerChain, W: PerChain, uniforms: Uniforms, disorder: str) -> Couplings:
        """Couplings of chains.

        Args:
            ratio: the control.
            W: disorder strength.
            uniforms: random numbers on [0, 1), :meth:`n_random` of each chain.
            disorder: one of :attr:`disorders`.
        """

    @abstractmethod
    def labels(self, ratio: PerChain, W: PerChain, couplings: Couplings, disorder: str) -> Labels:
        """Classes of chains, of each of :attr:`label_kinds`.

        Args:
            ratio: the control.
            W: disorder strength.
            couplings: from :meth:`couplings`.
            disorder: one of :attr:`disorders`.
        """

    @abstractmethod
    def critical_ratios(self, W: Strengths, disorder: str) -> Float64[Floats, " transitions *shape"]:
        """The ratios where the phase of an infinite chain changes, as the ratio grows.

        Args:
            W: disorder strength.
            disorder: one of :attr:`disorders`.

        Returns:
            NaN where there is no such transition, or its place is not known.
        """

    @property
    def is_chiral(self) -> bool:
        """Whether it has blocks."""
        return type(self).blocks is not Hamiltonian.blocks

    def blocks(self, couplings: Couplings) -> Float64[Floats, "n M M"]:
        """Blocks h of open chains: rows A sites, columns B sites."""
        raise NotImplementedError(f"{type(self).__name__} has neither blocks nor matrices")

    def matrices(self, couplings: Couplings) -> Inexact[Array, "n 2*M 2*M"]:
        """Whole matrices of open chains, rows and columns the sites."""
        blocks = self.blocks(couplings)
        n, n_cells, _ = blocks.shape
        matrices = np.zeros((n, 2 * n_cells, 2 * n_cells))
        matrices[:, 0::2, 1::2] = blocks
        matrices[:, 1::2, 0::2] = blocks.swapaxes(1, 2)
        return matrices

    def density_profiles(
        self, couplings: Couplings, dtype: DTypeLike = np.float32
    ) -> Float[Images, "n 2*M 2*M"]:
        """Density profiles of open chains, see :func:`sshml.physics.density_profiles`.

        Args:
            couplings: of n chains.
            dtype: float32 or float64.

        Returns:
            Rows sites, columns states by energy; of chiral chains in the chiral gauge.
        """
        if not self.is_chiral:
            _, states = solve_matrices(self.matrices(couplings))
            return (np.abs(states) ** 2).astype(dtype)
        _, u, v = solve_blocks(self.blocks(couplings))
        return profiles_of_states(u, v, dtype)
