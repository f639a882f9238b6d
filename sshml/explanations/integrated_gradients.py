"""Integrated gradients."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from sshml.explanations.base import Explanation, mean_of, require


class IntegratedGradients(Explanation):
    """Integrated gradients (arXiv:1703.01365) from an image that is its own mean everywhere.

    Of a density profile that is the profile of states that are spread evenly. Of the size of the
    image; summed over its channels. By captum.

    Args:
        steps: of the integral.

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> maps = IntegratedGradients(steps=4).maps(CNN(), torch.rand(1, 1, 60, 60), labels=(1,))
        >>> tuple(maps[0, 0].shape)
        (60, 60)
    """

    title = "integrated gradients"

    def __init__(self, steps: Annotated[int, Field(ge=1, le=1000)] = 16) -> None:
        require("captum", "captum")
        self.steps = steps

    def of_class(self, network: nn.Module, images: Tensor, label: int) -> Tensor:
        """Maps of the size of the image, which add up to what it adds to the logit."""
        from captum.attr import IntegratedGradients as Method  # noqa: PLC0415

        maps: Tensor = Method(network).attribute(
            images, baselines=mean_of(images), target=label, n_steps=self.steps,
            internal_batch_size=len(images),
        )  # fmt: skip
        return maps.sum(dim=1)
