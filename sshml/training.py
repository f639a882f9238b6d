"""One run: train, test, explain, and leave a folder behind."""

import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl

from sshml.build import build
from sshml.callbacks import MapPanels, TestPredictions
from sshml.checks import check_run
from sshml.data.datamodule import SSHDataModule
from sshml.loggers import MetricsFile, opened, pictured
from sshml.module import PhaseClassifier
from sshml.parallel import BatchNormSync, Termination, ending_processes
from sshml.report import draw_figures, log_results, print_summary
from sshml.run_folder import RunFolder


def train(settings: Mapping[str, Any], overrides: Sequence[str] | None = None) -> dict[str, float]:
    """Train, test and explain.

    Args:
        settings: from :func:`sshml.config.plain_config`; the run's folder is ``paths.run``.
        overrides: what the command line of train.py changed of the configuration; a resumed run takes
            them up. None for a run that is part of another program's.

    Returns:
        The final values, as in ``metrics.json``: ``epoch``, counted from 0, and ``train/…`` and
        ``val/…`` of the best checkpoint; ``test/…``.

    Raises:
        ConfigError: before any work, if the parts do not fit together.
        CheckpointError: likewise, for ``ckpt_path``.
    """
    quieten_libraries()
    check_run(settings)
    run = RunFolder(settings["paths"]["run"], settings, overrides or ())
    status = "failed"
    try:
        metrics = _train(settings, run)
        status = "finished"
    except (KeyboardInterrupt, SystemExit):  # Lightning turns Ctrl-C into the latter
        status = "interrupted"
        if overrides is not None:
            _say_how_to_go_on(run)
        raise KeyboardInterrupt from None
    finally:
        run.finish(status)
    print_summary(run, metrics)
    return metrics


def quieten_libraries() -> None:
    """Silence what Lightning says of every run here; its other warnings stay."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for said_of_every_run in (
        ".*does not have many workers.*",  # profiles are made faster than they are trained on
        ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run's own
        ".*when logging on epoch level in distributed setting.*",  # computed over all processes
        ".*treespec, LeafSpec.*",  # Lightning 2.6 on torch 2.15
        ".*number of training batches .* is smaller than the logging interval.*",
    ):
        warnings.filterwarnings("ignore", message=said_of_every_run)


def _say_how_to_go_on(run: RunFolder) -> None:
    last = run.path / "checkpoints" / "last.ckpt"
    way = f"go on with: python train.py ckpt_path={last}" if last.is_file() else "no epoch was done"
    print(f"interrupted; {way}", file=sys.stderr)


def _train(settings: Mapping[str, Any], run: RunFolder) -> dict[str, float]:
    pl.seed_everything(settings["seed"], workers=True, verbose=False)
    datamodule: SSHDataModule = build(settings["data"])
    module = PhaseClassifier(
        network=settings["model"],
        optimizer=settings["optimizer"],
        scheduler=settings["scheduler"],
        augmentation=settings["augmentation"],
        data=settings["data"],
        seed=settings["seed"],
        channels_last=settings["channels_last"],
    )
    on_terminal = sys.stdout.isatty()
    history = MetricsFile(run.path / "metrics.csv", echo=not on_terminal)
    with opened(settings, "train") as loggers:
        callbacks = [build(node) for node in settings["callbacks"].values()]
        if not settings["figures"]:
            callbacks = [part for part in callbacks if not isinstance(part, MapPanels)]
        predictions = TestPredictions()
        trainer: pl.Trainer = build(
            settings["trainer"],
            logger=[history, *loggers],
            callbacks=[*callbacks, predictions, Termination()],
            enable_progress_bar=on_terminal,
            use_distributed_sampler=False,  # the data module gives every process its share
            plugins=[BatchNormSync()],
        )
        with ending_processes(trainer):
            trainer.fit(module, datamodule, ckpt_path=settings["ckpt_path"], weights_only=True)
            best = trainer.checkpoint_callback.best_model_path or None  # type: ignore[union-attr]
            trainer.test(module, datamodule, ckpt_path=best, verbose=False, weights_only=True)
            epoch = module.epoch_loaded if best else max(history.rows)
            metrics = {**history.rows[epoch], **history.test}
            run.write_metrics(metrics)
            if trainer.is_global_zero and settings["figures"]:
                drawn = draw_figures(run, settings, datamodule, history, predictions, epoch)
                log_results(loggers, drawn, predictions, epoch)
            if trainer.is_global_zero:
                for logger in pictured(loggers):
                    logger.artifact(run.path)
    return metrics
