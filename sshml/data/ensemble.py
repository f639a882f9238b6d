"""Ensembles of chains: which chain is sample i of a split. Needs numpy and scipy only."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, SupportsIndex, get_args

import numpy as np
from jaxtyping import Float64, Int, Int64

from sshml.data.streams import Purpose, Split, Streams
from sshml.data.strength import DisorderStrength
from sshml.physics.hamiltonians import SSH, Couplings, Hamiltonian, Labels
from sshml.physics.numbers import Array, Floats, Integers

Label = Literal["ratio", "sample", "thermodynamic"]
RatioGrid = Literal["even", "uniform"]
Realisations = Literal["fresh", "frozen"]
Resample = Literal["never", "epoch"]


@dataclass(frozen=True)
class Chains:
    """Samples: chains with their parameters.

    Attributes:
        ratio: the Hamiltonian's control, such as t1/t2.
        W: disorder strength.
        couplings: the Hamiltonian's, by their names.
        labels: classes, for each kind of label that the Hamiltonian has.
    """

    ratio: Float64[Floats, " n"]
    W: Float64[Floats, " n"]
    couplings: Couplings
    labels: Labels


class Ensemble:
    """An endless, seeded ensemble of chains, of which any sample can be had at once.

    With the same settings, sample i of a split is a function of (seed, split, i) alone. Splits never
    share a chain: their random numbers come from streams that cannot overlap, and their grids of
    ratios are shifted against each other.

    Args:
        sizes: number of samples of each split.
        hamiltonian: the family of chains.
        n_cells: unit cells M of a chain.
        W: disorder strength: a number, a list (samples take its values in turn) or an interval
            ``"low..high"`` (uniform).
        disorder: one that the Hamiltonian knows, None for its first.
        ratio_range: lowest and highest ratio.
        ratio_gap: ratios between these two are left out of training and validation; None for nothing.
        ratio_grid: ``even``: ratios on an evenly spaced grid over the range, shifted by a random
            fraction of its spacing (which keeps off critical points) and shuffled; ``uniform``: random.
        realisations: ``fresh``: disorder of its own for every sample; ``frozen``: one set of random
            numbers for the couplings of all samples of all splits.
        resample: ``never``: the training set is fixed; ``epoch``: sample i + e·size of the training
            split is sample i of epoch e, a new chain.
        seed: integer >= 0.

    Raises:
        ValueError: for a choice that there is not, or an empty range.

    Example:
        >>> ensemble = Ensemble({Split.TRAIN: 4, Split.VAL: 4, Split.TEST: 4}, n_cells=6, W=0.5)
        >>> chains = ensemble.chains(Split.TEST, range(4))
        >>> chains.couplings["intracell"].shape, bool((chains.ratio < 1).sum() == 2)
        ((4, 6), True)
        >>> bool((ensemble.chains(Split.TEST, [2]).ratio == chains.ratio[2]).all())
        True
    """

    def __init__(
        self,
        sizes: dict[Split, int],
        *,
        n_cells: int,
        hamiltonian: Hamiltonian | None = None,
        W: float | str | Sequence[float] = 0.0,
        disorder: str | None = None,
        ratio_range: tuple[float, float] = (0.0, 2.0),
        ratio_gap: tuple[float, float] | None = None,
        ratio_grid: RatioGrid = "even",
        realisations: Realisations = "fresh",
        resample: Resample = "never",
        seed: int = 0,
    ) -> None:
        for name, value, kind in (
            ("ratio_grid", ratio_grid, RatioGrid),
            ("realisations", realisations, Realisations),
            ("resample", resample, Resample),
        ):
            if value not in get_args(kind):
                raise ValueError(f"{name}={value}: expected one of {', '.join(get_args(kind))}")
        if not 0 <= ratio_range[0] < ratio_range[1]:
            raise ValueError(f"ratio_range={ratio_range}: expected 0 <= low < high")
        self.sizes = sizes
        self.n_cells = n_cells
        self.hamiltonian = hamiltonian or SSH()
        self.resample = resample
        self._strength = DisorderStrength.parse(W)
        self._disorder = disorder or self.hamiltonian.disorders[0]
        self._ratio_range = ratio_range
        self._ratio_gap = ratio_gap
        self._ratio_grid = ratio_grid
        self._frozen = realisations == "frozen"
        self._streams = Streams(seed)
        # An epoch's grid is needed once for each of its batches.
        self._grid = functools.lru_cache(maxsize=8)(self._make_grid)

    def order(self, epoch: int) -> Int64[Integers, " n_train"]:
        """Training samples in the order in which an epoch visits them."""
        size = self.sizes[Split.TRAIN]
        order = self._streams.generator(Split.TRAIN, Purpose.ORDER, epoch).permutation(size)
        return order + epoch * size if self.resample == "epoch" else order

    def chains(self, split: Split, index: Sequence[SupportsIndex] | Int[Array, " n"]) -> Chains:
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
        uniforms = np.empty((len(index), 2 + self._n_random))
        ratio = np.empty(len(index))
        for e in np.unique(epoch):
            here = epoch == e
            uniforms[here] = self._streams.sample_uniforms(
                split, int(e), position[here], uniforms.shape[1]
            )
            ratio[here] = self._ratios(split, int(e), position[here], uniforms[here, 0])
        W = self._strength.of_samples(position, uniforms[:, 1])
        of_couplings = uniforms[:, 2:]
        if self._frozen:
            of_couplings[:] = self._frozen_uniforms()
        couplings = self.hamiltonian.couplings(ratio, W, of_couplings, self._disorder)
        labels = self.hamiltonian.labels(ratio, W, couplings, self._disorder)
        return Chains(ratio, W, couplings, labels)

    @property
    def _n_random(self) -> int:
        return self.hamiltonian.n_random(self.n_cells)

    def _ratios(
        self, split: Split, epoch: int, position: Int64[Integers, " n"], uniform: Float64[Floats, " n"]
    ) -> Float64[Floats, " n"]:
        low, high = self._ratio_range
        place = uniform if self._ratio_grid == "uniform" else self._grid(split, epoch)[position]
        if self._ratio_gap is None or split is Split.TEST:
            return low + (high - low) * place
        start, end = self._ratio_gap
        ratio = low + (high - low - (end - start)) * place
        return ratio + (end - start) * (ratio >= start)

    def _make_grid(self, split: Split, epoch: int) -> Float64[Floats, " size"]:
        """Shuffled even grid on (0, 1), shifted by a random fraction of its spacing."""
        size = self.sizes[split]
        generator = self._streams.generator(split, Purpose.GRID, epoch)
        return (generator.permutation(size) + generator.random()) / size

    def _frozen_uniforms(self) -> Float64[Floats, " random"]:
        return self._streams.generator(Split.TRAIN, Purpose.FROZEN).random(self._n_random)
