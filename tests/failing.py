"""A part of one's own that fails during its work, for tests of what a failing job does to others."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from sshml.files.stored import read_epochs


class FailsIfEven(pl.Callback):
    """Fails when training begins if a number is even."""

    def __init__(self, number: int) -> None:
        self.number = number

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        if self.number % 2 == 0:
            raise RuntimeError(f"{self.number} is even")


class KillsItsProcess(pl.Callback):
    """Ends its process when training begins if a number is even, as the system does without memory."""

    def __init__(self, number: int) -> None:
        self.number = number

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        if self.number % 2 == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class SwallowsASignal(pl.Callback):
    """Loses the KeyboardInterrupt of a signal, as an import or a destructor may."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


class ChecksRows(ModelCheckpoint):
    """Fails if a checkpoint would be written before the row of its epoch is whole."""

    def __init__(self, folder: str) -> None:
        super().__init__(dirpath=folder, filename="check")
        self.folder = Path(folder)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        row = read_epochs(self.folder)[-1]
        missing = {"train/loss", "val/loss", "lr"} - row.keys()
        if row["epoch"] != trainer.current_epoch or missing:
            raise RuntimeError(f"epoch {trainer.current_epoch}: {row} lacks {missing}")


class MovesFolder(pl.Callback):
    """Moves a folder away when the second epoch begins."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        if trainer.current_epoch == 1:
            self.folder.rename(self.folder.with_name("moved"))
