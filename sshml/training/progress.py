"""What a terminal and a pipe show of a training: a line at its start, one an epoch, and a bar."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm
from pytorch_lightning.utilities import rank_zero_only
from torch import nn
from tqdm import tqdm

from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.terminal import say


@rank_zero_only
def say_start(
    settings: Mapping[str, Any], network: nn.Module, data: PhaseDataModule, trainer: pl.Trainer
) -> None:
    """Print what is trained on what, where and how."""
    parameters = sum(weights.numel() for weights in network.parameters())
    device, threads = trainer.strategy.root_device, torch.get_num_threads()
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type.upper()} ({threads} thread{'s' * (threads > 1)})"
    )
    where = f"{trainer.world_size} x {where}" if trainer.world_size > 1 else where
    of_data = settings["data"]
    images = "x".join(map(str, data.shape[1:]))
    strength = f", W={of_data['W']}" if "W" in of_data else f" of {of_data.get('path', 'your own')}"
    say(
        f"{type(network).__name__}, {parameters:,} parameters, on {where}, "
        f"{settings['trainer']['precision']}: {len(data.dataset(Split.TRAIN)):,} training images of "
        f"{images}{strength}, seed {settings['seed']}"
    )


class EpochBar(TQDMProgressBar):
    """Lightning's bar, which counts epochs from 1, shows the loss and leaves no line behind."""

    def on_train_epoch_start(self, trainer: pl.Trainer, *args: Any) -> None:  # noqa: ARG002
        """Begin the bar again."""
        self._loss = float("nan")
        of_all = f" of {trainer.max_epochs}" if (trainer.max_epochs or -1) > 0 else ""
        name = f"epoch {trainer.current_epoch + 1}{of_all}"
        _begin(self.train_progress_bar, name, self.total_train_batches)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move on by a batch."""
        self._loss = outputs["loss"].item()
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def get_metrics(self, *_: Any) -> dict[str, int | str | float | dict[str, float]]:
        """The training loss of the last batch."""
        return {"loss": f"{self._loss:.4f}"}

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,
    ) -> None:
        """Begin the bar of a validation."""
        if self.has_dataloader_changed(dataloader_idx):
            _begin(self.val_progress_bar, "validation", self.total_val_batches_current_dataloader)

    def on_test_batch_start(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,
    ) -> None:
        """Begin the bar of a test."""
        if self.has_dataloader_changed(dataloader_idx):
            _begin(self.test_progress_bar, "test", self.total_test_batches_current_dataloader)

    def init_train_tqdm(self) -> Tqdm:
        """The bar of the training."""
        return _passing(super().init_train_tqdm())

    def init_test_tqdm(self) -> Tqdm:
        """The bar of the test."""
        return _passing(super().init_test_tqdm())


def _begin(bar: "tqdm[Any]", name: str, total: float) -> None:
    bar.set_description(name, refresh=False)
    bar.reset(total)


def _passing(bar: Tqdm) -> Tqdm:
    bar.leave, bar.unit = False, " batches"
    return bar
