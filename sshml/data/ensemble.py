"""Ensembles of SSH chains: which chain is sample i of a split. Needs numpy and scipy only."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sshml.data.streams import Purpose, Split, Streams
from sshml.data.strength import DisorderStrength
from sshml.physics import (
    Disorder,
    disordered_hoppings,
    lyapunov_exponent,
    sample_invariant,
    winding_number,
)
from sshml.physics.hoppings import Floats

Label = Literal["ratio", "sample", "thermodynamic"]
RatioGrid = Literal["even", "uniform"]
Realisations = Literal["fresh", "frozen"]
Resample = Literal["never", "epoch"]


@dataclass(frozen=True)
class Chains:
    """Samples: chains with their parameters.

    Attributes:
        t1: clean intracell hopping in units of t2 = 1, shape (n,).
        W: disorder strength, shape (n,).
        intracell: shape (n, M).
        intercell: shape (n, M); the last bond closes the ring.
        labels: 1 = topological, shape (n,), for each kind of label: ``ratio`` (t1 < t2), ``sample``
            (exact invariant of the realisation), ``thermodynamic`` (side of the critical line).
    """

    t1: Floats
    W: Floats
    intracell: Floats
    intercell: Floats
    labels: dict[Label, NDArray[np.int64]]


class Ensemble:
    """An endless, seeded ensemble of chains, of which any sample can be had at once.

    With the same settings, sample i of a split is a function of (seed, split, i) alone. Splits never
    share a chain: their random numbers come from streams that cannot overlap, and their grids of t1
    are shifted against each other.

    Args:
        sizes: number of samples of each split.
        n_cells: unit cells M of a chain.
        W: disorder strength: a number, a list (samples take its values in turn) or an interval
            ``"low..high"`` (uniform).
        disorder: convention of :mod:`sshml.physics.hoppings`.
        ratio_range: lowest and highest t1/t2.
        ratio_gap: t1/t2 between these two are left out of training and validation; None for nothing.
        ratio_grid: ``even``: t1 on an evenly spaced grid over the range, shifted by a random fraction
            of its spacing (which keeps off the point t1 = t2) and shuffled; ``uniform``: random.
        realisations: ``fresh``: disorder of its own for every sample; ``frozen``: one set of random
            numbers omega for all samples of all splits.
        resample: ``never``: the training set is fixed; ``epoch``: sample i + e·size of the training
            split is sample i of epoch e, a new chain.
        seed: integer >= 0.
    """

    def __init__(
        self,
        sizes: dict[Split, int],
        *,
        n_cells: int,
        W: float | str | Sequence[float] = 0.0,
        disorder: Disorder = "thesis",
        ratio_range: tuple[float, float] = (0.0, 2.0),
        ratio_gap: tuple[float, float] | None = None,
        ratio_grid: RatioGrid = "even",
        realisations: Realisations = "fresh",
        resample: Resample = "never",
        seed: int = 0,
    ) -> None:
        self.sizes = sizes
        self.n_cells = n_cells
        self.resample = resample
        self._strength = DisorderStrength.parse(W)
        self._disorder = disorder
        self._ratio_range = ratio_range
        self._ratio_gap = ratio_gap
        self._ratio_grid = ratio_grid
        self._frozen = realisations == "frozen"
        self._streams = Streams(seed)
        # An epoch's grid is needed once for each of its batches.
        self._grid = functools.lru_cache(maxsize=8)(self._make_grid)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Training samples in the order in which an epoch visits them, shape (n_train,)."""
        size = self.sizes[Split.TRAIN]
        order = self._streams.generator(Split.TRAIN, Purpose.ORDER, epoch).permutation(size)
        return order + epoch * size if self.resample == "epoch" else order

    def chains(self, split: Split, index: Sequence[int] | NDArray[np.int64]) -> Chains:
        """The samples of a split with these numbers, in the order given.

        Raises:
            IndexError: for a number outside the split.
        """
        index = np.asarray(index, dtype=np.int64)
        size = self.sizes[split]
        endless = self.resample == "epoch" and split is Split.TRAIN
        if index.size and (index.min() < 0 or (index.max() >= size and not endless)):
            raise IndexError(f"the {split.name.lower()} split has samples 0 to {size - 1}")
        epoch, position = np.divmod(index, size)
        uniforms = np.empty((len(index), 2 + 2 * self.n_cells))
        t1 = np.empty(len(index))
        for e in np.unique(epoch):
            here = epoch == e
            uniforms[here] = self._streams.sample_uniforms(
                split, int(e), position[here], uniforms.shape[1]
            )
            t1[here] = self._ratios(split, int(e), position[here], uniforms[here, 0])
        W = self._strength.of_samples(position, uniforms[:, 1])
        omega = uniforms[:, 2:].reshape(-1, 2, self.n_cells) - 0.5
        if self._frozen:
            omega[:] = self._frozen_omega()
        return self._with_labels(t1, W, omega)

    def _with_labels(self, t1: Floats, W: Floats, omega: Floats) -> Chains:
        intracell, intercell = disordered_hoppings(
            t1, W, omega[:, 0], omega[:, 1], disorder=self._disorder
        )
        labels: dict[Label, NDArray[np.int64]] = {
            "ratio": winding_number(t1, 1.0),
            "sample": sample_invariant(intracell, intercell),
            "thermodynamic": (lyapunov_exponent(t1, W, self._disorder) > 0).astype(np.int64),
        }
        return Chains(t1, W, intracell, intercell, labels)

    def _ratios(self, split: Split, epoch: int, position: NDArray[np.int64], uniform: Floats) -> Floats:
        low, high = self._ratio_range
        place = uniform if self._ratio_grid == "uniform" else self._grid(split, epoch)[position]
        if self._ratio_gap is None or split is Split.TEST:
            return low + (high - low) * place
        start, end = self._ratio_gap
        t1 = low + (high - low - (end - start)) * place
        return t1 + (end - start) * (t1 >= start)

    def _make_grid(self, split: Split, epoch: int) -> Floats:
        """Shuffled even grid on (0, 1), shifted by a random fraction of its spacing."""
        size = self.sizes[split]
        generator = self._streams.generator(split, Purpose.GRID, epoch)
        return (generator.permutation(size) + generator.random()) / size

    def _frozen_omega(self) -> Floats:
        stream = self._streams.generator(Split.TRAIN, Purpose.FROZEN)
        return stream.random((2, self.n_cells)) - 0.5
