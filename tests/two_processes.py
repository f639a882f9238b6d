"""What the two processes of a run check while it runs: see test_ddp.py."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import nn

from sshml.training.distributed import synchronised_batch_norm


class BatchNormCheck(Callback):
    """Compares a synchronised batch norm of two shares, of 4 and 3 images, with torch's of all 7."""

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        torch.manual_seed(0)
        images, gradients = torch.randn(2, 2, 7, 3, 4, 5, dtype=torch.float64)
        for options in ({}, {"momentum": None}, {"affine": False, "track_running_stats": False}):
            whole = nn.BatchNorm2d(3, **options).double()
            own = nn.BatchNorm2d(3, **options).double()
            for batch, gradient in zip(images, gradients, strict=True):
                inputs = batch.clone().requires_grad_()
                outputs = whole(inputs)
                outputs.backward(gradient)
                share = batch[trainer.global_rank :: 2].clone().requires_grad_()
                shared = synchronised_batch_norm(own, share)
                shared.backward(gradient[trainer.global_rank :: 2])
                torch.testing.assert_close(shared, outputs[trainer.global_rank :: 2])
                torch.testing.assert_close(share.grad, inputs.grad[trainer.global_rank :: 2])
            for name, parameter in own.named_parameters():
                torch.distributed.all_reduce(parameter.grad)
                torch.testing.assert_close(parameter.grad, whole.get_parameter(name).grad)
            torch.testing.assert_close(own.state_dict(), whole.state_dict())
