"""The two lines that a job of a sweep prints: when it begins, and how it ended."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString

from sshml.errors import shown
from sshml.files.stored import StoredError, read_metrics
from sshml.terminal import duration


@dataclass(frozen=True)
class Place:
    """The place of a job in its sweep.

    Attributes:
        label: its values on the axes.
        number: counted from 1.
        of: how many jobs are to be done; None if that is not known.
        began: when the first one began, where they run one after another; else None.
    """

    label: str
    number: int
    of: int | None = None
    began: float | None = None

    def override(self) -> str:
        """The override by which the job knows its place."""
        label = QuotedString(self.label, Quote.single).with_quotes()
        began = "null" if self.began is None else self.began
        return f"+hydra.sweeper.job={{label:{label},number:{self.number},of:{self.of},began:{began}}}"

    def __str__(self) -> str:
        return f"job {self.number}" + ("" if self.of is None else f" of {self.of}")


def _here() -> Place:
    """The place of this job."""
    hydra = HydraConfig.get()
    given = hydra.sweeper.get("job")  # not by Hydra's own sweepers
    return Place(**given) if given else Place(" ".join(hydra.overrides.task), hydra.job.num + 1)


def print_begin() -> None:
    """Print which job begins."""
    place = _here()
    print(f"{place}: {shown(place.label)}", flush=True)


def print_end(folder: Path, status: str, seconds: float) -> None:
    """Print how a job ended, and how long the others will take if they run one after another.

    Args:
        folder: of the job.
        status: how it ended, for a job without final accuracies.
        seconds: that it took.
    """
    place, ended, left = _here(), status, ""
    if status == "finished":
        with suppress(StoredError, KeyError):  # a study of transfer.py has none
            metrics = read_metrics(folder)
            ended = f"validation {metrics['val/accuracy']:.2%}, test {metrics['test/accuracy']:.2%}"
    if place.of and place.began and (to_come := place.of - place.number):
        left = f"; about {duration((time.time() - place.began) / place.number * to_come)} left"
    print(f"{place}: {ended}, {duration(seconds)}{left}", flush=True)
