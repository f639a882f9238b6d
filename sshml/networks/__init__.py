"""Networks that tell the phases apart. Needs torch, and torchvision for ResNet18 and ViT, only."""

import pkgutil
from collections.abc import Mapping
from typing import Any

from torch import nn

from sshml.networks.cnn import CNN
from sshml.networks.cybinski import Cybinski
from sshml.networks.gap import GlobalAveragePoolingNetwork, pools_globally
from sshml.networks.mlp import MLP
from sshml.networks.resnet import ResNet18

__all__ = [
    "CNN", "MLP", "Cybinski", "GlobalAveragePoolingNetwork", "ResNet18", "ViT", "build_network",
    "pools_globally",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # torchvision takes seconds to import, and the others work without it.
    if name == "ViT":
        from sshml.networks.vit import ViT  # noqa: PLC0415

        return ViT
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


def build_network(node: Mapping[str, Any], *, download: bool = True) -> nn.Module:
    """Build the network that a configuration node names.

    Args:
        node: ``_target_``, the dotted name of a class derived from ``torch.nn.Module``, and the
            arguments it takes; plain values only.
        download: False where the weights are replaced or not needed: a ``pretrained`` network then
            begins at random.

    Returns:
        The network, newly initialised from torch's global random numbers.

    Raises:
        ValueError: if there is no such class, or it is no ``nn.Module``. A checkpoint names its
            network in this way, and must not be able to call anything else.

    Example:
        >>> build_network({"_target_": "sshml.networks.Cybinski", "n_classes": 3}).head
        Linear(in_features=9, out_features=3, bias=True)
    """
    arguments = dict(node)
    name = arguments.pop("_target_", None)
    if not download and "pretrained" in arguments:
        arguments["pretrained"] = False
    try:
        network_class = pkgutil.resolve_name(str(name))
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"there is no network class {name!r}: {error}") from error
    if not (isinstance(network_class, type) and issubclass(network_class, nn.Module)):
        raise ValueError(f"{name} is not a torch.nn.Module")
    return network_class(**arguments)
