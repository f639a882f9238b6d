"""Answers of networks and detectors on test chains, and their scores."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sshml import intervals
from sshml.data.datamodule import Batch, SSHDataModule
from sshml.data.ensemble import Label
from sshml.data.streams import Split
from sshml.networks.precision import float32
from sshml.physics import best_threshold
from sshml.physics.hoppings import Floats
from sshml.training.metrics import PhaseMetrics
from sshml.transfer.baselines import DETECTORS

LABELS: tuple[Label, ...] = ("ratio", "sample", "thermodynamic")
#: Columns of ``transfer.csv``. ``accuracy_source`` is that of a network, as it was carried over to W,
#: on test chains as it was trained on; the last four are what it has cost.
COLUMNS = (
    "method", "train_W", "W", "seed", "n", "accuracy", "accuracy_low", "accuracy_high",
    "accuracy_sample", "accuracy_thermodynamic", "ceiling", "loss", "tp", "fp", "tn", "fn",
    "topological_share", "ece", "accuracy_source", "train_seconds", "adapt_seconds", "target_labelled",
    "target_unlabelled",
)  # fmt: skip
Row = dict[str, Any]
# Training chains that the thresholds of the detectors are fitted on, at most.
_FITTED_ON = 4_000


@dataclass(frozen=True)
class Answers:
    """What is known of n test chains.

    Attributes:
        ratio: the Hamiltonian's control, shape (n,).
        labels: shape (n,) of each kind.
        logits: of the network, shape (n, 2).
        detectors: the number that each detector reads off, shape (n,).
        thresholds: above which a detector says "topological".
    """

    ratio: Floats
    labels: dict[Label, NDArray[np.int64]]
    logits: torch.Tensor
    detectors: dict[str, Floats]
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def predictions(self) -> NDArray[np.int64]:
        """Of the network, 0 or 1, shape (n,)."""
        return self.logits.argmax(dim=1).numpy()

    @property
    def baselines(self) -> dict[str, NDArray[np.int64]]:
        """Of the detectors with a threshold, and of the exact invariant; 0 or 1, shape (n,) each."""
        found = {
            name: (self.detectors[name] > threshold).astype(np.int64)
            for name, threshold in self.thresholds.items()
        }
        return {**found, "exact_invariant": self.labels["sample"]}


@torch.inference_mode()
@float32()
def ask(
    network: nn.Module | None, batches: Iterable[Batch], thresholds: Mapping[str, float] | None = None
) -> Answers:
    """Let a network, in float32, and the detectors look at all batches.

    Args:
        network: in eval mode, on any device; None to ask the detectors only.
        batches: of a data module.
        thresholds: of the detectors, from :func:`fitted_thresholds`; None if they are not known.

    Returns:
        The answers; without a network its logits are 0.
    """
    parts: dict[str, list[Any]] = {}
    for batch in batches:
        profiles = batch["input"]
        images = profiles[:, 0].numpy()
        answers: dict[str, Any] = {kind: batch["labels"][kind] for kind in LABELS}
        answers["logits"] = torch.zeros(len(profiles), 2)
        if network is not None:
            device = next(network.parameters()).device
            logits = network(profiles.to(device, memory_format=torch.channels_last))
            answers["logits"] = logits.float().cpu()
        answers["control"] = batch["parameters"]["ratio"]
        answers |= {name: torch.from_numpy(detect(images)) for name, detect in DETECTORS.items()}
        for name, values in answers.items():
            parts.setdefault(name, []).append(values)
    whole = {name: torch.cat(values) for name, values in parts.items()}
    return Answers(
        ratio=whole["control"].double().numpy(),
        labels={kind: whole[kind].numpy() for kind in LABELS},
        logits=whole["logits"],
        detectors={name: whole[name].numpy() for name in DETECTORS},
        thresholds=thresholds or {},
    )


def fitted_thresholds(data: SSHDataModule) -> dict[str, float]:
    """Thresholds of the detectors that are best on training chains, by the ``ratio`` label.

    Args:
        data: whose training set, or its first 4 000 chains, to fit on: clean chains for W = 0.

    Returns:
        A threshold for each detector, above which it says "topological".
    """
    n = min(_FITTED_ON, data.ensemble.sizes[Split.TRAIN])
    parts = np.array_split(np.arange(n), -(-n // data.batch_size))
    answers = ask(None, (data.dataset(Split.TRAIN).__getitems__(part.tolist()) for part in parts))
    return {name: best_threshold(v, answers.labels["ratio"]) for name, v in answers.detectors.items()}


def score(
    predictions: NDArray[np.int64],
    labels: dict[Label, NDArray[np.int64]],
    logits: torch.Tensor | None = None,
) -> Row:
    """Scores of predictions against the ``ratio`` label, and beside it the other two.

    Args:
        predictions: 0 or 1, shape (n,).
        labels: of each kind, shape (n,).
        logits: shape (n, 2), if they come from a network.

    Returns:
        The columns from ``n`` to ``ece``. The interval of the accuracy is Wilson's, 95 %. ``ceiling``
        is the accuracy that the exact invariant of each chain would have. Loss and calibration error
        are None without logits.
    """
    ratio = labels["ratio"]
    n, right = len(ratio), int((predictions == ratio).sum())
    low, high = intervals.of_share(right, n)
    counts = {
        name: int(((predictions == said) & (ratio == true)).sum())
        for name, said, true in (("tp", 1, 1), ("fp", 1, 0), ("tn", 0, 0), ("fn", 0, 1))
    }
    loss = ece = None
    if logits is not None:
        target = torch.from_numpy(ratio)
        loss = float(nn.functional.cross_entropy(logits, target))
        metrics = PhaseMetrics()
        metrics.update(logits, target)
        ece = float(metrics.compute()["ece"])
    return {
        "n": n,
        "accuracy": right / n,
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_sample": float((predictions == labels["sample"]).mean()),
        "accuracy_thermodynamic": float((predictions == labels["thermodynamic"]).mean()),
        "ceiling": float((labels["sample"] == ratio).mean()),
        "loss": loss,
        **counts,
        "topological_share": float(predictions.mean()),
        "ece": ece,
    }
