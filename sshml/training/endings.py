"""What ends a training before its last epoch, and why it ended."""

import math
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping, Timer
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from sshml.errors import DivergedError, PrunedError
from sshml.training.distributed import sum_over_processes

#: Why a training came to its end, as ``manifest.json`` has it in ``stopped_by``, in words.
STOPPED_BY = {
    "max_epochs": "trainer.max_epochs, the number of epochs",
    "max_time": "trainer.max_time, the time limit",
    "early_stopping": "callbacks.early_stopping",
    "callback": "a callback",
}
#: Callbacks that end a training which has no last epoch, beside those of the user's own.
ENDING = (".EarlyStopping", ".Timer")


class TimeLimit(Timer):
    """Ends a training with the last epoch that fits into a time; the first epoch is always done.

    An epoch is never cut, so a resumed run ends as an uninterrupted one; each call of ``train.py`` has
    the whole time. Lightning's own limit ends within an epoch, and a resumed run is beyond it at once.

    Args:
        duration: ``DD:HH:MM:SS``, or arguments of :class:`datetime.timedelta`.
    """

    def __init__(self, duration: str | timedelta | dict[str, int]) -> None:
        super().__init__(duration, interval="epoch", verbose=False)
        self.reached = False

    def on_fit_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Nothing: whatever the limit, one epoch is done."""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Note when the epoch begins."""
        self._epoch_began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Stop if the next epoch would not fit, were it as long as this one."""
        epoch = time.monotonic() - self._epoch_began
        self.reached = trainer.strategy.broadcast((self.time_remaining() or 0) < epoch)
        trainer.should_stop = trainer.should_stop or self.reached

    def state_dict(self) -> dict[str, Any]:
        """Nothing: a resumed run has the whole time again."""
        return {}


class Divergence(Callback):
    """Ends a training at its first loss that is not finite."""

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Raise DivergedError, in all processes at once, for a training loss that is not finite."""
        loss = sum_over_processes(outputs["loss"].detach()).item()
        if not math.isfinite(loss):
            raise _diverged(
                trainer, "training", loss, f"epoch {trainer.current_epoch + 1}, step {batch_idx + 1}"
            )

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Raise DivergedError for a validation loss that is not finite; no checkpoint is written."""
        loss = float(trainer.callback_metrics.get("val/loss", 0.0))
        if not math.isfinite(loss):
            raise _diverged(trainer, "validation", loss, f"epoch {trainer.current_epoch + 1}")


def _diverged(trainer: pl.Trainer, what: str, loss: float, where: str) -> DivergedError:
    lr = trainer.optimizers[0].param_groups[0]["lr"]
    return DivergedError(
        f"{what} loss {loss} in {where}, at learning rate {lr:g}: the training diverged; lower "
        "optimizer.lr, or clip gradients with trainer.gradient_clip_val=1.0"
    )


class Pruning(Callback):
    """Ends a training that a search prunes, with an epoch that is whole; the last one is always done.

    Args:
        is_pruned: takes an epoch, counted from 0, and its validation accuracy; returns whether to stop.
    """

    def __init__(self, is_pruned: Callable[[int, float], bool]) -> None:
        self._is_pruned = is_pruned

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Report the epoch, whose checkpoint is written by now.

        Raises:
            PrunedError: if the training is to stop.
        """
        epoch, accuracy = trainer.current_epoch, float(trainer.callback_metrics["val/accuracy"])
        if self._is_pruned(epoch, accuracy) and epoch + 1 != trainer.max_epochs:
            raise PrunedError(
                f"pruned after epoch {epoch + 1} of {trainer.max_epochs} with a validation accuracy "
                f"of {accuracy:.2%}"
            )


def stop_reason(trainer: pl.Trainer, limit: TimeLimit | None) -> str:
    """Why a training that came to its end without an error ended, a key of :data:`STOPPED_BY`."""
    if limit and limit.reached:
        return "max_time"
    if not trainer.should_stop:
        return "max_epochs"
    stoppers = [part for part in trainer.callbacks if isinstance(part, EarlyStopping)]  # type: ignore[attr-defined]
    # Not by stopped_epoch, which is 0 in the first epoch too.
    stopped = any(part.stopping_reason is not EarlyStoppingReason.NOT_STOPPED for part in stoppers)
    return "early_stopping" if stopped else "callback"
