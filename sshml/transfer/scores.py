"""Answers of networks and detectors on test chains, and their scores."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sshml import intervals
from sshml.data.base import PhaseDataModule
from sshml.data.representations.base import Detector
from sshml.data.samples import Batch
from sshml.data.streams import Split
from sshml.networks.evaluation import float32
from sshml.physics import best_threshold
from sshml.physics.numbers import Floats
from sshml.training.metrics import PhaseMetrics, count_names
from sshml.transfer.baselines import EXACT, EXACT_LABEL, detectors_of
from sshml.transfer.columns import Row

# Before the names of parameters, which may be any.
_PARAMETER = "parameter "
# Training chains that the thresholds of the detectors are fitted on, at most.
_FITTED_ON = 4_000


@dataclass(frozen=True)
class Answers:
    """What is known of n test chains.

    Attributes:
        parameters: shape (n,) each, by name: of chains ``ratio``, the Hamiltonian's control, and ``W``.
        labels: shape (n,) of each kind that the data have; answers are right or wrong by the first.
        logits: of the network, shape (n, C).
        detectors: the number that each detector reads off, shape (n,).
        thresholds: above which a detector says "topological".
    """

    parameters: Mapping[str, Floats]
    labels: Mapping[str, NDArray[np.int64]]
    logits: torch.Tensor
    detectors: Mapping[str, Floats]
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> NDArray[np.int64]:
        """What the answers should be, shape (n,)."""
        return next(iter(self.labels.values()))

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
        known = {EXACT: self.labels[EXACT_LABEL]} if EXACT_LABEL in self.labels else {}
        return {**found, **known}


def ask(
    network: nn.Module | None, data: PhaseDataModule, thresholds: Mapping[str, float] | None = None
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
    data: PhaseDataModule,
    batches: Iterable[Batch],
    thresholds: Mapping[str, float],
) -> Answers:
    detectors: Mapping[str, Detector] = detectors_of(data)
    parts: dict[str, list[Any]] = {}
    for batch in batches:
        inputs = batch["input"]
        images = inputs[:, 0].numpy()
        answers: dict[str, Any] = dict(batch["labels"])
        answers["logits"] = torch.zeros(len(inputs), len(data.classes))
        if network is not None:
            device = next(network.parameters()).device
            logits = network(inputs.to(device, memory_format=torch.channels_last))
            answers["logits"] = logits.float().cpu()
        answers |= {f"{_PARAMETER}{name}": of for name, of in batch["parameters"].items()}
        answers |= {name: torch.from_numpy(detect(images)) for name, detect in detectors.items()}
        for name, values in answers.items():
            parts.setdefault(name, []).append(values)
    whole = {name: torch.cat(values) for name, values in parts.items()}
    return Answers(
        parameters={
            name: whole[f"{_PARAMETER}{name}"].double().numpy() for name in data.known_parameters
        },
        labels={kind: whole[kind].numpy() for kind in data.label_kinds},
        logits=whole["logits"],
        detectors={name: whole[name].numpy() for name in detectors},
        # A network of chains may be tested on images that no detector reads.
        thresholds={name: of for name, of in thresholds.items() if name in detectors},
    )


def fitted_thresholds(data: PhaseDataModule) -> dict[str, float]:
    """Thresholds of the detectors that are best on training chains, by the ``ratio`` label.

    Args:
        data: whose training set, or its first 4 000 chains, to fit on: clean chains for W = 0.

    Returns:
        A threshold for each detector, above which it says "topological"; none for chains and images
        that no detector knows.
    """
    if not detectors_of(data):
        return {}
    dataset = data.dataset(Split.TRAIN)
    n = min(_FITTED_ON, len(dataset))
    parts = np.array_split(np.arange(n), -(-n // data.batch_size))
    answers = _collected(None, data, (dataset.__getitems__(part.tolist()) for part in parts), {})
    return {name: best_threshold(v, answers.label) for name, v in answers.detectors.items()}


def _agreement(predictions: NDArray[np.int64], labels: NDArray[np.int64] | None) -> float | None:
    return None if labels is None else float((predictions == labels).mean())


def score(
    predictions: NDArray[np.int64],
    labels: Mapping[str, NDArray[np.int64]],
    logits: torch.Tensor | None = None,
    n_classes: int = 2,
) -> Row:
    """Scores of predictions against the first kind of label, of chains ``ratio``, and beside it others.

    Args:
        predictions: shape (n,).
        labels: of each kind, shape (n,).
        logits: shape (n, C), if they come from a network.
        n_classes: C.

    Returns:
        The columns from ``n`` to ``ece``, and those of :func:`sshml.transfer.columns.columns` for more
        than two classes. The interval of the accuracy is Wilson's, 95 %. ``ceiling`` is the accuracy
        that the exact invariant of each chain would have. Loss and calibration error are None without
        logits, and so is what needs a kind of label that there is not.
    """
    label = next(iter(labels.values()))
    n, right = len(label), int((predictions == label).sum())
    low, high = intervals.of_share(right, n)
    confusion = np.bincount(label * n_classes + predictions, minlength=n_classes**2)
    counts = dict(zip(count_names(n_classes), confusion.tolist(), strict=True))
    loss = ece = None
    if logits is not None:
        target = torch.from_numpy(label)
        metrics = PhaseMetrics(n_classes)
        metrics.update(logits, target)
        found = metrics.compute()
        loss, ece = float(found["loss"]), float(found["ece"])
    row = {
        "n": n,
        "accuracy": right / n,
        "accuracy_low": low,
        "accuracy_high": high,
        **{
            f"accuracy_{kind}": _agreement(predictions, labels.get(kind))
            for kind in (EXACT_LABEL, "thermodynamic")
        },
        "ceiling": _agreement(label, labels.get(EXACT_LABEL)),
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
