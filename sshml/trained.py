"""A network that was trained, the data it was trained on, and what it says."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sshml.config.build import build
from sshml.data.base import PhaseDataModule
from sshml.data.datamodule import SSHDataModule
from sshml.data.samples import Batch
from sshml.data.streams import Split
from sshml.errors import ConfigError
from sshml.explanations import ClassActivation, Explanation
from sshml.figures import Example
from sshml.files.checkpoint import read_checkpoint, trained_network
from sshml.networks.evaluation import float32

_BATCH = 200
# Of those that it was trained on, that its features are compared with.
_TRAINING_CHAINS = 2000


class TrainedNetwork:
    """The network of a checkpoint with the settings of its data.

    Args:
        checkpoint: of train.py.
        trust: packages or classes, beside those of :mod:`sshml.config.trust`, that it may name.

    Attributes:
        checkpoint: its path.
        network: in eval mode, on the CPU.
        name: of its class.
        data: settings of the data that it was trained on.

    Raises:
        CheckpointError: if it is none.
    """

    def __init__(self, checkpoint: str | Path, trust: Sequence[str] = ()) -> None:
        content = read_checkpoint(checkpoint, trust)
        parameters = content["hyper_parameters"]
        self.checkpoint = str(checkpoint)
        self.network = trained_network(content)
        self.name: str = parameters["network"]["_target_"].rsplit(".", 1)[1]
        self.data: dict[str, Any] = parameters["data"]

    def data_module(self, **changes: Any) -> SSHDataModule:
        """Data as it was trained on, but for some settings."""
        module: SSHDataModule = build({**self.data, **changes})
        return module

    @functools.cache  # noqa: B019  # lives as long as its network
    def test_chains(self, W: float, n: int) -> Batch:
        """The first n test chains of a strength, made as those of its training but for W."""
        data = self.data_module(W=W, n_test=n, label="ratio")
        return data.dataset(Split.TEST).__getitems__(range(n))

    def training_chains(self) -> Batch:
        """The first of the chains that it was trained on, at most 2000."""
        data = self.data_module()
        n = min(_TRAINING_CHAINS, data.ensemble.sizes[Split.TRAIN])
        return data.dataset(Split.TRAIN).__getitems__(range(n))

    @torch.inference_mode()
    @float32()
    def logits(self, images: Tensor) -> Tensor:
        """Its answers to images (n, 1, H, W), shape (n, C).

        Raises:
            ConfigError: if they are not finite.
        """
        parts = [self.network(part) for part in images.split(_BATCH)]  # type: ignore[no-untyped-call]
        return self._finite("its predictions", torch.cat(parts))

    @torch.inference_mode()
    @float32()
    def features(self, images: Tensor) -> Tensor:
        """What the linear head sees: features behind the global average pooling, shape (n, K).

        Raises:
            ConfigError: if they are not finite.
        """
        parts = [self.network.features(part) for part in images.split(_BATCH)]  # type: ignore[no-untyped-call, operator]
        return self._finite("its features", torch.cat([part.mean(dim=(-2, -1)) for part in parts]))

    def _finite(self, what: str, values: Tensor) -> Tensor:
        if values.isfinite().all():
            return values
        raise ConfigError(
            f"{self.checkpoint}: {what} are not finite; expected a network whose training succeeded"
        )

    def nearest(self, W: float, ratios: Sequence[float]) -> list[Example]:
        """The test chains of a strength whose control is nearest to given values, as examples.

        Their maps are class activation maps, as those of the thesis.
        """
        data = self.data_module(W=W)
        known = data.dataset(Split.TEST).parameters()["ratio"]
        index = [int(np.abs(known - ratio).argmin()) for ratio in ratios]
        return examples(self.network, data, index, ClassActivation())


@torch.inference_mode()
@float32()
def examples(
    network: nn.Module, data: PhaseDataModule, index: Sequence[int], explanation: Explanation
) -> list[Example]:
    """Test samples with what a network says of them, and where it looks.

    Args:
        network: in eval mode, on any device.
        data: whose test samples.
        index: their numbers.
        explanation: of the maps.
    """
    batch = data.dataset(Split.TEST).__getitems__(index)
    maps = explanation.maps(network, batch["input"], range(len(data.classes)))
    device = next(network.parameters()).device
    probabilities = network(batch["input"].to(device)).float().softmax(dim=1).cpu()
    return [
        Example(
            image=batch["input"][k, 0].numpy(),
            n_channels=data.shape[0],
            maps=maps[k].numpy(),
            of_maps=explanation.quantity,
            label=int(batch["labels"][data.label_kinds[0]][k]),
            probabilities=probabilities[k].tolist(),
            classes=data.classes,
            parameters={
                data.known_parameters[name]: float(values[k])
                for name, values in batch["parameters"].items()
            },
            representation=data.representation,
        )
        for k in range(len(index))
    ]
