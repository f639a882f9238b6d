"""ResNet18 (He et al., arXiv:1512.03385) for one-channel images (thesis, Fig. 4b)."""

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
    """torchvision's ResNet18 with one input channel.

    A 244×244 image (M = 122) has 512 features of 8×8.

    Args:
        pretrained: start from torchvision's ImageNet weights, which it downloads; the first kernels
            are summed over colours. By default the weights are random.
        n_classes: number of classes.

    Example:
        >>> ResNet18().features(torch.zeros(1, 1, 64, 64)).shape
        torch.Size([1, 512, 2, 2])
    """

    def __init__(self, pretrained: bool = False, n_classes: int = 2) -> None:
        # Imported here because torchvision takes seconds that a CNN need not wait for.
        from torchvision.models import ResNet18_Weights, resnet18  # noqa: PLC0415

        model = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if pretrained else None)
        trunk = OrderedDict(list(model.named_children())[:-2])
        if pretrained:
            trunk["conv1"] = one_channel(model.conv1)
        else:
            # A fresh layer with the initialisation that torchvision gives its own.
            trunk["conv1"] = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(trunk["conv1"].weight, mode="fan_out", nonlinearity="relu")
        super().__init__(nn.Sequential(trunk), model.fc.in_features, n_classes)
