"""One run: train, test, explain, and leave a folder behind."""

import logging
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar

from sshml.config.build import build
from sshml.config.programs import command_of, is_sweep, own_configuration
from sshml.config.trust import own_trust
from sshml.data.base import PhaseDataModule
from sshml.errors import DivergedError, PrunedError, UnfinishedError, errors_of_parts
from sshml.files.run_folder import RunFolder, check_unused, is_resumed
from sshml.files.stored import EPOCHS, check_own, read_epochs
from sshml.terminal import say_interrupted
from sshml.tracking import MetricsFile, opened, pictured
from sshml.training.callbacks import AtomicCheckpointIO, MapPanels, TestPredictions
from sshml.training.checks.run import check_run
from sshml.training.distributed import BatchNormSync, Termination, ending_processes, is_of_processes
from sshml.training.endings import Divergence, Pruning, TimeLimit, stop_reason
from sshml.training.module import PhaseClassifier
from sshml.training.progress import EpochBar, say_start
from sshml.training.summary import draw_figures, hint, log_results, print_summary, say_end


def train(
    settings: Mapping[str, Any],
    overrides: Sequence[str] | None = None,
    *,
    command: str | None = None,
    is_pruned: Callable[[int, float], bool] | None = None,
) -> dict[str, float]:
    """Train, test and explain.

    Args:
        settings: from :func:`sshml.config.schema.plain_config`; the run's folder is ``paths.run``.
        overrides: what the command line of train.py changed of the configuration; a resumed run takes
            them up. None for a run that is part of another program's.
        command: that does this run by itself, for the manifest; None for the one that was typed.
        is_pruned: of a search, see :class:`sshml.training.endings.Pruning`; None for no pruning.

    Returns:
        The final values, as in ``metrics.json``: ``best_epoch``, counted from 1, and ``train/…`` and
        ``val/…`` of its checkpoint; ``test/…``.

    Raises:
        ConfigError: before any work, if the parts do not fit together.
        CheckpointError: likewise, for ``ckpt_path``.
        DivergedError: at the first loss that is not finite.
        PrunedError: after the epoch at which ``is_pruned`` said so.
        OSError: if a file cannot be written; those written before are whole.
    """
    datamodule = checked(settings)
    run = RunFolder(settings["paths"]["run"], settings, overrides or (), command)
    by_itself = overrides is not None and command is None
    status, stopped_by = "failed", "error"
    try:
        metrics, stopped_by, advice = _train(settings, run, datamodule, is_pruned)
        status = "finished"
    except (KeyboardInterrupt, SystemExit):  # Lightning turns Ctrl-C into the latter
        status, stopped_by = "interrupted", "signal"
        if by_itself and not is_sweep():  # a sweep says how to resume all of its jobs
            say_interrupted(way_on(run.path, settings))
        raise KeyboardInterrupt from None
    except DivergedError:
        status, stopped_by = "diverged", "divergence"
        raise
    except PrunedError:
        status, stopped_by = "pruned", "pruner"
        raise
    except RuntimeError as error:
        if not is_of_processes(error):
            raise
        raise UnfinishedError(
            "another process of the run was killed, perhaps because memory ran out; "
            f"{way_on(run.path, settings)}"
        ) from error
    finally:
        run.finish(status, stopped_by)
    if stopped_by == "max_time" and by_itself:
        print(f"stopped by trainer.max_time; {way_on(run.path, settings)}", file=sys.stderr)
    if not by_itself:
        say_end(metrics, advice)
    elif not is_sweep():  # which prints a line of its own
        print_summary(run, settings, metrics, stopped_by, advice)
    return metrics


def checked(settings: Mapping[str, Any]) -> PhaseDataModule:
    """Check a run whole, before any work; returns its data.

    Raises:
        ConfigError: if the parts do not fit together.
        CheckpointError: for ``ckpt_path``.
    """
    quieten_libraries()
    _seed(settings)  # a custom data module may draw random numbers when it is built
    datamodule = check_run(settings)
    folder = Path(settings["paths"]["run"])
    if is_sweep():  # whose jobs are what their folders are named after
        check_own(folder)
    else:
        check_unused(settings)
    if is_resumed(settings) or (folder / EPOCHS).exists():
        read_epochs(folder)  # a file that is damaged or gone is reported before anything is written
    return datamodule


def _seed(settings: Mapping[str, Any]) -> None:
    pl.seed_everything(settings["seed"], workers=True, verbose=False)


