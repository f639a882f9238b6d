"""What can happen to the process of Weights & Biases while a training runs."""

import psutil
import pytorch_lightning as pl


def wandb_processes() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.name().startswith("wandb-core") and child.status() != psutil.STATUS_ZOMBIE
    ]


class Signal(pl.Callback):
    """Sends a signal to the W&B process when training begins."""

    def __init__(self, number: int) -> None:
        self.number = number

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        (process,) = wandb_processes()
        process.send_signal(self.number)
