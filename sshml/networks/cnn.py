"""The five-block convolutional network of the thesis (Fig. 4a)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from sshml.networks.gap import GlobalAveragePoolingNetwork


class _Pool(nn.Module):
    """2×2 max-pooling; of a single row or column along the other axis only."""

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        return max_pool2d(features, (1 if height == 1 < width else 2, 1 if width == 1 < height else 2))


class CNN(GlobalAveragePoolingNetwork):
    """Blocks of convolution, batch norm, ReLU and, after some, 2×2 max-pooling.

    With the defaults a 60×60 image (M = 30) has 32 features of 7×7.

    Args:
        widths: channels of each block.
        kernel_size: odd size of the square kernels; padding keeps the image size.
        pool_after: numbers of the blocks, counted from 1, that a max-pool follows.
        dropout: probability of zeroing a whole channel after each block; 0 for none (the code behind
            the thesis used 0.2).
        n_classes: number of classes.
        in_channels: channels of an image.

    Raises:
        ValueError: for an even kernel size, a block number that does not exist, no blocks, a width
            below 1 or a dropout outside [0, 1).

    Example:
        >>> import torch
        >>> CNN().features(torch.zeros(2, 1, 60, 60)).shape
        torch.Size([2, 32, 7, 7])
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 32, 32, 32, 32),
        kernel_size: int = 5,
        pool_after: Sequence[int] = (1, 3, 5),
        dropout: float = 0.0,
        n_classes: int = 2,
        in_channels: int = 1,
    ) -> None:
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be one positive number per block, got {list(widths)}")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd and positive, got {kernel_size}")
        if not set(pool_after) <= set(range(1, len(widths) + 1)):
            raise ValueError(f"pool_after must name blocks 1 to {len(widths)}, got {list(pool_after)}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        layers: list[nn.Module] = []
        inputs = (in_channels, *widths[:-1])
        for number, (n_in, n_out) in enumerate(zip(inputs, widths, strict=True), start=1):
            # The batch norm's shift takes the place of the convolution's bias.
            layers += [
                nn.Conv2d(n_in, n_out, kernel_size, padding=kernel_size // 2, bias=False),
                nn.BatchNorm2d(n_out),
            ]
            # ReLU is monotonic, so pooling first gives the same features with a quarter of the work.
            layers += [_Pool()] if number in pool_after else []
            layers += [nn.ReLU(inplace=True)]
            layers += [nn.Dropout2d(dropout)] if dropout else []
        super().__init__(nn.Sequential(*layers), widths[-1], n_classes)
