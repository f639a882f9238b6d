"""Answers of networks and detectors on test chains, and their scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sshml import intervals
from sshml.data.datamodule import Batch, SSHDataModule
from sshml.data.ensemble import Label
from sshml.data.representations.base import Detector
from sshml.data.streams import Split
from sshml.networks.precision import float32
from sshml.physics import best_threshold
from sshml.physics.numbers import Floats
from sshml.training.metrics import PhaseMetrics, count_names
from sshml.transfer.baselines import EXACT, detectors_of
from sshml.transfer.columns import Row

# Training chains that the thresholds of the detectors are fitted on, at most.
_FITTED_ON = 4_000


@dataclass(frozen=True)
class Answers:
    """What is known of n test chains.

    Attributes:
        ratio: the Hamiltonian's control, shape (n,).
        labels: shape (n,) of each kind that the Hamiltonian has.
        logits: of the network, shape (n, C).
        detectors: the number that each detector reads off, shape (n,).
        thresholds: above which a detector says "topological".
    """

    ratio: Floats
    labels: Mapping[Label, NDArray[np.int64]]
    logits: torch.Tensor
    detectors: Mapping[str, Floats]
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def predictions(self) -> NDArray[np.int64]:
        """Of the network, shape (n,)."""
        return self.logits.argmax(dim=1).numpy()

    @property
    def baselines(self) -> dict[str, NDArray[np.int64]]:
        """Of the detectors with a threshold, and of the exact invariant; shape (n,) each."""
        found = {
            name: (self.detectors[name] > threshold).astype(np.int64)
            for name, threshold in self.thresholds.items()
        }
        return {**found, EXACT: self.labels["sample"]}


def ask(
    network: nn.Module | None, data: SSHDataModule, thresholds: Mapping[str, float] | None = None
) -> Answers:
    """Let a network, in float32, and the detectors look at the test chains.

    Args:
        network: in eval mode, on any device; None to ask the detectors only.
        data: whose test set to show.
        thresholds: of the detectors, from :func:`fitted_thresholds`; None if they are not known.

    Returns:
        The answers; without a network its logits are 0.
    """
    return _collected(network, data, data.test_dataloader(), thresholds or {})


@torch.inference_mode()
@float32()
def _collected(
    network: nn.Module | None,
    data: SSHDataModule,
    batches: Iterable[Batch],
    thresholds: Mapping[str, float],
) -> Answers:
    chain = data.ensemble.hamiltonian
    detectors: Mapping[str, Detector] = detectors_of(chain, data.representation)
    parts: dict[str, list[Any]] = {}
    for batch in batches:
        inputs = batch["input"]
        images = inputs[:, 0].numpy()
        answers: dict[str, Any] = dict(batch["labels"])
        answers["logits"] = torch.zeros(len(inputs), len(chain.classes))
        if network is not None:
            device = next(network.parameters()).device
            logits = network(inputs.to(device, memory_format=torch.channels_last))
            answers["logits"] = logits.float().cpu()
        answers["control"] = batch["parameters"]["ratio"]
        answers |= {name: torch.from_numpy(detect(images)) for name, detect in detectors.items()}
        for name, values in answers.items():
            parts.setdefault(name, []).append(values)
    whole = {name: torch.cat(values) for name, values in parts.items()}
    kinds: Sequence[Any] = chain.label_kinds
    return Answers(
        ratio=whole["control"].double().numpy(),
        labels={kind: whole[kind].numpy() for kind in kinds},
        logits=whole["logits"],
        detectors={name: whole[name].numpy() for name in detectors},
        thresholds=thresholds,
    )


def fitted_thresholds(data: SSHDataModule) -> dict[str, float]:
    """Thresholds of the detectors that are best on training chains, by the ``ratio`` label.

    Args:
        data: whose training set, or its first 4 000 chains, to fit on: clean chains for W = 0.

    Returns:
        A threshold for each detector, above which it says "topological"; none for chains and images
        that no detector knows.
    """
    if not detectors_of(data.ensemble.hamiltonian, data.representation):
        return {}
    n = min(_FITTED_ON, data.ensemble.sizes[Split.TRAIN])
    parts = np.array_split(np.arange(n), -(-n // data.batch_size))
    dataset = data.dataset(Split.TRAIN)
    answers = _collected(None, data, (dataset.__getitems__(part.tolist()) for part in parts), {})
    return {name: best_threshold(v, answers.labels["ratio"]) for name, v in answers.detectors.items()}


def score(
    predictions: NDArray[np.int64],
    labels: Mapping[Label, NDArray[np.int64]],
    logits: torch.Tensor | None = None,
    n_classes: int = 2,
) -> Row:
    """Scores of predictions against the ``ratio`` label, and beside it the other two.

    Args:
        predictions: shape (n,).
        labels: of each kind, shape (n,).
        logits: shape (n, C), if they come from a network.
        n_classes: C.

    Returns:
        The columns from ``n`` to ``ece``, and those of :func:`sshml.transfer.columns.columns` for more
        than two classes. The interval of the accuracy is Wilson's, 95 %. ``ceiling`` is the accuracy
        that the exact invariant of each chain would have. Loss and calibration error are None without
        logits, and so is the accuracy against a kind of label that the Hamiltonian does not have.
    """
    ratio = labels["ratio"]
    n, right = len(ratio), int((predictions == ratio).sum())
    low, high = intervals.of_share(right, n)
    confusion = np.bincount(ratio * n_classes + predictions, minlength=n_classes**2)
    counts = dict(zip(count_names(n_classes), confusion.tolist(), strict=True))
    loss = ece = None
    if logits is not None:
        target = torch.from_numpy(ratio)
        metrics = PhaseMetrics(n_classes)
        metrics.update(logits, target)
        found = metrics.compute()
        loss, ece = float(found["loss"]), float(found["ece"])
    row = {
        "n": n,
        "accuracy": right / n,
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_sample": float((predictions == labels["sample"]).mean()),
        "accuracy_thermodynamic": (
            float((predictions == labels["thermodynamic"]).mean())
            if "thermodynamic" in labels
            else None
        ),
        "ceiling": float((labels["sample"] == ratio).mean()),
        "loss": loss,
        **dict.fromkeys(count_names(2)),
        **counts,
        "topological_share": float(predictions.mean()) if n_classes == 2 else None,
        "ece": ece,
    }
    if n_classes == 2:
        return row
    of_class = confusion.reshape(n_classes, n_classes)
    present = of_class.sum(axis=1) > 0
    row["macro_accuracy"] = float((of_class.diagonal()[present] / of_class.sum(axis=1)[present]).mean())
    return row
