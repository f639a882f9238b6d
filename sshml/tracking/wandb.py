"""Weights & Biases."""

import queue
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import Field

from sshml.figures import Example, image_picture, map_picture
from sshml.files.provenance import git_revision
from sshml.files.stored import MANIFEST
from sshml.tracking.pictures import (
    JobType,
    PictureLogger,
    Scores,
    chains,
    class_name,
    example_columns,
    example_values,
    one_line,
    run_name,
    shielded,
    strength,
    warn,
)

# W&B's own limits.
_Project = Annotated[str, Field(pattern=r"^[^/\\#?%:]{1,128}$")]
_MAX_TAG = 64
_MAX_NAME = 128
_Tag = Annotated[str, Field(min_length=1, max_length=_MAX_TAG)]

_OFFLINE = "logger.wandb.mode=offline"
_INIT_S = 30.0
# A W&B process that does not answer for so long hangs.
_CALL_S = 30.0
# How long the end of an online run may take: a checkpoint of ResNet18 (90 MB) at 3 Mbit/s.
_UPLOAD_S = 300.0
_TEAR_DOWN_S = 5.0
_T = TypeVar("_T")
# Each time a run is resumed, its steps begin at the next multiple of this: `wandb sync` appends to
# a run what has larger steps.
_STEPS_PER_PIECE = 1_000_000


class HangError(Exception):
    """W&B's process does not answer."""


def within(seconds: float, call: Callable[[], _T]) -> _T:
    """Call a function that might never come back.

    Raises:
        HangError: if it takes longer; it is left alone then.
    """
    outcome: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((call(), None))
        except Exception as error:
            outcome.put((None, error))
        except SystemExit as error:  # as W&B's end does when its process failed
            outcome.put((None, RuntimeError(f"exit status {error.code}")))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise HangError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return cast("_T", result)


