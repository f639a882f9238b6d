"""What loggers that show more than numbers have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger

from sshml.figures import Example

JobType = Literal["train", "transfer"]


class PictureLogger(Logger):
    """A logger that shows figures, examples and tables beside the scalars.

    A step is the epoch of a training, and W of a transfer study.
    """

    @abstractmethod
    def start(self, settings: Mapping[str, Any], job_type: JobType) -> None:
        """Begin; before any of the others.

        Args:
            settings: of the run or the study.
            job_type: which of the two it is.
        """

    @abstractmethod
    def figure(self, name: str, figure: Figure, step: float) -> None:
        """Show a figure."""

    @abstractmethod
    def confusion(
        self, labels: NDArray[np.integer], predictions: NDArray[np.integer], step: float
    ) -> None:
        """Show the confusion matrix of the test set as a chart of its own kind, if it has one."""

    @abstractmethod
    def examples(self, examples: Sequence[Example], step: float) -> None:
        """Show test samples with their profiles and maps."""

    @abstractmethod
    def rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show the rows of a transfer study, and the networks' scores against W."""

    @abstractmethod
    def finish(self, exit_code: int) -> None:
        """End; 0 for a run that finished, 1 for one that failed."""
