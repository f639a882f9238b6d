"""The Trainer of a run, its schedule and its processes."""

import functools
import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch.optim.lr_scheduler import OneCycleLR

from sshml.config.build import build
from sshml.config.hardware import TRAINING
from sshml.config.limits import check_process_count
from sshml.config.programs import is_sweep
from sshml.errors import ConfigError, named
from sshml.training.checks.checkpoints import RUN
from sshml.training.endings import TimeLimit

# Arguments of the Trainer that would take away what the end of a run reports.
_OURS = {
    "barebones",
    "callbacks",
    "check_val_every_n_epoch",
    "enable_checkpointing",
    "enable_progress_bar",
    "fast_dev_run",
    "limit_test_batches",
    "limit_val_batches",
    "logger",
    "max_steps",
    "overfit_batches",
    "plugins",
    "sync_batchnorm",
    "use_distributed_sampler",
    "val_check_interval",
}
# Those that start this program again in every process; its end needs what it has seen of the run.
FINDS_UNUSED = "ddp_find_unused_parameters_true"
_STRATEGIES = ("auto", "ddp", FINDS_UNUSED)


def check_trainer(trainer: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Check settings that a Trainer takes and a run cannot use.

    Raises:
        ConfigError: naming the first.
    """
    for key in _OURS & trainer.keys():
        raise ConfigError(
            f"trainer.{key}={trainer[key]}: sshml itself validates, logs and writes checkpoints "
            "every epoch; omit it (for a smoke test: debug=fast)"
        )
    if (root := trainer.get("default_root_dir")) != RUN:
        raise ConfigError(
            f"trainer.default_root_dir={root}: expected the run folder, ${{paths.run}}; omit it, or "
            "set paths.run"
        )
    epochs = trainer.get("max_epochs")
    if epochs is None or epochs == 0 or epochs < -1:
        raise ConfigError(
            f"trainer.max_epochs={epochs}: expected at least 1, or -1 to let "
            "callbacks=early_stopping end the run"
        )
    if (nodes := trainer.get("num_nodes", 1)) != 1:
        raise ConfigError(f"trainer.num_nodes={nodes}: expected 1; a run uses a single machine")
    if (batches := trainer.get("accumulate_grad_batches", 1)) < 1:
        raise ConfigError(f"trainer.accumulate_grad_batches={batches}: expected at least 1")
    if (time := trainer.get("max_time")) is not None:
        try:
            TimeLimit(time)
        except (TypeError, OverflowError, MisconfigurationException) as error:
            raise ConfigError(
                f"trainer.max_time={time}: expected DD:HH:MM:SS, such as 00:12:00:00, or a mapping "
                "such as {hours: 12}"
            ) from error
    limit = trainer.get("limit_train_batches")
    n_batches = -(-data["n_train"] // data["batch_size"])
    of_all = n_batches * limit if isinstance(limit, float) else limit
    if of_all is not None and of_all < 1:
        raise ConfigError(
            f"trainer.limit_train_batches={limit}: leaves none of the {n_batches} batches; expected "
            "at least 1, or a larger fraction"
        )


def check_schedule(node: Mapping[str, Any]) -> None:
    """Numbers that torch takes, and that are no schedule; trainer.max_epochs=-1 may set some."""
    for name, least in (("T_max", 1), ("step_size", 1), ("gamma", 0)):
        if isinstance(value := node.get(name), int | float) and value < least:
            raise ConfigError(f"scheduler.{name}={value}: expected at least {least}")


def check_steps(scheduler: Any, trainer: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """OneCycleLR has an end, and raises beyond it."""
    steps = trainer["max_epochs"] * -(-data["n_train"] // data["batch_size"])
    shortened = {"limit_train_batches", "accumulate_grad_batches"} & trainer.keys()
    if isinstance(scheduler, OneCycleLR) and scheduler.total_steps < steps and not shortened:
        raise ConfigError(
            f"scheduler.total_steps={scheduler.total_steps}: the run has {steps} steps; choose "
            "scheduler=one_cycle, which sets it automatically"
        )


def n_processes(trainer: Mapping[str, Any]) -> int:
    """How many processes a trainer's node asks for.

    Raises:
        ConfigError: if it cannot be built here.
    """
    devices = trainer.get("devices")
    if isinstance(devices, int) and trainer.get("accelerator") in ("auto", "cpu"):
        check_process_count(f"trainer.devices={devices}", devices)
    # Jobs of a sweep differ in the folder, if at all.
    node = {key: value for key, value in trainer.items() if key != "default_root_dir"}
    with named("trainer", trainer):
        return _n_processes(json.dumps(node, sort_keys=True))


@functools.cache
def _n_processes(trainer: str) -> int:
    """The same for a node as JSON, built once."""
    node = json.loads(trainer)
    with warnings.catch_warnings():  # of a precision that it cannot compute in
        warnings.simplefilter("ignore")
        try:
            built: pl.Trainer = build(node, logger=False)
        except RuntimeError as error:
            if (tasks := os.environ.get("SLURM_NTASKS")) is None or "SLURM" not in str(error):
                raise
            raise ConfigError(
                f"SLURM_NTASKS={tasks} in the environment: a run is a single task that starts its "
                "own processes; use sbatch or srun with --ntasks=1"
            ) from error
    if (asked := node.get("precision")) in TRAINING and built.precision != asked:
        raise ConfigError(
            f"trainer.precision={asked}: becomes {built.precision} on this machine; expected "
            f"trainer.precision={built.precision}"
        )
    return int(built.num_devices * built.num_nodes)


def check_processes(settings: Mapping[str, Any]) -> int:
    """Check what a run wants of processes; returns how many train.

    Raises:
        ConfigError: if some would have no sample of a batch, or cannot be started from a sweep.
    """
    data, n = settings["data"], n_processes(settings["trainer"])
    workers = data.get("num_workers", 0)
    if workers and is_sweep() and "joblib" in HydraConfig.get().launcher._target_:
        raise ConfigError(
            f"data.num_workers={workers}: expected 0 with hydra/launcher=joblib, whose jobs cannot "
            "start processes; a thread generates the batches"
        )
    devices, strategy = settings["trainer"]["devices"], settings["trainer"].get("strategy", "auto")
    if strategy not in _STRATEGIES:
        raise ConfigError(
            f"trainer.strategy={strategy}: expected one of {', '.join(_STRATEGIES)}; choose trainer=ddp"
        )
    if n == 1:
        return n
    if is_sweep():
        raise ConfigError(
            f"trainer.devices={devices}: expected 1 in a sweep, one device per job; omit "
            "trainer=ddp, or run the jobs separately"
        )
    for name in ("n_train", "n_val", "n_test"):
        last = data[name] % data["batch_size"] or data["batch_size"]
        if last < n:
            raise ConfigError(
                f"data.{name}={data[name]}: leaves {last} sample(s) for {n} processes in the last "
                f"batch of data.batch_size={data['batch_size']}; change one of them"
            )
    return n