class WandbLogger(PictureLogger):
    """A Weights & Biases run of its own; a resumed one keeps its id.

    Args:
        folder: where W&B puts its ``wandb`` folder.
        mode: ``offline`` needs no account and no network. ``online`` becomes offline, with a warning,
            if there is no account or the server cannot be reached.
        project: W&B project.
        entity: W&B user or team; None for the account's default.
        name: of the run; None for its network, M, W and seed.
        group: that runs of one study share.
        tags: to find runs by, beside those of the settings.
    """

    title = "W&B"

    def __init__(
        self,
        folder: str,
        mode: Literal["online", "offline", "disabled"] = "offline",
        project: _Project = "sshml",
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: Sequence[_Tag] = (),
    ) -> None:
        super().__init__()
        self._folder = folder
        self._mode = mode
        self._names = {"project": project, "entity": entity, "group": group}
        self._name = name
        self._tags = tags
        self._run: Any = None

    @shielded
    def start(self, settings: Mapping[str, Any], job_type: JobType) -> None:
        """Begin the run, or its next piece."""
        import wandb  # noqa: PLC0415  # takes a second that other loggers need not wait for
        from wandb.sdk import wandb_setup  # noqa: PLC0415

        self._library = wandb_setup.singleton()
        no_server = _no_server() if self._mode == "online" else None
        pieces = sorted(Path(self._folder).glob("wandb/*run-*"))  # [offline-]run-DATE_TIME-ID
        # The mode belongs to this run alone; Lightning's WandbLogger(offline=True) would set it for the
        # process, and its log_model refuses to work offline.
        begin = partial(
            wandb.init,
            **self._names,  # type: ignore[arg-type]
            name=self._name or " ".join(run_name(settings))[:_MAX_NAME],
            dir=self._folder,
            mode="offline" if no_server else self._mode,
            id=pieces[0].name.rsplit("-", maxsplit=1)[-1] if pieces else None,
            resume="allow",
            job_type=job_type,
            tags=list(dict.fromkeys([*self._tags, *settings_tags(settings)])),
            config={**settings, "git_revision": git_revision()},
            reinit="create_new",
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=_INIT_S,
                finish_timeout=_UPLOAD_S,
                finish_timeout_raises=True,
            ),
        )
        self._run = within(2 * _INIT_S, begin)  # W&B's process, then its run
        self._online = not self._run.offline and not self._run.disabled
        self._step = None if self._online else _STEPS_PER_PIECE * len(pieces)  # online, W&B counts
        self._axis = {"train": "epoch", "transfer": "W"}[job_type]
        within(_CALL_S, self._define_metrics)
        if no_server:
            warn(
                f"logger.wandb.mode=online: {no_server}; W&B logs offline instead; upload later with "
                f"`wandb login` and `{upload_command(self._folder)}`, or set {_OFFLINE}"
            )
        if self._online:
            print(f"W&B: {self._run.url}", flush=True)

    def _define_metrics(self) -> None:
        self._run.define_metric(self._axis, hidden=True)
        self._run.define_metric("*", step_metric=self._axis)
        for stage in ("train", "val"):
            for metric, best in (("accuracy", "max"), ("loss", "min")):
                self._run.define_metric(
                    f"{stage}/{metric}", step_metric=self._axis, summary=f"{best},last"
                )

    def _log(self, values: Mapping[str, Any]) -> None:
        within(_CALL_S, lambda: self._run.log(dict(values), step=self._step, commit=True))
        if self._step is not None:
            self._step += 1

    @shielded
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:  # noqa: ARG002
        """Log scalars, which have their epoch among them."""
        self._log(metrics)

    @shielded
    def figure(self, name: str, figure: Figure, step: float) -> None:
        """Show a figure."""
        import wandb  # noqa: PLC0415

        self._log({f"figures/{name}": wandb.Image(figure), self._axis: step})

    @shielded
    def confusion(
        self,
        labels: NDArray[np.integer],
        predictions: NDArray[np.integer],
        classes: Sequence[str],
        step: float,
    ) -> None:
        """Show W&B's own chart of the confusion matrix of the test set."""
        import wandb  # noqa: PLC0415

        chart = wandb.plot.confusion_matrix(
            y_true=labels.tolist(),
            preds=predictions.tolist(),
            class_names=list(classes),
            title="test",
        )
        self._log({"test/confusion": chart, self._axis: step})

    @shielded
    def examples(self, examples: Sequence[Example], step: float) -> None:
        """Show a table of test samples with their profiles and maps."""
        import wandb  # noqa: PLC0415

        table = wandb.Table([*example_columns(examples[0]), "profile", "map"])
        for example in examples:
            pictures = (wandb.Image(image_picture(example)), wandb.Image(map_picture(example)))
            table.add_data(*example_values(example), *pictures)
        self._log({"test/examples": table, self._axis: step})

    @shielded
    def rows(self, rows: Sequence[Mapping[str, Any]], scores: Sequence[Scores]) -> None:
        """Show the rows of a transfer study as a table, and the networks' scores against W."""
        import wandb  # noqa: PLC0415

        table = wandb.Table(list(rows[0]))
        for row in rows:
            table.add_data(*({**row, "train_W": str(row["train_W"])}.values()))
        self._log({"transfer": table})
        for W, values in scores:
            self._log({"W": W, **values})

    @shielded
    def artifact(self, folder: Path) -> None:
        """Send the best checkpoint with its settings and manifest; online only."""
        import wandb  # noqa: PLC0415

        if self._online:
            artifact = wandb.Artifact(f"network-{self._run.id}", type="model")
            for name in ("checkpoints/best.ckpt", "config.yaml", MANIFEST):
                artifact.add_file(str(folder / name))
            within(_CALL_S, lambda: self._run.log_artifact(artifact))

    def _finish(self, exit_code: int) -> None:
        if self._run is not None:
            seconds = _CALL_S + _UPLOAD_S if self._online else _CALL_S
            within(seconds, lambda: self._run.finish(exit_code=exit_code))

    def _stop(self, error: Exception) -> None:
        """Also let go of a W&B process that is gone or hangs: the next run gets a new one."""
        super()._stop(error)
        from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError  # noqa: PLC0415

        if isinstance(error, ConnectionError | HangError | HandleAbandonedError | MailboxClosedError):
            self._run = None
            with suppress(Exception):
                within(_TEAR_DOWN_S, self._tear_down)

    def _tear_down(self) -> None:
        import wandb  # noqa: PLC0415
        from wandb.sdk import wandb_setup  # noqa: PLC0415

        if wandb_setup.singleton() is self._library:  # or another run has done so
            # A process that hangs would keep the pipes of the program open, and `| tee` wait for it.
            with suppress(AttributeError):  # it is another program's, such as a parent's
                self._library._connection._proc._process.kill()  # type: ignore[union-attr]
            wandb.teardown()

    def _way_out(self) -> str:
        if self._run is None:
            return f"{super()._way_out()}, and {_OFFLINE} needs no server"
        option = "--include-online " if self._online else ""
        piece = shlex.quote(str(Path(self._run.dir).parent))
        return f"upload what was logged with: wandb sync {option}{piece}"


def _no_server() -> str | None:
    """Why W&B cannot log online; None if it can."""
    import wandb  # noqa: PLC0415

    try:
        return None if wandb.login(prompt=False, verify=True) else "there is no account (no API key)"
    except Exception as error:  # whatever it is, offline works
        return one_line(error)


def settings_tags(settings: Mapping[str, Any]) -> list[str]:
    """What to find a run by: its network, chains and disorder; the method of a study.

    A study of a given checkpoint has its network and chains from there, so these are not tags of it.
    """
    data = settings["data"]
    tags = []
    if settings.get("checkpoint") is None:
        size = chains(data) if "n_cells" in data else []
        tags += [class_name(settings["model"]), *size, data.get("disorder", "")]
    if "transfer" in settings:
        tags.append(class_name(settings["transfer"]))
    elif "W" in data:
        tags.append(strength(data["W"]))
    return [tag for tag in tags if 0 < len(tag) <= _MAX_TAG]


def upload_command(folder: str | Path) -> str | None:
    """How to upload the offline runs in a run folder, and those of networks that a study trained."""
    places = [
        f"{shlex.quote(str(folder))}/{place}"
        for place in ("wandb", "sources/*/wandb")
        if any(Path(folder).glob(f"{place}/offline-run-*"))
    ]
    return f"wandb sync {' '.join(places)}" if places else None
