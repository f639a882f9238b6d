"""What training, tests, maps and tables ask of data, whoever made them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, SequentialSampler

from sshml.data.loading import BatchShares, EpochSampler, PrefetchingLoader, as_is
from sshml.data.representations import Representation
from sshml.data.samples import Batch, Parameter, Samples
from sshml.data.streams import Split
from sshml.physics.numbers import Integers


class PhaseDataModule(pl.LightningDataModule, ABC):
    """Images with the phase of each, in a training, a validation and a test set.

    Args:
        batch_size: samples a batch; several processes share it.
        num_workers: processes that make batches; 0 makes them in a thread of the training process.

    Attributes:
        classes: names of the phases, in the order of their labels.
        label_kinds: the kinds of label of a sample; accuracies are those against the first.
        known_parameters: what is known of a sample beside its labels, by the names in a batch.
        representation: what an image is.
        shape: of an input: channels, height and width.
    """

    classes: tuple[str, ...]
    label_kinds: tuple[str, ...]
    known_parameters: Mapping[str, Parameter]
    representation: Representation
    shape: tuple[int, int, int]

    def __init__(self, batch_size: int, num_workers: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.num_workers = num_workers

    def recorded(self) -> dict[str, Any]:
        """Settings that only the data know, to be kept with a network."""
        return {}

    def check(self) -> None:  # nothing to do where samples are made
        """Look at all samples before any work.

        Raises:
            ConfigError: naming the first that is not what it should be.
        """

    def critical(self, name: str) -> Sequence[float]:  # noqa: ARG002
        """Where along a parameter the phase changes, as far as known."""
        return ()

    @property
    def trainer(self) -> pl.Trainer | None:
        """Lightning's, which sets it."""
        return self._trainer

    @trainer.setter
    def trainer(self, trainer: object) -> None:
        if not isinstance(trainer, pl.Trainer | None):
            raise TypeError(
                f"{type(self).__name__} works with the Trainer of pytorch_lightning, not with that "
                f"of {type(trainer).__module__}; pass the loaders instead: trainer.fit(model, "
                "data.train_dataloader(), data.val_dataloader())"
            )
        self._trainer = trainer

    @abstractmethod
    def dataset(self, split: Split) -> Samples:
        """The samples of one split."""

    @abstractmethod
    def order(self, epoch: int) -> Integers:
        """Training samples, by their numbers, in the order in which an epoch visits them."""

    def _loader(self, split: Split) -> DataLoader[Batch]:
        dataset = self.dataset(split)
        in_order = SequentialSampler(dataset)
        sampler = EpochSampler(self.order, len(dataset)) if split is Split.TRAIN else in_order
        process = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return PrefetchingLoader(
            dataset,
            batch_sampler=BatchShares(sampler, self.batch_size, *process),
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            collate_fn=as_is,
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
