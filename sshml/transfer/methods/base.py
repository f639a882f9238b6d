"""What a transfer method is, and how it gets profiles of its target."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from sshml.config.limits import check_images
from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError

# More is beyond float32, which the weights are of.
Rate = Annotated[float, Field(gt=0, lt=1e30)]


class TransferMethod(ABC):
    """What is done to a trained network before it is tested at another disorder strength.

    Attributes:
        labelled: how many profiles of the target it uses with their labels.
        unlabelled: how many without.
    """

    labelled = 0
    unlabelled = 0

    def check(self, network: nn.Module, target: PhaseDataModule) -> None:  # noqa: B027  # most fit
        """Raise ``ConfigError`` if the method cannot be used with a network, or the target's data."""

    @abstractmethod
    def adapt(
        self, network: nn.Module, source: PhaseDataModule, target: PhaseDataModule, seed: int
    ) -> nn.Module:
        """Make a network for the target.

        Args:
            network: trained on the source, in eval mode; it is not changed.
            source: data that it was trained on.
            target: data at the target's disorder strength; its training split may be used.
            seed: of whatever is random.

        Returns:
            A network in eval mode, maybe the same one.
        """


def check_enough(n_samples: int, target: PhaseDataModule) -> None:
    """Check that the target's training split has so many profiles, and that they fit in memory.

    Raises:
        ConfigError: if not.
    """
    n_train = len(target.dataset(Split.TRAIN))
    if n_samples > n_train:
        raise ConfigError(
            f"transfer.n_samples={n_samples}: the target's training set has only {n_train} samples; "
            f"set data.n_train={n_samples} (for a file, change data.shares), or reduce n_samples of "
            "the method"
        )
    check_images(f"transfer.n_samples={n_samples}", "its profiles need", n_samples, target.shape)


def labelled_profiles(
    data: PhaseDataModule, index: Sequence[int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images of a training split and their labels.

    Args:
        data: of the source or the target.
        index: numbers of the samples.
        device: where they are to be.

    Returns:
        Shapes (n, C, H, W) and (n,).
    """
    batch = data.dataset(Split.TRAIN).__getitems__(index)
    profiles = batch["input"].to(device, memory_format=torch.channels_last)
    return profiles, batch["label"].to(device)
