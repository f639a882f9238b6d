"""A trained network, and the test chains it is asked about."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sshml.config.limits import check_images
from sshml.data.datamodule import Batch
from sshml.data.grid import strength_grid
from sshml.data.streams import Split
from sshml.errors import ConfigError
from sshml.files.checkpoint import read_checkpoint, trained_network
from sshml.networks.precision import float32
from sshml.transfer.study import data_module

_BATCH = 200
_TRAINING_CHAINS = 2000


def strengths(text: str) -> list[float]:
    """The strengths that an option names, ``0,0.5`` or ``start:stop:step``.

    Raises:
        ConfigError: naming the option.
    """
    try:
        return strength_grid(text if ":" in text else text.strip("[]").split(","))
    except ValueError as error:
        raise ConfigError(f"--W={text}: {error}") from error


def check_once(checkpoints: Sequence[str]) -> None:
    """Networks that are asked about together are named once each.

    Raises:
        ConfigError: naming the first that is not.
    """
    files: set[str] = set()
    for path in checkpoints:
        file = os.path.realpath(path)  # Path.resolve raises where links lead in a circle
        if file in files:
            raise ConfigError(f"{path}: is named twice; omit one")
        files.add(file)


def check_together(trained: Sequence[tuple[str, Mapping[str, Any]]], chains: int) -> None:
    """Networks that are asked about together are of one size and convention of disorder.

    Args:
        trained: checkpoints, and the settings of the data that each was trained on.
        chains: test chains of each strength.

    Raises:
        ConfigError: naming the first that does not go with the others, or if so few chains tell
            nothing, or so many do not fit in memory.
    """
    first_path, first = trained[0]
    if chains < 2:
        raise ConfigError(f"--chains={chains}: expected at least 2")
    check_images(f"--chains={chains}", "their images take", chains, first["n_cells"])
    for path, data in trained:
        for key in ("n_cells", "disorder"):
            if data[key] != first[key]:
                raise ConfigError(
                    f"{path}: trained with data.{key}={data[key]}, and {first_path} with "
                    f"{first[key]}; their scores do not compare, ask about one after another"
                )


def check_phases(path: str, data: Mapping[str, Any], chains: int) -> None:
    """Test chains are of both phases, between which counterfactuals and maps are compared.

    Raises:
        ConfigError: if they are not.
    """
    ensemble = data_module({**data, "n_test": chains}).ensemble
    labels = ensemble.chains(Split.TEST, range(chains)).labels["ratio"]
    if labels.min() == labels.max():
        phase = ("trivial", "topological")[labels[0]]
        raise ConfigError(
            f"{path}: its {chains} test chains are all {phase}, data.ratio_range="
            f"{list(data['ratio_range'])}; set --chains higher, or ask about a network of both phases"
        )


class Subject:
    """A network and its test chains, which are those of its own data settings but for W.

    Args:
        checkpoint: of train.py.
        chains: how many of each strength.
        group: what it is shown as, with others of the same group.
        trust: packages or classes, beside those of :mod:`sshml.config.trust`, that it may name.

    Attributes:
        data: settings of the data that it was trained on.
        chains: how many of each strength.

    Raises:
        CheckpointError: if it is none.
    """

    def __init__(
        self, checkpoint: str, chains: int, group: str = "", trust: Sequence[str] = ()
    ) -> None:
        self.checkpoint = checkpoint
        self.group = group or checkpoint
        content = read_checkpoint(checkpoint, trust)
        self.network = trained_network(content)
        self.data: Mapping[str, Any] = content["hyper_parameters"]["data"]
        self.chains = chains
        self._tests: dict[float, Batch] = {}

    def test(self, W: float) -> Batch:
        """Test chains of a strength: ``profile`` (n, 1, 2M, 2M), ``ratio``, ``t1`` and others (n,)."""
        if W not in self._tests:
            data = data_module({**self.data, "W": W, "n_test": self.chains, "label": "ratio"})
            self._tests[W] = data.dataset(Split.TEST).__getitems__(range(self.chains))
        return self._tests[W]

    def training_chains(self) -> Batch:
        """The first of the chains that it was trained on, at most 2000."""
        data = data_module(self.data)
        n = min(_TRAINING_CHAINS, data.ensemble.sizes[Split.TRAIN])
        return data.dataset(Split.TRAIN).__getitems__(range(n))

    @torch.inference_mode()
    @float32()
    def logits(self, profiles: Tensor) -> Tensor:
        """Answers of the network, shape (n, 2).

        Raises:
            ConfigError: if they are not finite.
        """
        parts = [self.network(part) for part in profiles.split(_BATCH)]  # type: ignore[no-untyped-call]
        return self._finite("its answers", torch.cat(parts))

    @torch.inference_mode()
    @float32()
    def features(self, profiles: Tensor) -> Tensor:
        """What the linear head sees: features behind the global average pooling, shape (n, K).

        Raises:
            ConfigError: if they are not finite.
        """
        parts = [self.network.features(part) for part in profiles.split(_BATCH)]  # type: ignore[no-untyped-call, operator]
        return self._finite("its features", torch.cat([part.mean(dim=(-2, -1)) for part in parts]))

    def _finite(self, what: str, values: Tensor) -> Tensor:
        if values.isfinite().all():
            return values
        raise ConfigError(
            f"{self.checkpoint}: {what} are not finite; expected the network of a training that worked"
        )
