"""Statistics of the batch norms, on the target."""

import copy
import math
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from sshml.data.base import PhaseDataModule
from sshml.errors import ConfigError
from sshml.transfer.methods.base import TransferMethod, check_enough, labelled_profiles


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

    def check(self, network: nn.Module, target: PhaseDataModule) -> None:
        """There are enough samples, and the network has a batch norm."""
        check_enough(self.n_samples, target)
        if not _batch_norms(network):
            raise ConfigError(
                "transfer=batch_norm: the network has no batch norm; choose another method"
            )

    @torch.no_grad()
    def adapt(
        self,
        network: nn.Module,
        source: PhaseDataModule,  # noqa: ARG002
        target: PhaseDataModule,
        seed: int,  # noqa: ARG002
    ) -> nn.Module:
        """A copy of the network with other statistics."""
        adapted = copy.deepcopy(network)
        norms = _batch_norms(adapted)
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a mean over all batches
            norm.train()
        profiles, _ = labelled_profiles(
            target, range(self.n_samples), next(network.parameters()).device
        )
        # Of sizes as even as can be: a mean over batches weighs a small one like a large one.
        for part in profiles.tensor_split(math.ceil(self.n_samples / self.batch_size)):
            if len(part) > 1:  # a single image has no variance
                adapted(part)
        return adapted.eval()


def _batch_norms(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
