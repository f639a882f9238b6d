"""Density profiles made on the fly, as a Lightning data module."""

import atexit
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Annotated, Any, SupportsIndex, TypedDict, cast

import pytorch_lightning as pl
import torch
from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler

from sshml.data.ensemble import Ensemble, Label, RatioGrid, Realisations, Resample
from sshml.data.representations import DensityProfile, Representation
from sshml.data.streams import Split
from sshml.data.strength import LARGEST, DisorderStrength
from sshml.physics.hamiltonians import SSH, Hamiltonian


class Batch(TypedDict):
    """One batch of n samples.

    ``input`` float32 (n, 1, H, W), 2M×2M for density profiles; ``label`` int64 (n,), the kind that is
    trained on; ``labels`` int64 (n,) by kind; ``parameters`` float32 (n,) by name: ``ratio``, the
    Hamiltonian's control, and ``W``; ``index`` int64 (n,), the sample's number in its split.
    """

    input: Tensor
    label: Tensor
    labels: dict[str, Tensor]
    parameters: dict[str, Tensor]
    index: Tensor


class ProfileDataset(Dataset[Batch]):
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
        """The samples with these numbers as one batch; a DataLoader's way to ask for it."""
        chains = self.ensemble.chains(self.split, index)
        labels = {kind: torch.from_numpy(values) for kind, values in chains.labels.items()}
        images = self.representation.images(self.ensemble.hamiltonian, chains.couplings)
        parameters = {"ratio": chains.ratio, "W": chains.W}
        return Batch(
            input=torch.from_numpy(images).unsqueeze(1),
            label=labels[self.label],
            labels=labels,
            parameters={name: torch.from_numpy(of).float() for name, of in parameters.items()},
            index=torch.as_tensor(index),
        )

    def __getitem__(self, index: int) -> Batch:
        """Sample ``index`` without the batch dimension."""
        return cast("Batch", tree_map(lambda values: values[0], self.__getitems__([index])))


class EpochSampler(Sampler[int]):
    """Visits the training set in a seeded order that depends on the epoch alone.

    So a resumed run goes on exactly as an uninterrupted one. Lightning calls :meth:`set_epoch`.

    Args:
        ensemble: whose training split to visit.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(self._ensemble.order(self._epoch).tolist())

    def __len__(self) -> int:
        return self._ensemble.sizes[Split.TRAIN]


class BatchShares(BatchSampler):
    """One process's share of every batch: every P-th of its samples, where there are P processes.

    Nothing is left out or seen twice, so shares of a batch may differ in size by one.

    Args:
        sampler: visits the samples, in the same order in all processes.
        batch_size: samples a batch, those of all processes together.
        rank: number of the process, counted from 0.
        n_processes: P.
    """

    def __init__(self, sampler: Sampler[int], batch_size: int, rank: int, n_processes: int) -> None:
        super().__init__(sampler, batch_size, drop_last=False)
        self._share = slice(rank, None, n_processes)

    def __iter__(self) -> Iterator[list[int]]:
        return (batch[self._share] for batch in super().__iter__())


def _as_is(batch: Any) -> Any:
    """Collate nothing: a dataset with ``__getitems__`` hands over whole batches."""
    return batch


class PrefetchingLoader(DataLoader[Batch]):
    """A DataLoader whose next batches are made by a thread while the last one is trained on.

    Making profiles releases the GIL, so a thread overlaps with training as well as a process would,
    and has nothing to copy. With ``num_workers > 0`` this is an ordinary DataLoader.
    """

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # an iterator is all that is used
        batches = super().__iter__()
        return batches if self.num_workers else _made_ahead(batches)


# Threads that make batches, and what tells each of them to end.
_makers: dict[Thread, "SimpleQueue[bool]"] = {}


@atexit.register
def _end_makers() -> None:
    """Let no thread make a batch while Python ends, which would abort the process."""
    for thread, wanted in list(_makers.items()):
        wanted.put(False)
        thread.join()


def _made_ahead(batches: Iterator[Batch], ahead: int = 2) -> Iterator[Batch]:
    """The same batches, each begun when the one ``ahead`` places before it is handed out."""
    # Queues in C and a thread that nobody waits for: Ctrl-C inside the locks of a ThreadPoolExecutor,
    # which are Python, can leave one locked for ever.
    wanted: SimpleQueue[bool] = SimpleQueue()
    made: SimpleQueue[Batch | BaseException | None] = SimpleQueue()

    def make() -> None:
        while wanted.get():
            try:
                made.put(next(batches, None))
            except BaseException as error:  # is raised where the batch is asked for
                made.put(error)
        _makers.pop(current_thread(), None)

    thread = Thread(target=make, name="profiles", daemon=True)
    _makers[thread] = wanted
    try:
        thread.start()
        for _ in range(ahead):
            wanted.put(True)
        while (batch := made.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            wanted.put(True)
            yield batch
    finally:
        wanted.put(False)


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


class SSHDataModule(pl.LightningDataModule):
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
        super().__init__()
        chain = hamiltonian or SSH()
        _check_choice("disorder", disorder or chain.disorders[0], chain.disorders)
        _check_choice("label", label, chain.label_kinds)
        whole, gap = list(ratio_range), list(ratio_gap or ())
        if gap and (gap[0] < whole[0] or gap[1] > whole[1] or gap == whole):
            raise ValueError(f"ratio_gap={gap} must be a part of ratio_range={whole}")
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
        self.batch_size = batch_size
        self.num_workers = num_workers

    def dataset(self, split: Split) -> ProfileDataset:
        """The samples of one split."""
        return ProfileDataset(self.ensemble, split, self.label, self.representation)

    def _loader(self, split: Split) -> DataLoader[Batch]:
        dataset = self.dataset(split)
        in_order = SequentialSampler(dataset)
        sampler = EpochSampler(self.ensemble) if split is Split.TRAIN else in_order
        process = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return PrefetchingLoader(
            dataset,
            batch_sampler=BatchShares(sampler, self.batch_size, *process),
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            collate_fn=_as_is,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of the training set, in a new order each epoch."""
        return self._loader(Split.TRAIN)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Batches of the validation set, in order."""
        return self._loader(Split.VAL)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Batches of the test set, in order."""
        return self._loader(Split.TEST)
