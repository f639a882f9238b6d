"""Weights & Biases."""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pytorch_lightning.utilities import rank_zero_only

from sshml.errors import ConfigError
from sshml.figures import PHASES, Example, map_picture, profile_picture
from sshml.loggers.pictures import JobType, PictureLogger


class WandbLogger(PictureLogger):
    """A Weights & Biases run of its own.

    Args:
        folder: where W&B puts its ``wandb`` folder.
        mode: ``offline`` needs no account and no network.
        project: W&B project.
        entity: W&B user or team; None for the account's default.
        name: of the run; None lets W&B choose.
        group: that runs of one study share.
        tags: to find runs by.
    """

    def __init__(
        self,
        folder: str,
        mode: Literal["online", "offline", "disabled"] = "offline",
        project: str = "sshml",
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._mode = mode
        self._init: dict[str, Any] = {"dir": folder, "project": project, "entity": entity, "name": name}
        self._init |= {"group": group, "tags": list(tags)}

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "wandb"

    @property
    def version(self) -> str:
        """Not used; the run folder is the version."""
        return ""

    def start(self, settings: Mapping[str, Any], job_type: JobType) -> None:
        """Begin the run.

        Raises:
            ConfigError: if W&B refuses, as it does online without an account.
        """
        import wandb  # noqa: PLC0415  # takes a second that other loggers need not wait for

        # Of several processes the first one logs. The mode belongs to this run alone; Lightning's
        # WandbLogger(offline=True) would set it for the process.
        mode = "disabled" if int(os.environ.get("LOCAL_RANK", "0")) else self._mode
        try:
            self._run = wandb.init(
                **self._init,
                mode=mode,
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off"),
                config=dict(settings),
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"logger.wandb.mode={self._mode}: W&B did not begin a run ({reason}); log in with "
                "`wandb login`, or choose logger.wandb.mode=offline"
            ) from error
        self._axis = {"train": "epoch", "transfer": "W"}[job_type]
        self._run.define_metric(self._axis, hidden=True)
        self._run.define_metric("*", step_metric=self._axis)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the run begins with its settings."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:  # noqa: ARG002
        """Log scalars, which have their epoch among them."""
        self._run.log(dict(metrics))

    def figure(self, name: str, figure: Figure, step: float) -> None:
        """Show a figure."""
        import wandb  # noqa: PLC0415

        self._run.log({f"figures/{name}": wandb.Image(figure), self._axis: step})

    def confusion(
        self, labels: NDArray[np.integer], predictions: NDArray[np.integer], step: float
    ) -> None:
        """Show W&B's own chart of the confusion matrix of the test set."""
        import wandb  # noqa: PLC0415

        chart = wandb.plot.confusion_matrix(
            y_true=labels.tolist(),
            preds=predictions.tolist(),
            class_names=list(PHASES),
            title="test",
        )
        self._run.log({"test/confusion": chart, self._axis: step})

    def examples(self, examples: Sequence[Example], step: float) -> None:
        """Show a table of test samples with their profiles and maps."""
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
        self._run.log({"test/examples": table, self._axis: step})

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show the rows of a transfer study as a table, and the networks' scores against W."""
        import wandb  # noqa: PLC0415

        table = wandb.Table(list(rows[0]))
        for row in rows:
            table.add_data(*({**row, "train_W": str(row["train_W"])}.values()))
        self._run.log({"transfer": table})
        for row in rows:
            if row["method"] == "network":
                name = f"transfer/trained_at_{row['train_W']}/seed_{row['seed']}"
                scores = {
                    key: row[key] for key in ("accuracy", "topological_share", "ceiling", "loss", "ece")
                }
                self._run.log(
                    {"W": row["W"], **{f"{name}/{key}": value for key, value in scores.items()}}
                )

    def finish(self, exit_code: int) -> None:
        """End the run."""
        self._run.finish(exit_code=exit_code)
