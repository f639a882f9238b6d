"""What an explanation is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from sshml.errors import ConfigError, pip_install
from sshml.networks.evaluation import evaluating, float32

_BATCH = 100
# Of those that draw random numbers, such as noise that gradients are averaged over.
_SEED = 0


class Explanation(ABC):
    """Maps of what in an image speaks for a class.

    One of your own has :meth:`of_class`, and is named by ``_target_`` like those of this package.

    Attributes:
        title: what figures call its maps.
        quantity: what a pixel of a map is, as TeX; empty for none.
    """

    title: str
    quantity: str = ""

    def check(self, network: nn.Module, images: Tensor) -> None:  # noqa: B027  # most need nothing
        """Check that a network has what the maps are made of.

        Args:
            network: in eval mode, on the CPU.
            images: a few, shape (n, channels, H, W).

        Raises:
            ValueError: if it has not.
        """

    @abstractmethod
    def of_class(self, network: nn.Module, images: Tensor, label: int) -> Tensor:
        """Raw maps of one class: signed, not normalised, of any size.

        Args:
            network: in eval mode and float32; images (n, channels, H, W) to logits (n, C).
            images: shape (n, channels, H, W), on the network's device; their gradients are recorded.
            label: the class.

        Returns:
            Shape (n, h, w).
        """

    def maps(self, network: nn.Module, images: Tensor, labels: Sequence[int]) -> Tensor:
        """Raw maps of some classes, the same whenever they are asked for.

        Args:
            network: as in :meth:`of_class`, but in any mode; it is left as it was.
            images: shape (n, channels, H, W), on any device.
            labels: the classes.

        Returns:
            Shape (n, len(labels), h, w), float32, on the CPU.

        Example:
            >>> from sshml.explanations import ClassActivation
            >>> from sshml.networks import CNN
            >>> ClassActivation().maps(CNN(), torch.rand(3, 1, 60, 60), labels=(0, 1)).shape
            torch.Size([3, 2, 7, 7])
        """
        device = next(network.parameters()).device
        found = []
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.random.fork_rng([device] if device.type == "cuda" else ()),
            float32(),
            evaluating(network),
        ):
            torch.manual_seed(_SEED)
            for part in images.split(_BATCH):  # type: ignore[no-untyped-call]
                # A copy: what comes from a validation has no gradients.
                own = part.to(device, torch.float32).clone().requires_grad_()
                of_labels = [self.of_class(network, own, label).detach() for label in labels]
                found.append(torch.stack(of_labels, dim=1).float().cpu())
        return torch.cat(found)


def require(library: str, package: str) -> None:
    """Check that a library of the extra ``explain`` is installed.

    Raises:
        ConfigError: if it is not.
    """
    if find_spec(library) is None:
        raise ConfigError(f"explanation: needs {package}; run {pip_install('explain')}")


def layer_of(network: nn.Module, name: str) -> nn.Module:
    """A part of a network by its name, such as ``features.3``.

    Raises:
        ValueError: naming those that there are, if there is no such part.
    """
    try:
        return network.get_submodule(name)
    except AttributeError as error:
        names = (part for part, _ in network.named_modules() if part)
        parts = sorted(names, key=lambda part: part.count("."))
        raise ValueError(
            f"{type(network).__name__} has no layer {name}; it has {', '.join(parts[:10])}"
        ) from error


def mean_of(images: Tensor) -> Tensor:
    """Images of their own mean everywhere: of a density profile, that of states spread evenly."""
    return images.detach().mean(dim=(-2, -1), keepdim=True).expand_as(images)
