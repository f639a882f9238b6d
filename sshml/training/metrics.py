"""What is measured of a phase classifier."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCalibrationError,
    MulticlassConfusionMatrix,
)

STAGES = ("train", "val", "test")
NAMES = ("loss", "accuracy", "tp", "fp", "tn", "fn", "ece")
#: What a callback can monitor during training.
LOGGED = tuple(f"{stage}/{name}" for stage in STAGES[:2] for name in NAMES)


class CrossEntropy(Metric):
    """Mean cross-entropy of logits (n, C) against labels (n,), of the samples of all processes."""

    total: Tensor
    n: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("n", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch."""
        self.total += cross_entropy(logits.float(), labels, reduction="sum")
        self.n += len(labels)

    def compute(self) -> Tensor:
        """The mean of all batches since the last reset, a scalar."""
        return self.total / self.n


class CalibrationError(MulticlassCalibrationError):
    """torchmetrics' calibration error of logits (n, 2), which are never taken for probabilities.

    torchmetrics takes a batch's logits for that if they happen to lie between 0 and 1.
    """

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch of logits and labels."""
        super().update(preds.float().softmax(dim=1), target)


class PhaseMetrics(MetricCollection):
    """Loss, accuracy, confusion counts and calibration of logits (n, 2) against labels (n,).

    ``loss``, the mean cross-entropy; ``accuracy``; ``tp``, ``fp``, ``tn``, ``fn`` (positive =
    topological = 1); ``ece``, the expected calibration error of the predicted class in 15 bins (Guo et
    al., arXiv:1706.04599).
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "loss": CrossEntropy(),
                "accuracy": MulticlassAccuracy(num_classes=2, average="micro"),
                "confusion": MulticlassConfusionMatrix(num_classes=2),
                "ece": CalibrationError(num_classes=2, n_bins=15),
            }
        )

    def compute(self) -> dict[str, Tensor]:
        """The values of all batches since the last reset, scalars."""
        values: dict[str, Tensor] = super().compute()
        (tn, fp), (fn, tp) = values.pop("confusion").float()
        return {**values, "tp": tp, "fp": fp, "tn": tn, "fn": fn}
