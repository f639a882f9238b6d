"""The methods of torch-cam."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from sshml.explanations.base import Explanation, layer_of, require


def torch_cam_methods() -> dict[str, Any]:
    """All methods of torch-cam, by the names of their classes.

    Raises:
        ConfigError: if it is not installed.

    Example:
        >>> "LayerCAM" in torch_cam_methods()
        True
    """
    require("torchcam", "torch-cam")
    from torchcam import methods  # noqa: PLC0415

    return {
        name: found
        for name, found in vars(methods).items()
        if isinstance(found, type) and not name.startswith("_")
    }


class TorchCAM(Explanation):
    """Any method of torch-cam, not normalised; most cut off what speaks against the class.

    Args:
        method: name of its class: ``LayerCAM``, ``ScoreCAM``, ``GradCAMpp``, …
        layers: names of the parts of the network that the map is made of, of which most methods need
            one, RefineCAM two or more, and LeGrad blocks of a vision transformer.

    Raises:
        ConfigError: if torch-cam is not installed.
        ValueError: for a method that there is not.

    Example:
        >>> import torch
        >>> from sshml.networks import CNN
        >>> maps = TorchCAM("LayerCAM").maps(CNN(), torch.rand(1, 1, 60, 60), labels=(1,))
        >>> tuple(maps[0, 0].shape)
        (7, 7)
    """

    def __init__(
        self,
        method: str = "LayerCAM",
        layers: Annotated[Sequence[str], Field(min_length=1)] = ("features",),
    ) -> None:
        known = torch_cam_methods()
        if method not in known:
            raise ValueError(f"method must be one of {', '.join(sorted(known))}, got {method}")
        self.method = method
        self.layers = list(layers)
        self.title = f"{method} of torch-cam"

    def check(self, network: nn.Module, images: Tensor) -> None:  # noqa: ARG002
        """The network has such parts."""
        for layer in self.layers:
            layer_of(network, layer)

    def of_class(self, network: nn.Module, images: Tensor, label: int) -> Tensor:
        """Maps of the size of the largest of the layers."""
        with torch_cam_methods()[self.method](network, self.layers) as method:
            scores = network(images)
            found: list[Tensor] = method(label, scores, normalized=False)
            maps: Tensor = method.fuse_cams(found) if len(found) > 1 else found[0]
        return maps
