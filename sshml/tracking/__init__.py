"""Where scalars and figures go: the run folder always, Weights & Biases or TensorBoard beside it."""

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hydra.utils import get_object
from pytorch_lightning.loggers import Logger

from sshml.config.build import TARGET, build
from sshml.errors import ConfigError, PrunedError, named
from sshml.tracking.metrics_file import MetricsFile
from sshml.tracking.pictures import JobType, PictureLogger
from sshml.tracking.tensorboard import TensorBoardLogger
from sshml.tracking.wandb import WandbLogger, upload_command

__all__ = [
    "MetricsFile",
    "PictureLogger",
    "TensorBoardLogger",
    "WandbLogger",
    "check_loggers",
    "opened",
    "pictured",
    "upload_command",
]


@contextmanager
def _own_environment() -> Iterator[None]:
    """Undo what loggers set in the environment, as Lightning's WandbLogger(offline=True) does."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _built(node: Mapping[str, Any], run: str) -> Any:
    """A logger; one of Lightning's writes to the run's folder unless it is given another."""
    takes = inspect.signature(get_object(node[TARGET])).parameters
    return build({"save_dir": run, **node} if "save_dir" in takes else node)


@_own_environment()
def check_loggers(settings: Mapping[str, Any]) -> None:
    """Build every logger once and throw it away; none of them begins to log before it is used.

    Raises:
        ConfigError: naming the one that cannot be built, as where its package is not installed.
    """
    for name, node in settings["logger"].items():
        if get_object(node[TARGET]) is TensorBoardLogger:
            TensorBoardLogger.check_installed()
        with named(f"logger.{name}", node):
            logger = _built(node, settings["paths"]["run"])
        if not isinstance(logger, Logger):
            raise ConfigError(
                f"logger.{name}.{TARGET}={node[TARGET]}: expected a class derived from "
                "pytorch_lightning.loggers.Logger"
            )


@contextmanager
def opened(settings: Mapping[str, Any], job_type: JobType) -> Iterator[list[Logger]]:
    """The loggers that the settings name, finished at the end.

    As failed if the block raises anything but PrunedError.
    """
    loggers: list[Logger] = []
    exit_code = 1
    with _own_environment():
        try:
            for name, node in settings["logger"].items():
                logger = _built(node, settings["paths"]["run"])
                loggers.append(logger)
                if isinstance(logger, PictureLogger):
                    logger.start(settings, job_type)
                    continue
                with named(f"logger.{name}", node):  # some begin only now
                    logger.log_hyperparams(dict(settings))
            yield loggers
            exit_code = 0
        except PrunedError:  # which is how it was to end
            exit_code = 0
            raise
        finally:
            for logger in pictured(loggers):
                logger.finish(exit_code)
            if "wandb" in sys.modules:  # Lightning's logger would continue this run in the next job
                sys.modules["wandb"].finish(exit_code)


def pictured(loggers: Iterable[Logger]) -> list[PictureLogger]:
    """Those of the loggers that show pictures."""
    return [logger for logger in loggers if isinstance(logger, PictureLogger)]
