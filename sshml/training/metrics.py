"""What is measured of a phase classifier."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCalibrationError,
    MulticlassConfusionMatrix,
)

STAGES = ("train", "val", "test")
# True and false, positive and negative; of true class 0 those called 0 and 1, then of class 1.
_OF_TWO = ("tn", "fp", "fn", "tp")


def count_names(n_classes: int) -> tuple[str, ...]:
    """Names of the counts of a confusion matrix, row by row: ``count_1_2`` of class 1 called 2.

    Those of two classes are ``tn``, ``fp``, ``fn`` and ``tp``, positive being class 1.
    """
    if n_classes == 2:
        return _OF_TWO
    return tuple(
        f"count_{true}_{predicted}" for true in range(n_classes) for predicted in range(n_classes)
    )


def names(n_classes: int) -> tuple[str, ...]:
    """Names of what :class:`PhaseMetrics` measures."""
    macro = ("macro_accuracy",) if n_classes > 2 else ()
    return ("loss", "accuracy", *macro, *count_names(n_classes), "ece")


def logged(n_classes: int) -> tuple[str, ...]:
    """What a callback can monitor during training."""
    return tuple(f"{stage}/{name}" for stage in STAGES[:2] for name in names(n_classes))


class CrossEntropy(Metric):
    """Mean cross-entropy of logits against labels, of the samples of all processes."""

    total: Tensor
    n: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("n", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, logits: Float[Tensor, "n C"], labels: Int[Tensor, " n"]) -> None:
        """Add a batch."""
        self.total += cross_entropy(logits.float(), labels, reduction="sum")
        self.n += len(labels)

    def compute(self) -> Float[Tensor, ""]:
        """The mean of all batches since the last reset."""
        return self.total / self.n


class CalibrationError(MulticlassCalibrationError):
    """torchmetrics' calibration error of logits, which are never taken for probabilities.

    torchmetrics takes a batch's logits for that if they happen to lie between 0 and 1.
    """

    def update(self, preds: Float[Tensor, "n C"], target: Int[Tensor, " n"]) -> None:
        """Add a batch of logits and labels."""
        super().update(preds.float().softmax(dim=1), target)


class PhaseMetrics(MetricCollection):
    """Loss, accuracy, confusion counts and calibration of logits of C classes against labels.

    ``loss``, the mean cross-entropy; ``accuracy``; ``macro_accuracy``, of more than two classes the
    mean of the accuracies of each; the counts of :func:`count_names`; ``ece``, the expected calibration
    error of the predicted class in 15 bins (Guo et al., arXiv:1706.04599).

    Args:
        n_classes: C.
    """

    def __init__(self, n_classes: int = 2) -> None:
        self._n_classes = n_classes
        super().__init__(
            {
                "loss": CrossEntropy(),
                "accuracy": MulticlassAccuracy(num_classes=n_classes, average="micro"),
                "macro_accuracy": MulticlassAccuracy(num_classes=n_classes, average="macro"),
                "confusion": MulticlassConfusionMatrix(num_classes=n_classes),
                "ece": CalibrationError(num_classes=n_classes, n_bins=15),
            }
        )

    def compute(self) -> dict[str, Float[Tensor, ""]]:
        """The values of all batches since the last reset."""
        values: dict[str, Tensor] = super().compute()
        counts = values.pop("confusion").float().flatten()
        values |= dict(zip(count_names(self._n_classes), counts, strict=True))
        return {name: values[name] for name in names(self._n_classes)}
