"""Features that do not tell the target from the source."""

import copy
import math
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError
from sshml.networks import pools_globally
from sshml.transfer.methods.base import Rate, TransferMethod, check_enough, labelled_profiles
from sshml.transfer.methods.batch_norm import BatchNormStatistics


class _ReversedGradient(torch.autograd.Function):
    """The identity, with its gradient reversed and scaled (Ganin et al., Sec. 4.2)."""

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
        lr: Rate = 1e-3,
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

    def check(self, network: nn.Module, target: PhaseDataModule) -> None:
        """There are enough samples, features, and batch norms where their statistics are wanted."""
        check_enough(self.n_samples, target)
        if not pools_globally(network):
            raise ConfigError(
                f"transfer=domain_adversarial: {type(network).__name__} has no `features` and linear "
                "`head`, which the second head needs; choose another method or network"
            )
        if self.batch_norm:
            BatchNormStatistics(self.n_samples).check(network, target)

    def adapt(
        self, network: nn.Module, source: PhaseDataModule, target: PhaseDataModule, seed: int
    ) -> nn.Module:
        """A copy of the network, trained on labels of the source and profiles of the target."""
        adapted: Any = copy.deepcopy(network).train()
        device = next(network.parameters()).device
        unlabelled, _ = labelled_profiles(target, range(self.n_samples), device)
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
                profiles, labels = labelled_profiles(source, own.tolist(), device)
                foreign = unlabelled[torch.randint(self.n_samples, (len(own),))]
                progress = step / (self.epochs * steps)
                scale = self.weight * (2 / (1 + math.exp(-10 * progress)) - 1)
                # Each in a pass of its own, or batch norms would tell the two apart.
                features = [
                    adapted.features(images).mean(dim=(-2, -1)) for images in (profiles, foreign)
                ]
                domain = critic(_ReversedGradient.apply(torch.cat(features), scale))[:, 0]
                is_target = torch.cat([torch.zeros(len(own)), torch.ones(len(own))]).to(device)
                loss = cross_entropy(adapted.head(features[0]), labels)
                loss = loss + binary_cross_entropy_with_logits(domain, is_target)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        adapted.eval()
        if self.batch_norm:
            return BatchNormStatistics(self.n_samples).adapt(adapted, source, target, seed)
        trained: nn.Module = adapted
        return trained
