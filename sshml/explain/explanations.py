"""Maps of what speaks for the topological phase, by several methods. Raw: signed, not normalised."""

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from sshml.cam import network_maps
from sshml.errors import ConfigError

_TOPOLOGICAL = 1
_BATCH = 100
_STEPS = 16
# An image has this many windows that are occluded one after another, along either axis.
_WINDOWS = 12
Explanation = Callable[[nn.Module, Tensor], Tensor]


def class_activation(network: nn.Module, images: Tensor) -> Tensor:
    """Class activation maps, shape (n, h, w)."""
    return network_maps(network, images)[:, _TOPOLOGICAL]


def grad_cam(network: nn.Module, images: Tensor) -> Tensor:
    """Grad-CAM (arXiv:1610.02391) of the last features, without its ReLU, shape (n, h, w).

    With global average pooling and a linear head this is the class activation map, over h w.
    """
    from captum.attr import LayerGradCam  # noqa: PLC0415

    maps: Tensor = LayerGradCam(network, network.features).attribute(images, target=_TOPOLOGICAL)
    return maps[:, 0].detach()


def integrated_gradients(network: nn.Module, images: Tensor) -> Tensor:
    """Integrated gradients (arXiv:1703.01365) from states that are spread evenly, shape (n, 2M, 2M)."""
    from captum.attr import IntegratedGradients  # noqa: PLC0415

    method = IntegratedGradients(network)
    maps = [
        method.attribute(
            part, baselines=1 / part.shape[-1], target=_TOPOLOGICAL, n_steps=_STEPS,
            internal_batch_size=len(part),
        )
        for part in images.split(_BATCH)  # type: ignore[no-untyped-call]
    ]  # fmt: skip
    return torch.cat(maps)[:, 0].detach()


def occlusion(network: nn.Module, images: Tensor) -> Tensor:
    """What the logit loses when a window of the image is spread evenly, shape (n, 2M, 2M)."""
    from captum.attr import Occlusion  # noqa: PLC0415

    side = -(-images.shape[-1] // _WINDOWS)
    with torch.inference_mode():
        maps: Tensor = Occlusion(network).attribute(
            images, sliding_window_shapes=(1, side, side), strides=(1, side, side),
            baselines=1 / images.shape[-1], target=_TOPOLOGICAL,
        )  # fmt: skip
    return maps[:, 0]


#: By name; all but the first need the extra ``explain``.
EXPLANATIONS: dict[str, Explanation] = {
    function.__name__: function
    for function in (class_activation, grad_cam, integrated_gradients, occlusion)
}


def chosen(names: str) -> dict[str, Explanation]:
    """Explanations by their names, with commas between them, or ``all``.

    Raises:
        ConfigError: for a name that there is not, or a missing library.
    """
    wanted = list(EXPLANATIONS) if names == "all" else names.split(",")
    for name in wanted:
        if name not in EXPLANATIONS:
            raise ConfigError(
                f"--explanations={names}: expected some of {', '.join(EXPLANATIONS)}, or all"
            )
        if name != "class_activation" and find_spec("captum") is None:
            raise ConfigError(
                f'--explanations={names}: {name} needs captum; pip install -e ".[explain]"'
            )
    return {name: EXPLANATIONS[name] for name in wanted}
