"""Where scalars and figures go: the run folder always, Weights & Biases or TensorBoard beside it."""

import csv
import io
import os
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from sshml.errors import ConfigError
from sshml.figures import PHASES, Example, map_picture, profile_picture
from sshml.run_folder import write_atomically

_COUNTS = ("/tp", "/fp", "/tn", "/fn")


class MetricsFile(Logger):
    """Writes ``metrics.csv``, a row an epoch, and keeps the values of the test.

    A run that is resumed goes on with the rows it has; an epoch done again replaces its row.

    Args:
        path: the file.
        echo: print a line an epoch, where there is no progress bar.

    Attributes:
        rows: the values of each epoch, by its number.
        test: the values of the test.
    """

    def __init__(self, path: Path, *, echo: bool) -> None:
        super().__init__()
        self._path = path
        self._echo = echo
        self._last_echo = time.monotonic()
        self.rows: dict[int, dict[str, float]] = {}
        self.test: dict[str, float] = {}
        if path.is_file():
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    self._add({name: float(value) for name, value in row.items() if value})

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
        """Add values to the row of their epoch, or to those of the test."""
        row = self._add(metrics)
        if row:
            self._write()
        if self._echo and "train/loss" in row:  # training is logged last, after validation
            self._print(int(metrics["epoch"]))

    def _add(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Sort values in; returns those that belong to an epoch."""
        epoch = int(metrics["epoch"])
        values = {
            name: int(value) if name.endswith(_COUNTS) else float(value)
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
    def _print(self, epoch: int) -> None:
        row, now = self.rows[epoch], time.monotonic()
        stages = [
            f"{stage} loss {row[f'{stage}/loss']:.4f} accuracy {row[f'{stage}/accuracy']:.2%}"
            for stage in ("train", "val")
            if f"{stage}/loss" in row
        ]
        print(f"epoch {epoch + 1}", *stages, f"{now - self._last_echo:.1f} s", sep="  ", flush=True)
        self._last_echo = now

    def _write(self) -> None:
        columns = [
            "epoch",
            *sorted({name for row in self.rows.values() for name in row} - {"epoch"}),
        ]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows[epoch] for epoch in sorted(self.rows))
        write_atomically(self._path, text.getvalue())


def wandb_logger(
    folder: str,
    mode: Literal["online", "offline", "disabled"] = "offline",
    project: str = "sshml",
    entity: str | None = None,
    name: str | None = None,
    group: str | None = None,
    tags: Sequence[str] = (),
) -> WandbLogger:
    """Begin a Weights & Biases run of its own.

    Args:
        folder: where W&B puts its ``wandb`` folder.
        mode: ``offline`` needs no account and no network.
        project: W&B project.
        entity: W&B user or team; None for the account's default.
        name: of the run; None lets W&B choose.
        group: that runs of one study share.
        tags: to find runs by.

    Raises:
        ConfigError: if W&B refuses, as it does online without an account.
    """
    import wandb  # noqa: PLC0415  # takes a second that other loggers need not wait for

    if int(os.environ.get("LOCAL_RANK", "0")):  # of several processes the first one logs
        return WandbLogger(offline=True)
    # The mode belongs to this run alone; WandbLogger(offline=True) would set it for the process.
    try:
        run = wandb.init(
            dir=folder,
            mode=mode,
            project=project,
            entity=entity,
            name=name,
            group=group,
            tags=list(tags),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )
    except wandb.Error as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"logger.wandb.mode={mode}: W&B did not begin a run ({reason}); log in with `wandb login`, "
            "or choose logger.wandb.mode=offline"
        ) from error
    run.define_metric("epoch", hidden=True)
    run.define_metric("*", step_metric="epoch")
    return WandbLogger(experiment=run)


@contextmanager
def closing(loggers: Iterable[Logger]) -> Iterator[None]:
    """Finish the W&B runs among the loggers, as failed if the block raises."""
    exit_code = 1
    try:
        yield
        exit_code = 0
    finally:
        for run in _wandb_runs(loggers):
            run.finish(exit_code=exit_code)


def _wandb_runs(loggers: Iterable[Logger]) -> Iterator[Any]:
    """The W&B runs among the loggers."""
    return (logger.experiment for logger in loggers if isinstance(logger, WandbLogger))


def log_figure(loggers: Sequence[Logger], name: str, figure: Figure, epoch: int) -> None:
    """Send a figure to every logger that shows pictures."""
    for run in _wandb_runs(loggers):
        import wandb  # noqa: PLC0415

        run.log({f"figures/{name}": wandb.Image(figure), "epoch": epoch})
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure(name, figure, epoch, close=False)


def log_confusion(
    loggers: Sequence[Logger],
    labels: NDArray[np.integer],
    predictions: NDArray[np.integer],
    epoch: int,
) -> None:
    """Send the confusion matrix of the test set to W&B, as one of its charts."""
    for run in _wandb_runs(loggers):
        import wandb  # noqa: PLC0415

        chart = wandb.plot.confusion_matrix(
            y_true=labels.tolist(),
            preds=predictions.tolist(),
            class_names=list(PHASES),
            title="test",
        )
        run.log({"test/confusion": chart, "epoch": epoch})


def log_rows(loggers: Sequence[Logger], rows: Sequence[Mapping[str, Any]]) -> None:
    """Send the rows of a transfer study to W&B as a table, and the networks' scores against W."""
    for run in _wandb_runs(loggers):
        import wandb  # noqa: PLC0415

        table = wandb.Table(list(rows[0]))
        for row in rows:
            table.add_data(*({**row, "train_W": str(row["train_W"])}.values()))
        run.log({"transfer": table})
        run.define_metric("W", hidden=True)
        run.define_metric("transfer/*", step_metric="W")
        for row in rows:
            if row["method"] == "network":
                name = f"transfer/trained_at_{row['train_W']}/seed_{row['seed']}"
                scores = {
                    key: row[key] for key in ("accuracy", "topological_share", "ceiling", "loss", "ece")
                }
                run.log({"W": row["W"], **{f"{name}/{key}": value for key, value in scores.items()}})


def log_examples(loggers: Sequence[Logger], examples: Sequence[Example], epoch: int) -> None:
    """Send a table of test samples with their profiles and maps to W&B."""
    for run in _wandb_runs(loggers):
        import wandb  # noqa: PLC0415

        table = wandb.Table(
            ["t1/t2", "W", "true", "predicted", "right", "p(topological)", "profile", "map"]
        )
        for example in examples:
            table.add_data(
                example.t1,
                example.W,
                PHASES[example.label],
                PHASES[example.prediction],
                example.prediction == example.label,
                example.probability,
                wandb.Image(profile_picture(example)),
                wandb.Image(map_picture(example)),
            )
        run.log({"test/examples": table, "epoch": epoch})
