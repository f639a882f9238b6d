"""A few labelled samples of the target."""

import copy
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import nn
from torch.nn.functional import cross_entropy

from sshml.config.limits import check_images, check_network
from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError
from sshml.transfer.methods.base import Rate, TransferMethod, check_enough, labelled_profiles


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
        replay: profiles of the source's training split, with their labels, that are shown again in a
            step for each of the target's, so that the network does not forget them (rehearsal).
    """

    def __init__(
        self,
        n_samples: Annotated[int, Field(ge=2)] = 100,
        epochs: PositiveInt = 20,
        lr: Rate = 1e-3,
        batch_size: Annotated[int, Field(ge=2)] = 20,
        freeze: Sequence[str] = (),
        replay: NonNegativeInt = 0,
    ) -> None:
        self.n_samples = self.labelled = n_samples
        self.epochs = epochs
        self.lr = lr
        self.batch_size = min(batch_size, n_samples)
        self.freeze = tuple(freeze)
        self.replay = replay

    def _is_frozen(self, name: str) -> bool:
        return any(name == part or name.startswith(f"{part}.") for part in self.freeze)

    def check(self, network: nn.Module, target: PhaseDataModule) -> None:
        """There are enough samples; each part to be frozen is there, and something is left to train."""
        check_enough(self.n_samples, target)
        images = self.batch_size * (1 + self.replay)
        given = f"transfer.replay={self.replay} of transfer.batch_size={self.batch_size}"
        check_images(given, "a batch of images needs", images, target.shape)
        device = next(network.parameters()).device
        if device.type == "meta":  # where nothing is computed
            check_network(network, torch.empty(2, *target.shape, device=device), images, given)
        names = [name for name, _ in network.named_parameters()]
        parts = {name.rsplit(".", depth)[0] for name in names for depth in range(name.count(".") + 1)}
        for part in self.freeze:
            if part not in parts:
                raise ConfigError(
                    f"transfer.freeze={part}: no such part of the network; expected some of "
                    f"{', '.join(sorted(p for p in parts if p.count('.') < 2))}"
                )
        if all(self._is_frozen(name) for name in names):
            raise ConfigError(
                f"transfer.freeze={list(self.freeze)}: freezes everything; remove a part, or choose "
                "transfer=zero_shot"
            )

    def adapt(
        self,
        network: nn.Module,
        source: PhaseDataModule,
        target: PhaseDataModule,
        seed: int,
    ) -> nn.Module:
        """A copy of the network, trained on the target's samples."""
        adapted = copy.deepcopy(network)
        trained = [p for name, p in adapted.named_parameters() if not self._is_frozen(name)]
        for name, module in adapted.named_modules():
            module.training = any(
                not self._is_frozen(f"{name}.{own}".lstrip(".")) for own, _ in module.named_parameters()
            )
        device = trained[0].device
        profiles, labels = labelled_profiles(target, range(self.n_samples), device)
        n_source = len(source.dataset(Split.TRAIN))
        optimizer = torch.optim.SGD(trained, lr=self.lr, momentum=0.9)
        order = torch.Generator().manual_seed(seed)
        for _ in range(self.epochs):
            for part in torch.randperm(self.n_samples, generator=order).split(self.batch_size):  # type: ignore[no-untyped-call]
                images, answers = profiles[part], labels[part]
                if self.replay:
                    again = torch.randint(n_source, (self.replay * len(part),), generator=order)
                    old = labelled_profiles(source, again.tolist(), device)
                    images, answers = torch.cat([images, old[0]]), torch.cat([answers, old[1]])
                if len(images) > 1:  # a batch norm has no variance of a single image
                    optimizer.zero_grad()
                    cross_entropy(adapted(images), answers).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
        return adapted.eval()
