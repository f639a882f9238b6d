"""Occlusion."""

import torch
from torch import Tensor, nn

from sshml.explain.methods.base import TOPOLOGICAL

# An image has this many windows that are occluded one after another, along either axis.
_WINDOWS = 12


def occlusion(network: nn.Module, images: Tensor) -> Tensor:
    """What the logit loses when a window of the image is spread evenly, shape (n, H, W).

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> tuple(occlusion(CNN().eval(), torch.full((1, 1, 60, 60), 1 / 60)).shape)
        (1, 60, 60)
    """
    from captum.attr import Occlusion  # noqa: PLC0415

    height, width = (-(-size // _WINDOWS) for size in images.shape[-2:])
    with torch.inference_mode():
        maps: Tensor = Occlusion(network).attribute(
            images, sliding_window_shapes=(1, height, width), strides=(1, height, width),
            baselines=1 / images.shape[-2], target=TOPOLOGICAL,
        )  # fmt: skip
    return maps[:, 0]
