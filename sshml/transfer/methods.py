"""How a network is carried over to another disorder strength: the open config group ``transfer``."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn.functional import cross_entropy

from sshml.data.datamodule import SSHDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError


class TransferMethod(ABC):
    """What is done to a trained network before it is tested at another disorder strength."""

    def check(self, network: nn.Module, data: Mapping[str, Any]) -> None:  # noqa: B027  # most fit
        """Raise ``ConfigError`` if the method cannot be used with a network, or the target's data."""

    @abstractmethod
    def adapt(self, network: nn.Module, target: SSHDataModule, seed: int) -> nn.Module:
        """Make a network for the target.

        Args:
            network: trained on the source, in eval mode; it is not changed.
            target: data at the target's disorder strength; its training split may be used.
            seed: of whatever is random.

        Returns:
            A network in eval mode, maybe the same one.
        """


class ZeroShot(TransferMethod):
    """Test the network as it is."""

    def adapt(self, network: nn.Module, target: SSHDataModule, seed: int) -> nn.Module:  # noqa: ARG002
        """The network itself."""
        return network


class FineTune(TransferMethod):
    """Train on with a few labelled samples of the target, by SGD with momentum 0.9.

    Args:
        n_samples: labelled profiles of the target, the first of its training split.
        epochs: how often each of them is seen.
        lr: learning rate.
        batch_size: samples a step.
        freeze: parts of the network that stay as they are, by the beginnings of their parameters'
            names: ``features`` leaves the head, ``features.0`` all but the first layer. Batch norms
            without a trainable parameter keep their running statistics too.
    """

    def __init__(
        self,
        n_samples: Annotated[int, Field(ge=2)] = 100,
        epochs: PositiveInt = 20,
        lr: Annotated[float, Field(gt=0)] = 1e-3,
        batch_size: Annotated[int, Field(ge=2)] = 20,
        freeze: Sequence[str] = (),
    ) -> None:
        self.n_samples = n_samples
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.freeze = tuple(freeze)

    def _is_frozen(self, name: str) -> bool:
        return any(name == part or name.startswith(f"{part}.") for part in self.freeze)

    def check(self, network: nn.Module, data: Mapping[str, Any]) -> None:
        """There are enough samples; each part to be frozen is there, and something is left to train."""
        if self.n_samples > data["n_train"]:
            raise ConfigError(
                f"transfer.n_samples={self.n_samples}: the target's training set has only "
                f"data.n_train={data['n_train']} chains; set data.n_train={self.n_samples}"
            )
        names = [name for name, _ in network.named_parameters()]
        parts = {name.rsplit(".", depth)[0] for name in names for depth in range(name.count(".") + 1)}
        for part in self.freeze:
            if part not in parts:
                raise ConfigError(
                    f"transfer.freeze={part}: the network has no such part; expected some of "
                    f"{', '.join(sorted(p for p in parts if p.count('.') < 2))}"
                )
        if all(self._is_frozen(name) for name in names):
            raise ConfigError(
                f"transfer.freeze={list(self.freeze)}: leaves nothing to train; leave a part out, "
                "or choose transfer=zero_shot"
            )

    def adapt(self, network: nn.Module, target: SSHDataModule, seed: int) -> nn.Module:
        """A copy of the network, trained on the target's samples."""
        adapted = copy.deepcopy(network)
        trained = [p for name, p in adapted.named_parameters() if not self._is_frozen(name)]
        for name, module in adapted.named_modules():
            module.training = any(
                not self._is_frozen(f"{name}.{own}".lstrip(".")) for own, _ in module.named_parameters()
            )
        device = trained[0].device
        batch = target.dataset(Split.TRAIN).__getitems__(range(self.n_samples))
        profiles = batch["profile"].to(device, memory_format=torch.channels_last)
        labels = batch["label"].to(device)
        optimizer = torch.optim.SGD(trained, lr=self.lr, momentum=0.9)
        order = torch.Generator().manual_seed(seed)
        for _ in range(self.epochs):
            for part in torch.randperm(self.n_samples, generator=order).split(self.batch_size):  # type: ignore[no-untyped-call]
                if len(part) > 1:  # a batch norm has no variance of a single image
                    optimizer.zero_grad()
                    cross_entropy(adapted(profiles[part]), labels[part]).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
        return adapted.eval()
