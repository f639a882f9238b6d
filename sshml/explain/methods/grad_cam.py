"""Grad-CAM."""

from torch import Tensor, nn

from sshml.explain.methods.base import TOPOLOGICAL


def grad_cam(network: nn.Module, images: Tensor) -> Tensor:
    """Grad-CAM (arXiv:1610.02391) of the last features, without its ReLU, shape (n, h, w).

    With global average pooling and a linear head this is the class activation map, over h w.

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> tuple(grad_cam(CNN().eval(), torch.full((1, 1, 60, 60), 1 / 60)).shape)
        (1, 7, 7)
    """
    from captum.attr import LayerGradCam  # noqa: PLC0415

    maps: Tensor = LayerGradCam(network, network.features).attribute(images, target=TOPOLOGICAL)
    return maps[:, 0].detach()
