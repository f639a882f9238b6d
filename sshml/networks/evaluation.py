"""The precision and mode that networks are tested and explained in. Needs torch only."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

#: Of tests, transfer, maps and explanations on every machine, as ``trainer.precision`` names it.
EVALUATION = "32-true"


@contextmanager
def float32() -> Iterator[None]:
    """Computes in float32, whatever precision the training has; also a decorator.

    So the numbers of one network are the same in every program and, up to rounding, on every machine.
    A GPU would otherwise shorten the inputs of convolutions to TF32.
    """
    tf32 = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Puts a network in eval mode, and leaves each of its parts as it was: some may be frozen in it."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
