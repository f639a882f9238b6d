"""TensorBoard."""

import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sshml.config.options import dotted
from sshml.errors import ConfigError, pip_install
from sshml.figures import Example, image_picture, map_picture
from sshml.files.provenance import git_revision
from sshml.tracking.pictures import (
    JobType,
    PictureLogger,
    Scores,
    example_columns,
    example_values,
    run_name,
    shielded,
)

# What the table of hyper-parameters compares runs by.
_COMPARED = ("val/accuracy", "val/loss", "test/accuracy", "test/loss")
# TensorBoard's steps are whole numbers: those of a training are epochs, those of a study 1000 W.
_STEPS_PER_UNIT = {"train": 1, "transfer": 1000}


_Hook = Callable[[threading.ExceptHookArgs], object]


def _without_writer(hook: _Hook) -> _Hook:
    """A hook that shows no failure of TensorBoard's thread, which its next call raises anyway."""

    def shown(failure: threading.ExceptHookArgs) -> None:
        if type(failure.thread).__module__.partition(".")[0] != "tensorboard":
            hook(failure)

    return shown


class TensorBoardLogger(PictureLogger):
    """Event files for TensorBoard, which names a run by its folder.

    Args:
        folder: where they go, into a folder named ``CNN,M=30,W=0.5,seed=1``.
    """

    title = "TensorBoard"

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder
        self._writer: Any = None
        self._hook: _Hook = threading.excepthook

    @staticmethod
    def check_installed() -> None:
        """Raise a ConfigError that says how to install TensorBoard, if it is not."""
        if find_spec("tensorboard") is None:
            raise ConfigError(
                f"logger=tensorboard: TensorBoard is not installed; run {pip_install('tensorboard')}"
            )

    @shielded
    def start(self, settings: Mapping[str, Any], job_type: JobType) -> None:
        """Write the settings as hyper-parameters."""
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  # an extra
        from torch.utils.tensorboard.summary import hparams  # noqa: PLC0415

        # First: the thread of the writer may fail while it is made.
        threading.excepthook = _without_writer(self._hook)
        self._writer = SummaryWriter(self._run_folder(settings))
        self._steps_per_unit = _STEPS_PER_UNIT[job_type]
        values = dotted(settings) | {"git_revision": git_revision(), "job_type": job_type}
        plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in values.items()}
        *begin, self._end = hparams(plain, dict.fromkeys(_COMPARED, 0.0))  # type: ignore[no-untyped-call]
        for summary in begin:
            self._writer.file_writer.add_summary(summary)

    def _run_folder(self, settings: Mapping[str, Any]) -> str:
        """The folder that the run began in, if it is resumed; else a new one."""
        begun = sorted(Path(self._folder).rglob("events.out.tfevents.*"))
        return str(begun[0].parent if begun else Path(self._folder, ",".join(run_name(settings))))

    @shielded
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:  # noqa: ARG002
        """Log scalars against the epoch among them."""
        for name in metrics.keys() - {"epoch"}:
            self._writer.add_scalar(name, metrics[name], int(metrics["epoch"]))
        self._writer.flush()

    @shielded
    def figure(self, name: str, figure: Figure, step: float) -> None:
        """Show a figure."""
        self._writer.add_figure(f"figures/{name}", figure, self._whole(step), close=False)

    def confusion(
        self,
        labels: NDArray[np.integer],
        predictions: NDArray[np.integer],
        classes: Sequence[str],
        step: float,
    ) -> None:
        """Nothing: TensorBoard has no chart of it, and its picture is among the figures."""

    @shielded
    def examples(self, examples: Sequence[Example], step: float) -> None:
        """Show a table of test samples, and the profile and the map of each."""
        columns = example_columns(examples[0])
        table = [columns, ["---"] * len(columns), *map(example_values, examples)]
        text = "\n".join(f"| {' | '.join(map(str, row))} |" for row in table)
        self._writer.add_text("test/examples", text, self._whole(step))
        for number, example in enumerate(examples, start=1):
            kind = f"{example.true}_called_{example.predicted}"
            pictures = [image_picture(example), map_picture(example)]
            name = f"test/examples/{number}_{kind}"
            self._writer.add_figure(name, pictures, self._whole(step), close=False)

    @shielded
    def rows(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[Scores]) -> None:  # noqa: ARG002
        """Show the networks' scores against W."""
        for W, values in scores:
            for name, value in values.items():
                self._writer.add_scalar(name, value, self._whole(W))

    def artifact(self, folder: Path) -> None:
        """Nothing: TensorBoard keeps no files."""

    def _finish(self, exit_code: int) -> None:
        try:
            if self._writer is not None:
                if exit_code == 0:
                    self._writer.file_writer.add_summary(self._end)
                self._writer.close()
        finally:
            threading.excepthook = self._hook

    def _whole(self, step: float) -> int:
        return round(self._steps_per_unit * step)
