"""Grad-CAM."""

from torch import Tensor, nn

from sshml.explanations.base import Explanation, layer_of, require


class GradCAM(Explanation):
    """Grad-CAM (arXiv:1610.02391), without its ReLU; of the size of the layer.

    Of the features before global average pooling and a linear head it is the class activation map,
    divided by its number of pixels. By captum.

    Args:
        layer: name of the part of the network whose output, shape (n, K, h, w), is weighted.

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> maps = GradCAM().maps(CNN(), torch.rand(1, 1, 60, 60), labels=(1,))
        >>> tuple(maps[0, 0].shape)
        (7, 7)
    """

    title = "Grad-CAM"

    def __init__(self, layer: str = "features") -> None:
        require("captum", "captum")
        self.layer = layer

    def check(self, network: nn.Module, images: Tensor) -> None:  # noqa: ARG002
        """The network has such a part."""
        layer_of(network, self.layer)

    def of_class(self, network: nn.Module, images: Tensor, label: int) -> Tensor:
        """Maps of the size of the layer."""
        from captum.attr import LayerGradCam  # noqa: PLC0415

        layer = layer_of(network, self.layer)
        maps: Tensor = LayerGradCam(network, layer).attribute(images, target=label)
        return maps[:, 0]
