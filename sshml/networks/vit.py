"""A vision transformer. Needs torchvision."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import nn
from torchvision.models import VisionTransformer

Size = Annotated[int, Field(ge=1)]


class ViT(VisionTransformer):  # type: ignore[misc]  # torchvision has no types
    """torchvision's vision transformer (arXiv:2010.11929), for square images of any number of channels.

    It has no class activation maps, but integrated gradients, occlusion and, by torch-cam's LeGrad,
    maps of its attention: ``explanation=torch_cam explanation.method=LeGrad
    explanation.layers=[encoder.layers.encoder_layer_3]``.

    Args:
        image_size: height and width of the images; train.py takes those of its data.
        patch_size: side of the square patches that an image is cut into.
        depth: number of blocks.
        n_heads: of the attention of each.
        width: of a patch within the network; a multiple of ``n_heads``.
        dropout: probability of zeroing a value.
        n_classes: number of classes.
        in_channels: channels of an image.

    Raises:
        ValueError: if the images are not square, or sizes do not divide.

    Example:
        >>> import torch
        >>> ViT(image_size=(60, 60))(torch.zeros(2, 1, 60, 60)).shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        image_size: Annotated[Sequence[Size], Field(min_length=2, max_length=2)],
        patch_size: Size = 6,
        depth: Size = 4,
        n_heads: Size = 4,
        width: Size = 64,
        dropout: float = 0.0,
        n_classes: int = 2,
        in_channels: int = 1,
    ) -> None:
        height = image_size[0]
        if height != image_size[1] or height % patch_size:
            raise ValueError(
                f"patch_size must divide the side of square images, got patch_size {patch_size} and "
                f"images of {height}x{image_size[1]}"
            )
        if width % n_heads:
            raise ValueError(f"width must be a multiple of n_heads, got {width} and {n_heads}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        super().__init__(
            image_size=height, patch_size=patch_size, num_layers=depth, num_heads=n_heads,
            hidden_dim=width, mlp_dim=4 * width, dropout=dropout, num_classes=n_classes,
        )  # fmt: skip
        # torchvision's takes three channels.
        self.conv_proj = nn.Conv2d(in_channels, width, patch_size, stride=patch_size)
