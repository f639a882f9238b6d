"""What a machine holds, so that a number with too many digits costs a line and not the machine."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
import torch
from torch import nn

from sshml.errors import ConfigError

_FLOAT = 4  # bytes
# The order and the ratio of each sample are kept through an epoch.
_OF_SAMPLE = 16  # bytes
# More processes than this wait for one another.
_PROCESSES_PER_CORE = 4


def check_sizes(data: Mapping[str, Any]) -> None:
    """Check that the samples of a split, and the images of a batch, fit in memory.

    Args:
        data: settings of the data module.

    Raises:
        ConfigError: naming the key that is too large.
    """
    for name in ("n_train", "n_val", "n_test"):
        _check(f"data.{name}={data[name]}", "its samples need", _OF_SAMPLE * data[name])
    n_cells, batch = data["n_cells"], data["batch_size"]
    profile = (2 * n_cells, 2 * n_cells)
    check_images(f"data.n_cells={n_cells}", "one image needs", 1, profile)
    check_images(f"data.batch_size={batch}", "a batch of images needs", batch, profile)


def check_images(given: str, what: str, number: int, shape: Sequence[int]) -> None:
    """Check that so many images fit in memory.

    Args:
        given: the setting, as ``data.batch_size=100``.
        what: takes the memory, as ``a batch of images takes``.
        number: of images.
        shape: of an image.

    Raises:
        ConfigError: naming the setting.
    """
    _check(given, what, _FLOAT * number * math.prod(shape))


def check_network(
    network: nn.Module, images: torch.Tensor, batch_size: int, given: str | None = None
) -> torch.Tensor:
    """Check that training a network on a batch fits in memory; returns its logits.

    Args:
        network: on the meta device, where it needs none.
        images: on the meta device too, shape (n, C, H, W).
        batch_size: images in the largest batch.
        given: the setting that decides about it; None for ``data.batch_size``.

    Raises:
        ConfigError: if the outputs of its layers, or its weights and their gradients, take more.
    """
    values = 0

    def count(_layer: nn.Module, _inputs: object, output: object) -> None:
        nonlocal values
        values += output.numel() if isinstance(output, torch.Tensor) else 0

    layers = [layer for layer in network.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        logits: torch.Tensor = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    weights = sum(weight.numel() for weight in network.parameters())
    _check("model", "its weights and gradients need", 2 * _FLOAT * weights)
    of_batch = _FLOAT * values * batch_size // len(images)
    _check(
        given or f"data.batch_size={batch_size}",
        "the activations of a batch need",
        of_batch,
    )
    return logits


def _check(given: str, what: str, size: int) -> None:
    total = psutil.virtual_memory().total
    if size > total:
        # Of numbers with hundreds of digits, which no float holds.
        needed = f"{size / 1e9:.3g}" if size < 10**30 else "more than 1e+21"
        raise ConfigError(
            f"{given}: {what} {needed} GB; expected at most {total / 1e9:.3g} GB, the memory of "
            "this machine"
        )


def check_process_count(given: str, number: int) -> None:
    """Check that a machine can run so many processes.

    Args:
        given: the setting, as ``data.num_workers=5``.
        number: of processes.

    Raises:
        ConfigError: if they are more than a few per core.
    """
    most = _PROCESSES_PER_CORE * (os.cpu_count() or 1)
    if number > most:
        raise ConfigError(f"{given}: expected at most {most}, {_PROCESSES_PER_CORE} processes per core")
