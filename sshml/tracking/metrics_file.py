"""The values of every epoch, in a file of the run folder."""

import re
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from sshml.files.run_folder import write_atomically
from sshml.files.stored import read_epochs
from sshml.files.tables import csv_text
from sshml.terminal import duration, say

_COUNTS = re.compile(r".*/(tp|fp|tn|fn|count_\d+_\d+)")


class MetricsFile(Logger):
    """Writes ``metrics.csv``, a row an epoch, and keeps the values of the test.

    A resumed run keeps the rows it has; an epoch done again replaces its row.

    Args:
        path: the file.
        n_epochs: of the whole training; -1 for one without a last epoch.

    Attributes:
        rows: the values of each epoch, by its number, counted from 1.
        test: the values of the test.
    """

    def __init__(self, path: Path, n_epochs: int) -> None:
        super().__init__()
        self._path = path
        self._n_epochs = n_epochs
        self._last_line = time.monotonic()
        self.rows: dict[int, dict[str, float]] = {}
        self.test: dict[str, float] = {}
        if path.is_file():
            for row in read_epochs(path.parent):
                self._add(row)

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "metrics"

    @property
    def version(self) -> str:
        """Not used; the run folder is the version."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the run folder has ``config.yaml``."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:  # noqa: ARG002
        """Add values to the row of their epoch, or to those of the test.

        Values of single steps, such as a LearningRateMonitor's, are for other loggers.
        """
        if "epoch" not in metrics:
            return
        row = self._add(metrics)
        if row:
            self._write()
        if "train/loss" in row:  # training is logged last, after validation
            self._say(int(metrics["epoch"]))

    def _add(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Sort values in; returns those that belong to an epoch."""
        epoch = int(metrics["epoch"])
        values = {
            name: int(value) if _COUNTS.fullmatch(name) else float(value)
            for name, value in metrics.items()
            if name != "epoch"
        }
        tested = {name: value for name, value in values.items() if name.startswith("test/")}
        self.test.update(tested)
        row = {name: value for name, value in values.items() if name not in tested}
        if row:
            self.rows.setdefault(epoch, {"epoch": epoch}).update(row)
        return row

    @rank_zero_only
    def _say(self, epoch: int) -> None:
        row, now = self.rows[epoch], time.monotonic()
        stages = [
            f"{stage} loss {row[f'{stage}/loss']:.4f} accuracy {row[f'{stage}/accuracy']:.2%}"
            for stage in ("train", "val")
            if f"{stage}/accuracy" in row
        ]
        seconds, left = now - self._last_line, self._n_epochs - epoch
        time_left = f", about {duration(left * seconds)} left" if left > 0 else ""
        of_all = f" of {self._n_epochs}" if self._n_epochs > 0 else ""
        say("  ".join([f"epoch {epoch}{of_all}", *stages, f"{duration(seconds)}{time_left}"]))
        self._last_line = now

    def _write(self) -> None:
        columns = [
            "epoch",
            *sorted({name for row in self.rows.values() for name in row} - {"epoch"}),
        ]
        rows = (self.rows[epoch] for epoch in sorted(self.rows))
        write_atomically(self._path, csv_text(columns, rows))
