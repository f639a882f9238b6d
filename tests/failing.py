"""A part of one's own that fails amid the work, for tests of what a failing job does to others."""

import os
import signal

import pytorch_lightning as pl


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
