"""What is measured of a phase classifier."""

from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassCalibrationError,
    MulticlassConfusionMatrix,
)

STAGES = ("train", "val", "test")
NAMES = ("loss", "accuracy", "tp", "fp", "tn", "fn", "ece")
#: What a callback can monitor during training.
LOGGED = tuple(f"{stage}/{name}" for stage in STAGES[:2] for name in NAMES)


class PhaseMetrics(MetricCollection):
    """Accuracy, confusion counts and calibration of logits (n, 2) against labels (n,).

    ``accuracy``; ``tp``, ``fp``, ``tn``, ``fn`` (positive = topological = 1); ``ece``, the expected
    calibration error of the predicted class in 15 bins (Guo et al., arXiv:1706.04599).
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "accuracy": MulticlassAccuracy(num_classes=2, average="micro"),
                "confusion": MulticlassConfusionMatrix(num_classes=2),
                "ece": MulticlassCalibrationError(num_classes=2, n_bins=15),
            }
        )

    def compute(self) -> dict[str, Tensor]:
        """The values of all batches since the last reset, scalars."""
        values: dict[str, Tensor] = super().compute()
        (tn, fp), (fn, tp) = values.pop("confusion").float()
        return {**values, "tp": tp, "fp": fp, "tn": tn, "fn": fn}
