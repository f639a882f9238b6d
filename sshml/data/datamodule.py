"""Images of chains made on the fly, as a Lightning data module."""

from collections.abc import Sequence
from typing import Annotated, SupportsIndex

import numpy as np
import torch
from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt

from sshml.data.base import PhaseDataModule
from sshml.data.ensemble import Ensemble, Label, RatioGrid, Realisations, Resample
from sshml.data.representations import DensityProfile, Representation
from sshml.data.samples import Batch, Parameter, Samples
from sshml.data.streams import Split
from sshml.data.strength import LARGEST, DisorderStrength
from sshml.physics.hamiltonians import SSH, Hamiltonian
from sshml.physics.numbers import Floats, Integers


class ProfileDataset(Samples):
    """The samples of one split, computed when asked for, a batch at a time.

    Args:
        ensemble: where the chains come from.
        split: which of its splits.
        label: the kind of label to train on.
        representation: what is seen of a chain; None for its density profile.

    Example:
        >>> ensemble = Ensemble({split: 4 for split in Split}, n_cells=6)
        >>> sample = ProfileDataset(ensemble, Split.TEST)[0]
        >>> sample["input"].shape, sample["label"].item() == int(sample["parameters"]["ratio"] < 1)
        (torch.Size([1, 12, 12]), True)
    """

    def __init__(
        self,
        ensemble: Ensemble,
        split: Split,
        label: Label = "ratio",
        representation: Representation | None = None,
    ) -> None:
        self.ensemble = ensemble
        self.split = split
        self.label = label
        self.representation = representation or DensityProfile()

    def __len__(self) -> int:
        return self.ensemble.sizes[self.split]

    def __getitems__(self, index: Sequence[SupportsIndex]) -> Batch:
        """The samples with these numbers as one batch."""
        chains = self.ensemble.chains(self.split, index)
        labels = {kind: torch.from_numpy(values) for kind, values in chains.labels.items()}
        images = self.representation.images(self.ensemble.hamiltonian, chains.couplings)
        parameters = {"ratio": chains.ratio, "W": chains.W}
        return Batch(
            input=torch.from_numpy(images if images.ndim == 4 else images[:, None]),
            label=labels[self.label],
            labels=labels,
            parameters={name: torch.from_numpy(of).float() for name, of in parameters.items()},
            index=torch.as_tensor(index),
        )

    def parameters(self) -> dict[str, Floats]:
        """The control and the disorder strength of all chains."""
        chains = self.ensemble.chains(self.split, np.arange(len(self)))
        return {"ratio": chains.ratio, "W": chains.W}


def _checked_strength(W: object) -> object:
    DisorderStrength.parse(W)  # type: ignore[arg-type]  # anything may come from a user
    return W


def _checked_range(limits: Sequence[float]) -> tuple[float, float]:
    low, high = limits
    if not 0 <= low < high <= LARGEST:
        raise ValueError(f"expected [low,high] with 0 <= low < high <= {LARGEST:g}")
    return low, high


def _check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """A choice that depends on the Hamiltonian."""
    if value not in known:
        *others, last = map(repr, known)
        expected = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{name}={value}: expected {expected}")


class SSHDataModule(PhaseDataModule):
    """Training, validation and test sets of density profiles of chains.

    Nothing is stored: every batch is computed when it is needed, so memory does not grow with the
    sizes. Sample i of a split has the same bits whatever the number of workers, the batch size and
    the order of access; see :class:`sshml.data.ensemble.Ensemble` for the arguments not listed here.

    Args:
        hamiltonian: the family of chains; None for SSH chains.
        representation: what a network sees of them; None for density profiles.
        label: what a network is trained on; the thesis labels by ``ratio`` always.
        n_train: samples of the training set, an epoch.
        n_val: samples of the validation set.
        n_test: samples of the test set.
        batch_size: samples a batch; several processes share it.
        num_workers: processes that make batches; 0 makes them in a thread of the training process.

    Example:
        >>> data = SSHDataModule(n_cells=6, W=0.5, n_test=30, batch_size=20)
        >>> [batch["input"].shape for batch in data.test_dataloader()]
        [torch.Size([20, 1, 12, 12]), torch.Size([10, 1, 12, 12])]
    """

    def __init__(
        self,
        *,
        hamiltonian: Hamiltonian | None = None,
        representation: Representation | None = None,
        W: Annotated[float | str | Sequence[float], AfterValidator(_checked_strength)] = 0.0,
        n_cells: Annotated[int, Field(ge=2)] = 30,
        disorder: str | None = None,
        label: Label = "ratio",
        ratio_range: Annotated[
            Sequence[float], Field(min_length=2, max_length=2), AfterValidator(_checked_range)
        ] = (0.0, 2.0),
        ratio_gap: Annotated[
            Sequence[float], Field(min_length=2, max_length=2), AfterValidator(_checked_range)
        ]
        | None = None,
        ratio_grid: RatioGrid = "even",
        realisations: Realisations = "fresh",
        resample: Resample = "never",
        n_train: PositiveInt = 10_000,
        n_val: PositiveInt = 4_000,
        n_test: PositiveInt = 6_000,
        batch_size: PositiveInt = 100,
        num_workers: NonNegativeInt = 0,
        seed: Annotated[int, Field(ge=0, lt=2**64)] = 0,
    ) -> None:
        super().__init__(batch_size, num_workers)
        chain = hamiltonian or SSH()
        _check_choice("disorder", disorder or chain.disorders[0], chain.disorders)
        _check_choice("label", label, chain.label_kinds)
        whole, gap = list(ratio_range), list(ratio_gap or ())
        if gap and (gap[0] < whole[0] or gap[1] > whole[1] or gap == whole):
            raise ValueError(f"ratio_gap={gap} must lie inside ratio_range={whole}")
        self.ensemble = Ensemble(
            {Split.TRAIN: n_train, Split.VAL: n_val, Split.TEST: n_test},
            n_cells=n_cells,
            hamiltonian=chain,
            W=W,
            disorder=disorder,
            ratio_range=(ratio_range[0], ratio_range[1]),
            ratio_gap=(ratio_gap[0], ratio_gap[1]) if ratio_gap else None,
            ratio_grid=ratio_grid,
            realisations=realisations,
            resample=resample,
            seed=seed,
        )
        self.representation = representation or DensityProfile()
        self.label = label
        self._W, self._disorder = W, disorder or chain.disorders[0]
        self.classes = chain.classes
        self.label_kinds = chain.label_kinds
        self.known_parameters = {
            "ratio": Parameter(chain.control, chain.symbol), "W": Parameter("W", "W")
        }  # fmt: skip
        *channels, height, width = self.representation.shape(n_cells)
        self.shape = (channels[0] if channels else 1, height, width)

    def critical(self, name: str) -> Sequence[float]:
        """Ratios where the phase of infinite chains changes, of a single disorder strength."""
        if name != "ratio" or not isinstance(self._W, int | float):
            return ()
        found = self.ensemble.hamiltonian.critical_ratios(self._W, self._disorder)
        return [float(ratio) for ratio in found if np.isfinite(ratio)]

    def dataset(self, split: Split) -> ProfileDataset:
        """The samples of one split."""
        return ProfileDataset(self.ensemble, split, self.label, self.representation)

    def order(self, epoch: int) -> Integers:
        """Training chains in the order in which an epoch visits them, new ones or not."""
        return self.ensemble.order(epoch)
