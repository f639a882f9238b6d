"""The small network of Cybiński et al. (arXiv:2406.10012)."""

from torch import nn

from sshml.networks.gap import GlobalAveragePoolingNetwork

_WIDTHS = (5, 7, 9)


class Cybinski(GlobalAveragePoolingNetwork):
    """Three convolutions (4×4 of stride 2, then 3×3) with batch norm, leaky ReLU and dropout.

    It has 1024 parameters; a 50×50 image (M = 25) has 9 features of 26×26.

    Args:
        dropout: probability of zeroing a value after each convolution.
        n_classes: number of classes.
        in_channels: channels of an image.

    Raises:
        ValueError: for a dropout outside [0, 1).

    Example:
        >>> sum(parameter.numel() for parameter in Cybinski().parameters())
        1024
    """

    def __init__(self, dropout: float = 0.5, n_classes: int = 2, in_channels: int = 1) -> None:
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        convolutions = (
            nn.Conv2d(in_channels, _WIDTHS[0], kernel_size=4, stride=2, padding=2, bias=False),
            nn.Conv2d(_WIDTHS[0], _WIDTHS[1], kernel_size=3, padding=1, bias=False),
            nn.Conv2d(_WIDTHS[1], _WIDTHS[2], kernel_size=3, padding=1, bias=False),
        )
        layers: list[nn.Module] = []
        for convolution in convolutions:
            layers += [
                convolution,
                nn.BatchNorm2d(convolution.out_channels),
                nn.LeakyReLU(inplace=True),
                nn.Dropout(dropout),
            ]
        super().__init__(nn.Sequential(*layers), _WIDTHS[-1], n_classes)
