"""Any finite Hamiltonian, as a function of the user's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Inexact
from numpy.typing import NDArray

from sshml.physics.hamiltonians.base import (
    Couplings,
    Hamiltonian,
    Labels,
    PerChain,
    Strengths,
    Uniforms,
)
from sshml.physics.numbers import Array, Floats, real

#: Makes the Hermitian matrix, shape (2M, 2M), of one chain from its parameters and random numbers.
MatrixFunction = Callable[[Mapping[str, Any], np.random.Generator], NDArray[Any]]


class MatrixHamiltonian(Hamiltonian):
    """Chains whose matrix is made by a function, and diagonalised whole.

    The function is called as ``function(parameters, rng)`` and returns a Hermitian matrix of shape
    (2M, 2M), rows and columns the sites. ``parameters`` has ``ratio``, ``W`` and ``n_cells``, M; what
    is random comes from ``rng`` alone, so that sample i is the same whenever it is asked for.

    Args:
        function: makes the matrix of one chain.
        transitions: the ratios where the phase of the clean infinite chain changes, as they grow.
        phases: the class of each interval between them, as the ratio grows: one more than transitions.
        classes: names of the phases, in the order of their labels.
        control: what the ratio is, for figures and tables.

    Raises:
        ValueError: for phases that do not go with the transitions or the classes.

    Example:
        >>> def chain(parameters, rng):
        ...     M = parameters["n_cells"]
        ...     bonds = np.tile([parameters["ratio"], 1.0], M)[:-1]
        ...     return np.diag(bonds, 1) + np.diag(bonds, -1)
        >>> hamiltonian = MatrixHamiltonian(chain)
        >>> ratio = np.array([0.5, 1.5])
        >>> couplings = hamiltonian.couplings(ratio, np.zeros(2), np.zeros((2, 4)), "own")
        >>> hamiltonian.density_profiles(couplings).shape
        (2, 8, 8)
        >>> hamiltonian.labels(ratio, np.zeros(2), couplings, "own")["ratio"].tolist()
        [1, 0]
    """

    disorders = ("own",)
    label_kinds = ("ratio",)

    def __init__(
        self,
        function: MatrixFunction,
        transitions: Sequence[float] = (1.0,),
        phases: Sequence[int] = (1, 0),
        classes: Sequence[str] = ("trivial", "topological"),
        control: str = "ratio",
    ) -> None:
        self._transitions = np.asarray(real("transitions", list(transitions)), np.float64)
        if (np.diff(self._transitions) <= 0).any():
            raise ValueError(f"transitions={list(transitions)}: expected ratios that grow")
        if len(phases) != len(transitions) + 1:
            raise ValueError(
                f"phases={list(phases)}: expected {len(transitions) + 1}, one for each interval "
                "between transitions"
            )
        if not set(phases) <= set(range(len(classes))) or len(set(classes)) < max(2, len(classes)):
            raise ValueError(
                f"phases={list(phases)}: expected labels of the classes {', '.join(classes)}, two or "
                "more, counted from 0"
            )
        self._function = function
        self._phases = np.asarray(phases, dtype=np.int64)
        self.classes = tuple(classes)  # type: ignore[misc]  # of each chain its own
        self.control = self.symbol = control  # type: ignore[misc]

    def n_random(self, n_cells: int) -> int:
        """One number a cell: the seed of the chain's random numbers."""
        return n_cells

    def couplings(self, ratio: PerChain, W: PerChain, uniforms: Uniforms, disorder: str) -> Couplings:  # noqa: ARG002
        """The parameters and the seed of each chain, the same for all cells."""
        alike = np.ones_like(uniforms)
        return {"ratio": ratio[:, None] * alike, "W": W[:, None] * alike, "random": uniforms}

    def labels(self, ratio: PerChain, W: PerChain, couplings: Couplings, disorder: str) -> Labels:  # noqa: ARG002
        """Of the clean infinite chain alone."""
        return {"ratio": self._phases[np.searchsorted(self._transitions, ratio)]}

    def critical_ratios(self, W: Strengths, disorder: str) -> Float64[Floats, " transitions *shape"]:  # noqa: ARG002
        """Those of the clean chain; not known for W > 0."""
        strengths = np.asarray(W)
        lines = self._transitions.reshape(-1, *(1,) * strengths.ndim)
        return np.where(strengths == 0, lines, np.nan)

    def matrices(self, couplings: Couplings) -> Inexact[Array, "n 2*M 2*M"]:
        """Those that the function makes, real or complex.

        Raises:
            ValueError: for one that is not Hermitian, not finite or of another shape.
        """
        n_cells = couplings["ratio"].shape[1]
        ratio, W = (couplings[name][:, 0].tolist() for name in ("ratio", "W"))
        chains = zip(ratio, W, couplings["random"], strict=True)
        return np.stack([self._matrix(*chain, n_cells=n_cells) for chain in chains])

    def _matrix(self, ratio: float, W: float, random: Floats, n_cells: int) -> NDArray[Any]:
        rng = np.random.default_rng(random.view(np.uint64))
        parameters = {"ratio": ratio, "W": W, "n_cells": n_cells}
        where = f"at {self.control} = {ratio:.3g}, W = {W:g}, M = {n_cells}"
        made = np.asarray(self._function(parameters, rng))
        expected = (2 * n_cells, 2 * n_cells)
        if made.shape != expected or made.dtype.kind not in "fiuc":
            raise ValueError(
                f"function returned {made.dtype} of shape {made.shape} {where}; expected numbers of "
                f"shape {expected}"
            )
        matrix = made.astype(np.complex128 if made.dtype.kind == "c" else np.float64)
        if not (np.isfinite(matrix).all() and np.allclose(matrix, matrix.conj().T)):
            raise ValueError(f"function returned a matrix that is not finite and Hermitian {where}")
        return matrix
