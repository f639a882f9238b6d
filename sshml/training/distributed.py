"""Several processes that train as one would: each has a share of every batch."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins import LayerSync
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sshml.signals import end_if_interrupted

T = TypeVar("T")


class _Sum(torch.autograd.Function):
    """Sum over all processes; so is its gradient, as each process' loss depends on every term."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:  # noqa: ARG004
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return sum_over_processes(gradient)


def sum_over_processes(own: Tensor) -> Tensor:
    """The sum of the tensors that all processes give, differentiable.

    Args:
        own: of the same shape in all processes.

    Returns:
        The sum, of that shape; ``own`` itself where there is one process.
    """
    total: Tensor = _Sum.apply(own) if dist.is_initialized() else own
    return total


def gather_objects(own: T) -> list[T]:
    """What each process gives, in the order of their ranks; ``[own]`` where there is one process."""
    if not dist.is_initialized():
        return [own]
    everyones: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyones, own)
    return everyones


@contextmanager
def ending_processes(trainer: pl.Trainer) -> Iterator[None]:
    """If the block raises, ends the processes that the trainer has started, which would wait for it."""
    try:
        yield
    except BaseException:
        launcher: Any = trainer.strategy.launcher
        if launcher is not None:
            launcher.kill(signal.SIGKILL)
            # Lightning watches over them, and would kill this process too, in the midst of its end.
            launcher.procs.clear()
        raise


class Termination(Callback):
    """Lets Ctrl-C and SIGTERM end a run, also one of several processes.

    Lightning would have these tell each other of SIGTERM in the midst of a step, and wait for ever.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Take the place of Lightning's handler, which is there now."""
        if trainer.world_size > 1:  # the first process ends the others
            handler = signal.default_int_handler if trainer.is_global_zero else signal.SIG_IGN
            signal.signal(signal.SIGTERM, handler)

    on_test_start = on_train_start

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """End the run if a signal came and was lost before the training began."""
        end_if_interrupted()

    on_validation_batch_start = on_test_batch_start = on_train_batch_start


class BatchNormSync(LayerSync):
    """Lets the batch norms of a network use the statistics of the whole batch of all processes.

    The layers stay what they are, with their names and parameters; only their training differs.
    torch's SyncBatchNorm, which Lightning would put in their place, refuses to run on a CPU.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Synchronise the batch norms of a model."""
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                layer.forward = partial(synchronised_batch_norm, layer)  # type: ignore[method-assign]
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Give the layers their own forward pass back."""
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                layer.__dict__.pop("forward", None)  # not there if the run ended before it began
        return model


def synchronised_batch_norm(layer: _BatchNorm, inputs: Tensor) -> Tensor:
    """Forward pass of a batch norm over the batches of all processes taken together.

    Args:
        layer: the batch norm, whose running statistics are updated.
        inputs: this process' share, shape (n, C, …); n >= 1 may differ between processes.

    Returns:
        This process' share of the normalised batch, of the same shape.
    """
    if not layer.training:
        return type(layer).forward(layer, inputs)
    shape = [1, -1] + [1] * (inputs.ndim - 2)
    # Half the bits of a float32 are enough for a value, not for the sum of many.
    values = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
    own_variance, own_mean = torch.var_mean(values, [0, *range(2, inputs.ndim)], correction=0)
    own_n = torch.full_like(own_mean, inputs.numel() / inputs.shape[1])
    n, total = sum_over_processes(torch.stack([own_n, own_n * own_mean]))
    mean = total / n
    # Of deviations: a difference of squares would lose the digits of a variance far below the mean.
    variance = sum_over_processes(own_n * (own_variance + (own_mean - mean).square())) / n
    _update_running(layer, mean.detach(), (variance * n / (n - 1)).detach())
    scale = (variance + layer.eps).rsqrt() * (1 if layer.weight is None else layer.weight)
    shift = (0 if layer.bias is None else layer.bias) - mean * scale
    outputs = torch.addcmul(shift.view(shape), values, scale.view(shape))
    return outputs.to(inputs.dtype)


def _update_running(layer: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """What a batch norm does with the mean and the unbiased variance of a batch, shape (C,)."""
    if layer.num_batches_tracked is None or layer.running_mean is None or layer.running_var is None:
        return
    layer.num_batches_tracked.add_(1)
    momentum = 1 / layer.num_batches_tracked.item() if layer.momentum is None else layer.momentum
    for running, new in ((layer.running_mean, mean), (layer.running_var, variance)):
        running.lerp_(new.to(running.dtype), momentum)


def is_of_processes(error: RuntimeError) -> bool:
    """Whether an error says that another process of the run is gone."""
    return dist.is_initialized() and "Connection" in str(error)