def quieten_libraries() -> None:
    """Silence what Lightning says of every run here; its other warnings stay.

    Pictures look the same whatever the user's ``matplotlibrc``, which may ask for TeX.
    """
    matplotlib.rcdefaults()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a log file of W&B's on a full disk is not worth a traceback
    for said_of_every_run in (
        ".*does not have many workers.*",  # profiles are made faster than they are trained on
        "(?s).*Checkpoint directory .* exists and is not empty.*",  # a resumed run's own
        ".*callbacks used to create the checkpoint need to be provided.*",  # likewise
        ".*when logging on epoch level in distributed setting.*",  # computed over all processes
        ".*treespec, LeafSpec.*",  # Lightning 2.6 on torch 2.15
        ".*number of training batches .* is smaller than the logging interval.*",
    ):
        warnings.filterwarnings("ignore", message=said_of_every_run)


def way_on(folder: Path, settings: Mapping[str, Any]) -> str:
    """What to do to have an unfinished run finished."""
    last = folder / "checkpoints" / "last.ckpt"
    if last.is_file():
        given = f"{own_configuration()}{shlex.quote(f'ckpt_path={last}')}{own_trust(settings)}"
        return f"resume with: {command_of('train')} {given}"
    return "no epoch was finished, so start the run again"


def _callbacks(settings: Mapping[str, Any]) -> dict[str, pl.Callback]:
    """The callbacks that the settings name, by their keys."""
    built = {f"callbacks.{name}": build(node) for name, node in settings["callbacks"].items()}
    return {
        key: part
        for key, part in built.items()
        if settings["figures"] or not isinstance(part, MapPanels)
    }


def _train(
    settings: Mapping[str, Any],
    run: RunFolder,
    datamodule: PhaseDataModule,
    is_pruned: Callable[[int, float], bool] | None,
) -> tuple[dict[str, float], str, str | None]:
    """Returns the final values, what ended the training, and a hint for the user."""
    _seed(settings)
    module = PhaseClassifier(
        network=settings["model"],
        optimizer=settings["optimizer"],
        scheduler=settings["scheduler"],
        augmentation=settings["augmentation"],
        data=settings["data"],
        seed=settings["seed"],
        loss=settings["loss"],
        n_classes=len(datamodule.classes),
        explanation=settings["explanation"],
        channels_last=settings["channels_last"],
    )
    history = MetricsFile(run.path / "metrics.csv", settings["trainer"]["max_epochs"])
    with opened(settings, "train") as loggers:
        callbacks = _callbacks(settings)
        predictions = TestPredictions()
        has_bar = any(isinstance(part, ProgressBar) for part in callbacks.values())
        limit = TimeLimit(time) if (time := settings["trainer"].get("max_time")) else None
        trainer: pl.Trainer = build(
            {key: value for key, value in settings["trainer"].items() if key != "max_time"},
            logger=[history, *loggers],
            callbacks=[
                *callbacks.values(),
                predictions,
                Termination(),
                Divergence(),
                *([limit] if limit else []),
                *([Pruning(is_pruned)] if is_pruned else []),
                *([EpochBar()] if sys.stdout.isatty() and not has_bar else []),
            ],
            enable_progress_bar=has_bar or sys.stdout.isatty(),
            use_distributed_sampler=False,  # the data module gives every process its share
            plugins=[BatchNormSync(), AtomicCheckpointIO()],
        )
        named_loggers = {
            f"logger.{name}": part for name, part in zip(settings["logger"], loggers, strict=True)
        }
        if not is_sweep():
            say_start(settings, module.network, datamodule, trainer)
        with ending_processes(trainer), errors_of_parts({**callbacks, **named_loggers}):
            trainer.fit(module, datamodule, ckpt_path=settings["ckpt_path"], weights_only=True)
            if not history.rows:
                raise UnfinishedError("a callback ended the run before its first epoch was finished")
            reason = stop_reason(trainer, limit)
            best = trainer.checkpoint_callback.best_model_path or None  # type: ignore[union-attr]
            trainer.test(module, datamodule, ckpt_path=best, verbose=False, weights_only=True)
            epoch = module.epoch_loaded if best else max(history.rows)
            best_row = {name: value for name, value in history.rows[epoch].items() if name != "epoch"}
            metrics = {"best_epoch": epoch, **best_row, **history.test}
            if trainer.is_global_zero and settings["figures"]:
                drawn = draw_figures(run, datamodule, history, predictions, epoch)
                log_results(loggers, drawn, predictions, datamodule.classes, epoch)
            run.write_metrics(metrics)  # last: a run that has them is whole
            if trainer.is_global_zero:
                for logger in pictured(loggers):
                    logger.artifact(run.path)
            advice = hint(module.network, trainer.global_step, predictions)
    return metrics, reason, advice
