"""What a training makes small. One of your own is a module: logits (n, C), labels (n,) to a number."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class CrossEntropy(nn.Module):
    """Cross-entropy, with smoothed labels and weights of the classes.

    Args:
        label_smoothing: share of a label that is spread evenly over all classes (arXiv:1512.00567).
        class_weights: of each class, in the order of labels; the mean is weighted by them. Empty for
            none.

    Example:
        >>> logits, labels = torch.tensor([[0.0, 2.0], [0.0, 2.0]]), torch.tensor([0, 1])
        >>> plain, weighted = CrossEntropy(), CrossEntropy(class_weights=[1.0, 3.0])
        >>> round(float(plain(logits, labels)), 3), round(float(weighted(logits, labels)), 3)
        (1.127, 0.627)
    """

    weights: Tensor | None

    def __init__(
        self,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        class_weights: Sequence[Annotated[float, Field(gt=0)]] = (),
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        weights = torch.tensor(class_weights, dtype=torch.float32) if class_weights else None
        # Settings, which a checkpoint has already.
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over a batch."""
        return cross_entropy(logits, labels, weight=self.weights, label_smoothing=self.label_smoothing)
