"""What a run shows at its end: figures, a table, the way to everything else."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table
from torch import nn

from sshml import figures
from sshml.data.base import PhaseDataModule
from sshml.data.streams import Split
from sshml.files.run_folder import RunFolder
from sshml.networks.evaluation import EVALUATION
from sshml.terminal import say
from sshml.tracking import MetricsFile, pictured, upload_command
from sshml.training.callbacks import TestPredictions
from sshml.training.endings import STOPPED_BY
from sshml.training.metrics import count_names

# Far from a transition on both sides, and close to it, where profiles are hard to tell apart; in units
# of its place.
_RATIOS_SHOWN = (0.2, 0.6, 0.9, 0.98, 1.02, 1.1, 1.4, 1.8)

# 0.9 to this power is 3e-6. Six seeds of the CNN, in batches of 20, left 50 % between steps 80 and 120.
_SETTLING_STEPS = 120


def profiles_figure(datamodule: PhaseDataModule) -> Figure:
    """Some training samples: around the transition, if there is one, or over the whole control."""
    dataset = datamodule.dataset(Split.TRAIN)
    ratios = dataset.parameters().get("ratio")
    some = np.linspace(0, len(dataset) - 1, min(len(_RATIOS_SHOWN), len(dataset)))
    shown = some.astype(int).tolist()
    if ratios is not None:
        transitions = datamodule.critical("ratio")
        wanted = (
            transitions[0] * np.array(_RATIOS_SHOWN)
            if len(transitions) == 1
            else np.linspace(ratios.min(), ratios.max(), len(_RATIOS_SHOWN))
        )
        nearest = (int(np.abs(ratios - ratio).argmin()) for ratio in wanted)
        shown = list(dict.fromkeys(nearest))
    batch = dataset.__getitems__(shown)
    return figures.sample_images(
        batch["input"][:, 0].numpy(),
        batch["label"].tolist(),
        {datamodule.known_parameters[name]: of.tolist() for name, of in batch["parameters"].items()},
        datamodule.classes,
        datamodule.representation,
        n_channels=datamodule.shape[0],
    )


def draw_figures(
    run: RunFolder,
    datamodule: PhaseDataModule,
    history: MetricsFile,
    predictions: TestPredictions,
    best_epoch: int,
) -> dict[str, Figure]:
    """Draw the figures of a finished run into its folder.

    Args:
        run: the folder.
        datamodule: its data.
        history: the values of all epochs and of the test.
        predictions: of the test.
        best_epoch: of the best checkpoint, counted from 1.

    Returns:
        The figures by name.
    """
    classes = datamodule.classes
    n = len(classes)
    counts = np.reshape([int(history.test[f"test/{name}"]) for name in count_names(n)], (n, n))
    drawn = {
        "profiles": profiles_figure(datamodule),
        "learning_curves": figures.learning_curves(list(history.rows.values()), best_epoch),
        "confusion_matrix": figures.confusion_matrix(counts, classes),
    }
    for name, values in predictions.parameters.items():
        if values.min() < values.max():
            drawn[f"accuracy_by_{name}"] = figures.accuracy_by_parameter(
                values,
                datamodule.known_parameters[name].symbol,
                predictions.labels,
                predictions.predictions,
                classes,
                datamodule.critical(name),
            )
    run.figures.mkdir(exist_ok=True)
    for name, figure in drawn.items():
        figure.savefig(run.figures / f"{name}.png", dpi=120)
    return drawn


def log_results(
    loggers: Sequence[Logger],
    drawn: Mapping[str, Figure],
    predictions: TestPredictions,
    classes: Sequence[str],
    epoch: int,
) -> None:
    """Send the figures and the confusion matrix to the loggers."""
    for logger in pictured(loggers):
        for name, figure in drawn.items():
            logger.figure(name, figure, epoch)
        logger.confusion(predictions.labels, predictions.predictions, classes, epoch)


def hint(network: nn.Module, n_steps: int, predictions: TestPredictions) -> str | None:
    """What to say of a network that calls everything the same because it was trained too briefly.

    A batch norm's running statistics keep 0.9 of what they were in every step, and begin at 0 and 1. In
    training the network uses those of the batch instead, so the training accuracy may be high already.

    Args:
        network: that was tested.
        n_steps: of its training.
        predictions: of the test.
    """
    batch_norms = (
        part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)
    )
    settling = n_steps < _SETTLING_STEPS and any(part.track_running_stats for part in batch_norms)
    if not settling or len(set(predictions.predictions)) > 1:
        return None
    return (
        f"all test samples have the same prediction, as expected after only {n_steps} training "
        f"steps: the running statistics of batch norms need about {_SETTLING_STEPS} steps to settle; "
        "train for more epochs, or with smaller batches (data.batch_size)"
    )


@rank_zero_only
def say_end(metrics: Mapping[str, float], advice: str | None) -> None:
    """Print the final accuracies in a line, for a run that is part of a study.

    Args:
        metrics: as in ``metrics.json``.
        advice: what :func:`hint` says.
    """
    say(f"accuracy: validation {metrics['val/accuracy']:.2%}, test {metrics['test/accuracy']:.2%}")
    if advice:
        say(f"hint: {advice}")


@rank_zero_only
def print_summary(
    run: RunFolder,
    settings: Mapping[str, Any],
    metrics: Mapping[str, float],
    stopped_by: str,
    advice: str | None,
) -> None:
    """Print a short table of the final values, and where everything is.

    Args:
        run: the folder.
        settings: of the run.
        metrics: as in ``metrics.json``.
        stopped_by: what ended the training.
        advice: what :func:`hint` says.
    """
    table = Table(title=f"best checkpoint: epoch {metrics['best_epoch']:g}")
    table.add_column("")
    for stage, precision in (
        ("validation", settings["trainer"]["precision"]), ("test", EVALUATION)
    ):  # fmt: skip
        table.add_column(f"{stage}\n{precision}", justify="right")
    for name, form in (
        ("accuracy", "{:.2%}"),
        ("loss", "{:.4f}"),
        ("macro_accuracy", "{:.2%}"),
        ("ece", "{:.4f}"),
        *((count, "{:.0f}") for count in ("tp", "fp", "tn", "fn")),
    ):
        if f"val/{name}" not in metrics:  # of two classes, or of more
            continue
        values = [form.format(metrics[f"{stage}/{name}"]) for stage in ("val", "test")]
        table.add_row(name, *values)
    console = Console()
    console.print(table)
    if advice:
        console.print(f"hint: {advice}", soft_wrap=True, highlight=False, markup=False)
    paths: dict[str, object] = {
        "stopped by": STOPPED_BY[stopped_by],
        "run folder": run.path,
        "metrics": run.path / "metrics.json",
        **({"figures": run.figures} if run.figures.is_dir() else {}),
        "best network": run.path / "checkpoints" / "best.ckpt",
    }
    if upload := upload_command(run.path):
        paths["upload with"] = upload
    for name, path in paths.items():
        console.print(f"{name + ':':<14}{path}", soft_wrap=True, highlight=False, markup=False)
