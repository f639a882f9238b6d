"""TensorBoard."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning.loggers
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sshml.figures import Example
from sshml.loggers.pictures import JobType, PictureLogger


class TensorBoardLogger(pytorch_lightning.loggers.TensorBoardLogger, PictureLogger):
    """Lightning's logger, with figures."""

    def start(self, settings: Mapping[str, Any], job_type: JobType) -> None:  # noqa: ARG002
        """Write the settings."""
        self.log_hyperparams(dict(settings))

    def figure(self, name: str, figure: Figure, step: float) -> None:
        """Show a figure."""
        self.experiment.add_figure(name, figure, round(step), close=False)

    def confusion(
        self, labels: NDArray[np.integer], predictions: NDArray[np.integer], step: float
    ) -> None:
        """Nothing: it is among the figures."""

    def examples(self, examples: Sequence[Example], step: float) -> None:
        """Nothing."""

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Nothing."""

    def finish(self, exit_code: int) -> None:
        """Nothing."""
