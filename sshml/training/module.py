"""The Lightning module: one classifier for every network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import RunningStage
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from sshml.config.build import build
from sshml.data.samples import Batch
from sshml.explanations import ClassActivation, Explanation
from sshml.files.checkpoint import CHECKPOINT_KEY, checkpoint_origin
from sshml.networks import build_network
from sshml.networks.evaluation import float32
from sshml.training.distributed import sum_over_processes
from sshml.training.losses import CrossEntropy
from sshml.training.metrics import STAGES, PhaseMetrics


def _key(stage: str) -> str:
    """Key of a stage's metrics; ``train`` itself is a method of every module."""
    return f"{stage}_metrics"


class PhaseClassifier(pl.LightningModule):
    """Trains a network to tell the phases apart.

    Logs what :class:`sshml.training.metrics.PhaseMetrics` measures, as ``{train,val,test}/NAME``, once
    an epoch. All arguments are plain values, so a checkpoint is plain data and loads with
    ``weights_only=True``.

    Args:
        network: node of :func:`sshml.networks.build_network`.
        optimizer: node with ``_target_``, a ``torch.optim`` class, and its arguments.
        scheduler: likewise, stepped once an epoch, OneCycleLR at every step; None for a constant
            learning rate.
        augmentation: nodes of :mod:`sshml.augmentation`, applied to training images one after another.
        data: settings of the data the network is trained on; not used here, they travel with it.
        seed: of the random numbers of training, such as those of dropout.
        loss: node of what training makes small, such as :class:`sshml.training.losses.CrossEntropy`;
            None for the plain cross-entropy.
        n_classes: number of classes.
        explanation: node of :mod:`sshml.explanations`, of the maps that are drawn; None for class
            activation maps.
        channels_last: keep images in memory with their channels together, which convolutions on a
            CPU, and those of less than 32 bits on a GPU, are faster with.
    """

    def __init__(
        self,
        network: dict[str, Any],
        optimizer: dict[str, Any],
        scheduler: dict[str, Any] | None = None,
        augmentation: dict[str, dict[str, Any]] | None = None,
        data: dict[str, Any] | None = None,  # noqa: ARG002  # saved with the others
        seed: int = 0,
        loss: dict[str, Any] | None = None,
        n_classes: int = 2,
        explanation: dict[str, Any] | None = None,
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = build_network(network).to(memory_format=layout)
        self.loss: nn.Module = build(loss) if loss else CrossEntropy()
        self.explanation: Explanation = build(explanation) if explanation else ClassActivation()
        self.augmentation = nn.ModuleList(build(node) for node in (augmentation or {}).values())
        self.metrics = nn.ModuleDict({_key(stage): PhaseMetrics(n_classes) for stage in STAGES})
        self.lr: float | None = optimizer.get("lr")  # where Lightning's LearningRateFinder looks for it
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._seed = seed

    def forward(self, profiles: Tensor) -> Tensor:
        """Inputs (n, 1, H, W) to logits (n, C)."""
        logits: Tensor = self.network(profiles)
        return logits

    def _step(self, batch: Batch, stage: str) -> dict[str, Tensor]:
        logits = self(batch["input"])
        loss = self.loss(logits, batch["label"])
        self.metrics[_key(stage)].update(logits.detach(), batch["label"])  # type: ignore[operator]
        return {"loss": loss, "logits": logits.detach()}

    def _log_metrics(self, stage: str) -> None:
        metrics: PhaseMetrics = self.metrics[_key(stage)]  # type: ignore[assignment]
        # compute() already gathers what all processes counted.
        self.log_dict({f"{stage}/{name}": value for name, value in metrics.compute().items()})
        metrics.reset()

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """One step of training; returns loss and logits."""
        inputs = batch["input"]
        for change in self.augmentation:
            inputs = change(inputs, batch["label"])
        step = self._step({**batch, "input": inputs}, "train")
        size = torch.tensor(float(len(batch["label"])), device=self.device)
        # DDP takes the mean of the processes' gradients, in which larger shares are to weigh more.
        weight = size * self.trainer.world_size / sum_over_processes(size)
        return {**step, "loss": step["loss"] * weight}

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """One batch of validation; returns loss and logits."""
        return self._step(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """One batch of the test, in float32; returns loss and logits."""
        with float32():
            return self._step(batch, "test")

    def on_train_epoch_start(self) -> None:
        """Note the learning rate that the epoch begins with: a scheduler may change it in each step."""
        self._epoch_lr: float = self.trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Let chance depend on the step alone, so that a resumed run goes on as it would have."""
        entropy = (self._seed, self.global_step, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]))

    def on_validation_epoch_end(self) -> None:
        """Log the whole epoch, its training too, before any checkpoint of it is written.

        So whatever checkpoint a run resumes from, the rows up to its epoch are complete.
        """
        self._log_metrics("val")
        if self.trainer.state.stage is RunningStage.VALIDATING:  # not the check before the first epoch
            self._log_metrics("train")
            self.log("lr", torch.tensor(self._epoch_lr, dtype=torch.float64))
            # Lightning would count from 0.
            self.log("epoch", torch.tensor(self.current_epoch + 1, dtype=torch.float64))

    def on_test_epoch_end(self) -> None:
        """Log what the test measured."""
        self._log_metrics("test")

    def configure_optimizers(self) -> dict[str, Any]:  # type: ignore[override]
        """The optimiser and scheduler that the configuration names."""
        rate = {} if self.lr is None else {"lr": self.lr}
        optimizer = build({**self._optimizer, **rate}, self.network.parameters())
        if self._scheduler is None:
            return {"optimizer": optimizer}
        scheduler = build(self._scheduler, optimizer)
        interval = "step" if isinstance(scheduler, OneCycleLR) else "epoch"
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": interval},
        }

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Keep the epoch that a checkpoint is of, counted from 1."""
        self.epoch_loaded: int = checkpoint["epoch"] + 1

    def on_save_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Write the format and the versions into the checkpoint."""
        checkpoint[CHECKPOINT_KEY] = checkpoint_origin()  # type: ignore[index]
