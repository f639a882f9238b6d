"""What loggers that show more than numbers have in common."""

import functools
import sys
from abc import abstractmethod
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from sshml.figures import Example
from sshml.files.stored import run_folder_of

#: W, and what was measured there by name.
Scores = tuple[float, dict[str, float]]
JobType = Literal["train", "transfer"]
P = ParamSpec("P")
L = TypeVar("L", bound="PictureLogger")


def shielded(method: Callable[Concatenate[L, P], None]) -> Callable[Concatenate[L, P], None]:
    """Makes a method of a logger that never costs a run: after one failure it does nothing more."""

    @functools.wraps(method)
    def shielding(self: L, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if not self.stopped:
            self.attempt(functools.partial(method, self, *args, **kwargs))

    return shielding


class PictureLogger(Logger):
    """A logger that shows figures, examples and tables beside the scalars.

    A step is the epoch of a training, and W of a transfer study.

    Attributes:
        stopped: whether it has failed and does nothing any more.
    """

    title: str

    def __init__(self) -> None:
        super().__init__()
        self.stopped = False

    @property
    def name(self) -> str:
        """Name of the logger."""
        return self.title

    @property
    def version(self) -> str:
        """Not used; the run folder is the version."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: a run starts with its settings."""

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
        self,
        labels: NDArray[np.integer],
        predictions: NDArray[np.integer],
        classes: Sequence[str],
        step: float,
    ) -> None:
        """Show the confusion matrix of the test set as a chart of its own kind, if it has one."""

    @abstractmethod
    def examples(self, examples: Sequence[Example], step: float) -> None:
        """Show test samples with their profiles and maps."""

    @abstractmethod
    def rows(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[Scores]) -> None:
        """Show the rows of a transfer study, and the networks' scores against W.

        Args:
            rows: of the study, all with the same names.
            scores: W and the scores by name, of every network at every W.
        """

    @abstractmethod
    def artifact(self, folder: Path) -> None:
        """Keep the best network of a run folder where others can load it, if there is such a place."""

    @abstractmethod
    def _finish(self, exit_code: int) -> None:
        """End; whatever it was started as may be there or not."""

    def finish(self, exit_code: int) -> None:
        """End; 0 for a run that finished, 1 for one that failed."""
        self.attempt(functools.partial(self._finish, exit_code))

    @rank_zero_only
    def attempt(self, call: Callable[[], None]) -> None:
        """Call a function; its failure is reported and stops the logger, not the run.

        Of several processes only the first one does.
        """
        try:
            call()
        except Exception as error:
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        if not self.stopped:
            warn(
                f"{self.title} stopped ({one_line(error)}); the run continues and keeps its CSV, "
                f"JSON and figures; {self._way_out()}"
            )
        self.stopped = True

    def _way_out(self) -> str:
        return "logger=csv disables it"


def run_name(settings: Mapping[str, Any]) -> list[str]:
    """The parts of a run's name: network, chains or file, method of a study, seed.

    A study of a given checkpoint has its network and chains from there, so its name has the folder of
    that instead.

    Example:
        >>> run_name({"model": {"_target_": "a.CNN"}, "data": {"n_cells": 30, "W": 0.5}, "seed": 1})
        ['CNN', 'M=30', 'W=0.5', 'seed=1']
    """
    data, checkpoint = settings["data"], settings.get("checkpoint")
    if checkpoint is not None:
        parts = [run.name] if (run := run_folder_of(checkpoint)) else []
    else:
        parts = [class_name(settings["model"]), *chains(data)]
    if "transfer" in settings:
        parts.append("methods" if settings.get("methods") else class_name(settings["transfer"]))
    elif "W" in data:
        parts.append(strength(data["W"]))
    return [*parts, f"seed={settings['seed']}"]


def class_name(node: Mapping[str, Any]) -> str:
    """The class that a node of the settings names."""
    return str(node["_target_"]).rpartition(".")[2]


def chains(data: Mapping[str, Any]) -> list[str]:
    """The number of cells, or the file with the data; nothing where there is neither."""
    if "n_cells" in data:
        return [f"M={data['n_cells']}"]
    return [Path(data["path"]).name] if "path" in data else []


def strength(W: float | str | Sequence[float]) -> str:
    """``W=0.25``; of several strengths ``W=0.25+0.5``."""
    each = W if isinstance(W, Sequence) and not isinstance(W, str) else [W]
    return "W=" + "+".join(w if isinstance(w, str) else f"{w:g}" for w in each)


def warn(message: str) -> None:
    """Tell the user in a line."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def one_line(error: Exception) -> str:
    """Kind and message of an error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def example_columns(example: Example) -> tuple[str, ...]:
    """Names of what :func:`example_values` says of a sample."""
    known = (parameter.title for parameter in example.parameters)
    probabilities = (f"p({name})" for name in example.classes[1:])
    return *known, "true", "predicted", "right", *probabilities


def example_values(example: Example) -> tuple[Any, ...]:
    """What to say of a sample, in the columns of :func:`example_columns`."""
    return (
        *example.parameters.values(),
        example.true,
        example.predicted,
        example.prediction == example.label,
        *example.probabilities[1:],
    )
