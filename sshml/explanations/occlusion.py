"""Occlusion."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from sshml.explanations.base import Explanation, mean_of, require


class Occlusion(Explanation):
    """What the logit loses when a window of the image is replaced by the image's mean.

    Its maps have one pixel a window (arXiv:1311.2901). By captum.

    Args:
        windows: that an image has, one after another, along either axis.

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> maps = Occlusion(windows=4).maps(CNN(), torch.rand(1, 1, 60, 60), labels=(1,))
        >>> tuple(maps[0, 0].shape)
        (4, 4)
    """

    title = "occlusion"

    def __init__(self, windows: Annotated[int, Field(ge=1)] = 12) -> None:
        require("captum", "captum")
        self.windows = windows

    @torch.no_grad()
    def of_class(self, network: nn.Module, images: Tensor, label: int) -> Tensor:
        """Maps of one pixel a window."""
        from captum.attr import Occlusion as Method  # noqa: PLC0415

        height, width = (-(-size // self.windows) for size in images.shape[-2:])
        maps: Tensor = Method(network).attribute(
            images, sliding_window_shapes=(images.shape[1], height, width),
            strides=(images.shape[1], height, width), baselines=mean_of(images), target=label,
        )  # fmt: skip
        return maps[:, 0, ::height, ::width]
