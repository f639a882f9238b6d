"""ResNet18 (He et al., arXiv:1512.03385), by default for one-channel images (thesis, Fig. 4b)."""

from collections import OrderedDict

import torch
from torch import nn

from sshml.networks.gap import GlobalAveragePoolingNetwork


def one_channel(convolution: nn.Conv2d) -> nn.Conv2d:
    """The convolution of a grey image that equals ``convolution`` of that image in every channel.

    Args:
        convolution: takes C channels, has no bias.

    Returns:
        A convolution of one channel, its kernels summed over the C input channels.
    """
    grey = nn.Conv2d(
        1,
        convolution.out_channels,
        convolution.kernel_size,  # type: ignore[arg-type]  # a pair, typed as any tuple
        stride=convolution.stride,  # type: ignore[arg-type]
        padding=convolution.padding,  # type: ignore[arg-type]
        bias=False,
    )
    with torch.no_grad():
        grey.weight.copy_(convolution.weight.sum(dim=1, keepdim=True))
    return grey


class ResNet18(GlobalAveragePoolingNetwork):
    """torchvision's ResNet18 for images of any number of channels.

    A 244×244 image (M = 122) has 512 features of 8×8.

    Args:
        pretrained: start from torchvision's ImageNet weights, which it downloads; for images of one
            channel the first kernels are summed over colours. By default the weights are random.
        n_classes: number of classes.
        in_channels: channels of an image.

    Raises:
        ValueError: for ``pretrained`` and another number of channels than 1 or 3.

    Example:
        >>> ResNet18().features(torch.zeros(1, 1, 64, 64)).shape
        torch.Size([1, 512, 2, 2])
    """

    def __init__(self, pretrained: bool = False, n_classes: int = 2, in_channels: int = 1) -> None:
        if pretrained and in_channels not in (1, 3):
            raise ValueError(f"pretrained: expected images of 1 or 3 channels, not {in_channels}")
        # Imported here because torchvision takes seconds that a CNN need not wait for.
        from torchvision.models import ResNet18_Weights, resnet18  # noqa: PLC0415

        model = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if pretrained else None)
        trunk = OrderedDict(list(model.named_children())[:-2])
        if pretrained and in_channels == 1:
            trunk["conv1"] = one_channel(model.conv1)
        elif not pretrained:
            # A fresh layer with the initialisation that torchvision gives its own.
            trunk["conv1"] = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(trunk["conv1"].weight, mode="fan_out", nonlinearity="relu")
        super().__init__(nn.Sequential(trunk), model.fc.in_features, n_classes)
