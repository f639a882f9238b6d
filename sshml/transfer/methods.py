"""How a network is carried over to another disorder strength: the open config group ``transfer``."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from sshml.config.limits import check_images, check_network
from sshml.data.datamodule import SSHDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError


class TransferMethod(ABC):
    """What is done to a trained network before it is tested at another disorder strength.

    Attributes:
        labelled: how many profiles of the target it uses with their labels.
        unlabelled: how many without.
    """

    labelled = 0
    unlabelled = 0

    def check(self, network: nn.Module, data: Mapping[str, Any]) -> None:  # noqa: B027  # most fit
        """Raise ``ConfigError`` if the method cannot be used with a network, or the target's data."""

    @abstractmethod
    def adapt(
        self, network: nn.Module, source: SSHDataModule, target: SSHDataModule, seed: int
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


# More is beyond float32, which the weights are of.
_Rate = Annotated[float, Field(gt=0, lt=1e30)]


def _check_enough(n_samples: int, data: Mapping[str, Any]) -> None:
    """The target has so many profiles, and they fit in memory."""
    if n_samples > data["n_train"]:
        raise ConfigError(
            f"transfer.n_samples={n_samples}: the target's training set has only "
            f"data.n_train={data['n_train']} chains; set data.n_train={n_samples}, "
            "or a smaller n_samples of the method"
        )
    check_images(f"transfer.n_samples={n_samples}", "its profiles take", n_samples, data["n_cells"])


def _labelled(data: SSHDataModule, index: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Profiles of a training split, shape (n, 1, 2M, 2M), and their labels, shape (n,)."""
    batch = data.dataset(Split.TRAIN).__getitems__(index)
    profiles = batch["input"].to(device, memory_format=torch.channels_last)
    return profiles, batch["label"].to(device)


class ZeroShot(TransferMethod):
    """Test the network as it is."""

    def adapt(
        self,
        network: nn.Module,
        source: SSHDataModule,  # noqa: ARG002
        target: SSHDataModule,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> nn.Module:
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
        replay: profiles of the source's training split, with their labels, that are shown again in a
            step for each of the target's, so that the network does not forget them (rehearsal).
    """

    def __init__(
        self,
        n_samples: Annotated[int, Field(ge=2)] = 100,
        epochs: PositiveInt = 20,
        lr: _Rate = 1e-3,
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

    def check(self, network: nn.Module, data: Mapping[str, Any]) -> None:
        """There are enough samples; each part to be frozen is there, and something is left to train."""
        _check_enough(self.n_samples, data)
        images = self.batch_size * (1 + self.replay)
        given = f"transfer.replay={self.replay} of transfer.batch_size={self.batch_size}"
        check_images(given, "a batch of images takes", images, data["n_cells"])
        size = 2 * data["n_cells"]
        device = next(network.parameters()).device
        if device.type == "meta":  # where nothing is computed
            check_network(network, torch.empty(2, 1, size, size, device=device), images, given)
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

    def adapt(
        self,
        network: nn.Module,
        source: SSHDataModule,
        target: SSHDataModule,
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
        profiles, labels = _labelled(target, range(self.n_samples), device)
        n_source = len(source.dataset(Split.TRAIN))
        optimizer = torch.optim.SGD(trained, lr=self.lr, momentum=0.9)
        order = torch.Generator().manual_seed(seed)
        for _ in range(self.epochs):
            for part in torch.randperm(self.n_samples, generator=order).split(self.batch_size):  # type: ignore[no-untyped-call]
                images, answers = profiles[part], labels[part]
                if self.replay:
                    again = torch.randint(n_source, (self.replay * len(part),), generator=order)
                    old = _labelled(source, again.tolist(), device)
                    images, answers = torch.cat([images, old[0]]), torch.cat([answers, old[1]])
                if len(images) > 1:  # a batch norm has no variance of a single image
                    optimizer.zero_grad()
                    cross_entropy(adapted(images), answers).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
        return adapted.eval()


class BatchNormStatistics(TransferMethod):
    """Estimate the statistics of the batch norms again, on unlabelled profiles of the target.

    Adaptive batch normalisation (Li et al., arXiv:1603.04779): weights stay as they are.

    Args:
        n_samples: unlabelled profiles of the target, the first of its training split.
        batch_size: profiles at a time, at most; the statistics are means over the batches.
    """

    def __init__(
        self,
        n_samples: Annotated[int, Field(ge=2)] = 1000,
        batch_size: Annotated[int, Field(ge=2)] = 100,
    ) -> None:
        self.n_samples = self.unlabelled = n_samples
        self.batch_size = batch_size

    def check(self, network: nn.Module, data: Mapping[str, Any]) -> None:
        """There are enough samples, and the network has a batch norm."""
        _check_enough(self.n_samples, data)
        if not _batch_norms(network):
            raise ConfigError(
                "transfer=batch_norm: the network has no batch norm; choose another method"
            )

    @torch.no_grad()
    def adapt(
        self,
        network: nn.Module,
        source: SSHDataModule,  # noqa: ARG002
        target: SSHDataModule,
        seed: int,  # noqa: ARG002
    ) -> nn.Module:
        """A copy of the network with other statistics."""
        adapted = copy.deepcopy(network)
        norms = _batch_norms(adapted)
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a mean over all batches
            norm.train()
        profiles, _ = _labelled(target, range(self.n_samples), next(network.parameters()).device)
        # Of sizes as even as can be: a mean over batches weighs a small one like a large one.
        for part in profiles.tensor_split(math.ceil(self.n_samples / self.batch_size)):
            if len(part) > 1:  # a single image has no variance
                adapted(part)
        return adapted.eval()


def _batch_norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


class _ReversedGradient(torch.autograd.Function):
    """The identity, whose gradient is turned round and scaled (Ganin et al., Sec. 4.2)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, scale: float) -> Tensor:
        """The features as they are."""
        ctx.scale = scale
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """-scale times the gradient."""
        return -ctx.scale * gradient, None


class DomainAdversarial(TransferMethod):
    """Train on so that features do not tell the target from the source (arXiv:1505.07818).

    A second head learns to tell unlabelled profiles of the target from those of the source by the
    features after global average pooling; the gradient it sends into the features is reversed and
    grows by λ = 2 / (1 + exp(-10 p)) - 1, p the share of the training that is done. The first head goes
    on with the labels of the source, whose profiles are taken as they are, without the augmentation of
    its training. By Adam. The statistics of batch norms are then of both, in about equal parts.

    Args:
        n_samples: unlabelled profiles of the target, the first of its training split.
        epochs: over the training set of the source.
        lr: learning rate; that of the second head is five times as high.
        batch_size: profiles of either a step.
        weight: of the reversed gradient, times λ.
        batch_norm: estimate the statistics of the batch norms again at the end, on the same profiles.
    """

    def __init__(
        self,
        n_samples: Annotated[int, Field(ge=2)] = 1000,
        epochs: PositiveInt = 2,
        lr: _Rate = 1e-3,
        batch_size: Annotated[int, Field(ge=2)] = 50,
        weight: Annotated[float, Field(ge=0, lt=1e30)] = 1.0,
        batch_norm: bool = False,
    ) -> None:
        self.n_samples = self.unlabelled = n_samples
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.weight = weight
        self.batch_norm = batch_norm

    def check(self, network: nn.Module, data: Mapping[str, Any]) -> None:
        """There are enough samples, and batch norms where their statistics are wanted."""
        _check_enough(self.n_samples, data)
        if self.batch_norm:
            BatchNormStatistics(self.n_samples).check(network, data)

    def adapt(
        self, network: nn.Module, source: SSHDataModule, target: SSHDataModule, seed: int
    ) -> nn.Module:
        """A copy of the network, trained on labels of the source and profiles of the target."""
        adapted: Any = copy.deepcopy(network).train()
        device = next(network.parameters()).device
        unlabelled, _ = _labelled(target, range(self.n_samples), device)
        n_source = len(source.dataset(Split.TRAIN))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            width = adapted.head.in_features
            critic = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 1)).to(device)
            optimizer = torch.optim.Adam(
                [
                    {"params": adapted.parameters(), "lr": self.lr},
                    # A critic that lags behind lets the features run past what it knows.
                    {"params": critic.parameters(), "lr": 5 * self.lr},
                ],
                betas=(0.5, 0.999),
            )
            batch_size = min(self.batch_size, n_source)
            steps = n_source // batch_size
            for step in range(self.epochs * steps):
                if step % steps == 0:
                    order = torch.randperm(n_source)
                own = order[(step % steps) * batch_size :][:batch_size]
                profiles, labels = _labelled(source, own.tolist(), device)
                foreign = unlabelled[torch.randint(self.n_samples, (len(own),))]
                progress = step / (self.epochs * steps)
                scale = self.weight * (2 / (1 + math.exp(-10 * progress)) - 1)
                # Each in a pass of its own, or batch norms would tell the two apart.
                features = [
                    adapted.features(images).mean(dim=(-2, -1)) for images in (profiles, foreign)
                ]
                said = critic(_ReversedGradient.apply(torch.cat(features), scale))[:, 0]
                is_target = torch.cat([torch.zeros(len(own)), torch.ones(len(own))]).to(device)
                loss = cross_entropy(adapted.head(features[0]), labels)
                loss = loss + binary_cross_entropy_with_logits(said, is_target)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        adapted.eval()
        if self.batch_norm:
            return BatchNormStatistics(self.n_samples).adapt(adapted, source, target, seed)
        trained: nn.Module = adapted
        return trained
