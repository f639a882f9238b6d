"""Callbacks and networks that fail, for tests of the error line and of what happens to other jobs."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from sshml.files.stored import read_epochs
from sshml.networks import CNN


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


class NeedsItsProcess(pl.Callback):
    """Starts a process with the first of its kind and ends with it, as MPI does."""

    _process: subprocess.Popen[bytes] | None = None

    def __init__(self) -> None:
        if NeedsItsProcess._process is None:
            # Its input ends when this process does.
            NeedsItsProcess._process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
            threading.Thread(target=_end_with, args=(self._process,), daemon=True).start()


def _end_with(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    os._exit(195)


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
        if row["epoch"] != trainer.current_epoch + 1 or missing:
            raise RuntimeError(f"epoch {trainer.current_epoch}: {row} lacks {missing}")


class MovesFolder(pl.Callback):
    """Moves a folder away when the second epoch begins."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        if trainer.current_epoch == 1:
            self.folder.rename(self.folder.with_name("moved"))


class Frozen(CNN):
    """None of its weights is trained."""

    def __init__(self, widths: list[int], pool_after: list[int]) -> None:
        super().__init__(widths=widths, pool_after=pool_after)
        self.requires_grad_(False)


class HasMoreThanWeights(CNN):
    """Would keep a number in its checkpoints that is no tensor."""

    def __init__(self, widths: list[int], pool_after: list[int]) -> None:
        super().__init__(widths=widths, pool_after=pool_after)

    def get_extra_state(self) -> int:
        return 1

    def set_extra_state(self, state: int) -> None:
        """Nothing."""


class FailsOnImages(CNN):
    """Has a fault in its own code."""

    def __init__(self, widths: list[int], pool_after: list[int]) -> None:
        super().__init__(widths=widths, pool_after=pool_after)

    def forward(self, images: Tensor) -> Tensor:
        return self.nothing(images)
