"""Checks that the parts of a run fit together, before any work starts."""

import functools
import json
import os
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import BatchSizeFinder, Callback, LearningRateFinder, ModelCheckpoint
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from sshml.config.build import build
from sshml.config.hardware import TRAINING
from sshml.config.limits import check_network, check_process_count, check_sizes
from sshml.config.programs import is_sweep
from sshml.config.trust import trusted
from sshml.errors import CheckpointError, ConfigError, named, reason_of
from sshml.files.checkpoint import network_state, read_checkpoint
from sshml.files.run_folder import is_resumed
from sshml.files.stored import EPOCHS, MANIFEST, read_epochs, relocated, run_folder_of
from sshml.networks import build_network
from sshml.physics import density_profiles, winding_number
from sshml.tracking import check_loggers
from sshml.training.endings import TimeLimit
from sshml.training.metrics import LOGGED
from sshml.training.state import check_training_state

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
    "plugins",
    "sync_batchnorm",
    "use_distributed_sampler",
    "val_check_interval",
}


# Those that start this program again in every process; its end needs what it has seen of the run.
_STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")


# Augmentations are tried on chains of at most this size.
_TRIED_CELLS = 122
# What a search for a learning rate tries at least, to say anything.
_LEAST_RATES = 20
# What a run is built from, beside its data and loggers.
_PARTS = ("model", "augmentation", "optimizer", "scheduler", "trainer", "callbacks", "channels_last")


def check_run(settings: Mapping[str, Any]) -> None:
    """Build every part of a run once and throw it away.

    Args:
        settings: from :func:`sshml.config.schema.plain_config`.

    Raises:
        ConfigError: naming the part that cannot be built, or does not fit the others.
        CheckpointError: if ``ckpt_path`` is not there, is not ours or does not fit the network.
    """
    check_samples(settings["data"])
    # Runs of a sweep often differ in their seed and folder only.
    data = {key: settings["data"][key] for key in ("n_cells", "n_train", "batch_size")}
    parts = {key: settings[key] for key in _PARTS}
    placeless = relocated({"data": data, **parts}, settings["paths"]["run"], "run")
    _check_parts(json.dumps(placeless, sort_keys=True))
    if settings["ckpt_path"] is not None:
        _check_checkpoint(settings, _meta_network(settings["model"]))
    check_processes(settings)
    check_loggers(settings)


def check_samples(data: Mapping[str, Any]) -> None:
    """Build a data module, which makes no samples yet, and throw it away.

    Raises:
        ConfigError: for settings that do not fit each other, the memory or the processor.
    """
    check_sizes(data)
    workers = data.get("num_workers", 0)
    check_process_count(f"data.num_workers={workers}", workers)
    with named("data", data):
        build(data)


@functools.cache
def _check_parts(parts: str) -> None:
    """Check, once, the parts of a run that are given as JSON."""
    settings = json.loads(parts)
    _check_forward(settings, _meta_network(settings["model"]))
    if settings["model"].get("pretrained"):  # downloaded once, and kept by torch
        with named("model", settings["model"]):
            build_network(settings["model"])
    _check_augmentation(settings["augmentation"], settings["data"]["n_cells"])
    with named("optimizer", settings["optimizer"]):
        # As those of a convolution, whose layout some cannot take.
        layout = torch.channels_last if settings["channels_last"] else torch.contiguous_format
        weight = nn.Parameter(torch.zeros(2, 2, 3, 3).to(memory_format=layout))
        optimizer = build(settings["optimizer"], [weight])
        optimizer.step(partial(_loss, weight))  # some find what they cannot do only now
    if settings["scheduler"]:
        _check_schedule(settings["scheduler"])
        with named("scheduler", settings["scheduler"]):
            scheduler = build(settings["scheduler"], optimizer)
            optimizer.step(partial(_loss, weight))
            scheduler.step()  # some find a period of 0 only now
            optimizer.step(partial(_loss, weight))
    precision = settings["trainer"].get("precision", "32-true")
    if precision not in TRAINING:
        raise ConfigError(
            f"trainer.precision={precision}: expected {', '.join(map(repr, TRAINING[:-1]))} or "
            f"{TRAINING[-1]!r}, which keep the weights in float32, as tests and maps need them"
        )
    _check_trainer(settings["trainer"], settings["data"])
    if settings["scheduler"]:
        _check_steps(scheduler, settings["trainer"], settings["data"])
    _check_callbacks(settings["callbacks"])


def _check_augmentation(nodes: Mapping[str, Mapping[str, Any]], n_cells: int) -> None:
    """Try the augmentations on images of clean chains of both phases."""
    if not nodes:
        return
    t1 = np.linspace(0.2, 1.8, 8)
    bonds = np.ones((len(t1), min(n_cells, _TRIED_CELLS)))
    images = torch.from_numpy(density_profiles(t1[:, None] * bonds, bonds)).unsqueeze(1)
    labels = torch.from_numpy(winding_number(t1, 1.0))
    for name, node in nodes.items():
        with named(f"augmentation.{name}", node), torch.random.fork_rng(devices=()):
            changed = build(node)(images, labels)
            alike = isinstance(changed, torch.Tensor) and changed.shape == images.shape
            if not alike or not changed.isfinite().all():
                raise ValueError("it has to return images of the same shape with finite values")
        images = changed


def _loss(weight: nn.Parameter) -> torch.Tensor:
    """A loss of one weight, with its gradient, as optimisers take them."""
    weight.grad = torch.zeros_like(weight)
    return (weight * 0).sum().detach()


def _check_schedule(node: Mapping[str, Any]) -> None:
    """Numbers that torch takes, and that are no schedule; trainer.max_epochs=-1 may set some."""
    for name, least in (("T_max", 1), ("step_size", 1), ("gamma", 0)):
        if isinstance(value := node.get(name), int | float) and value < least:
            raise ConfigError(f"scheduler.{name}={value}: expected at least {least}")


def _check_steps(scheduler: Any, trainer: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """OneCycleLR has an end, and raises beyond it."""
    steps = trainer["max_epochs"] * -(-data["n_train"] // data["batch_size"])
    shortened = {"limit_train_batches", "accumulate_grad_batches"} & trainer.keys()
    if isinstance(scheduler, OneCycleLR) and scheduler.total_steps < steps and not shortened:
        raise ConfigError(
            f"scheduler.total_steps={scheduler.total_steps}: the run has {steps} steps; choose "
            "scheduler=one_cycle, which counts them"
        )


def _check_trainer(trainer: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    for key in _OURS & trainer.keys():
        raise ConfigError(
            f"trainer.{key}={trainer[key]}: a run validates, logs and keeps checkpoints "
            "every epoch, and sees to this itself; leave it out (for a quick try: debug=fast)"
        )
    if trainer.get("default_root_dir") is None:
        raise ConfigError(
            "trainer.default_root_dir=null: expected a folder; leave it out for the run's own"
        )
    epochs = trainer.get("max_epochs")
    if epochs is None or epochs == 0 or epochs < -1:
        raise ConfigError(
            f"trainer.max_epochs={epochs}: expected at least 1, or -1 for an end that only "
            "callbacks=early_stopping sets"
        )
    if (nodes := trainer.get("num_nodes", 1)) != 1:
        raise ConfigError(f"trainer.num_nodes={nodes}: expected 1; a run is of one machine")
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
            f"trainer.limit_train_batches={limit}: leaves none of {n_batches} batches; expected at "
            "least 1, or a larger share"
        )


def _check_callbacks(nodes: Mapping[str, Mapping[str, Any]]) -> None:
    states: dict[str, str] = {}
    files: dict[tuple[object, object], str] = {}
    for name, node in nodes.items():
        callback = _checked_callback(name, node)
        if isinstance(callback, ModelCheckpoint):
            other = files.setdefault((callback.dirpath, callback.filename), name)
            if other != name:
                raise ConfigError(
                    f"callbacks.{name}.filename={callback.filename}: is that of callbacks.{other} too; "
                    "choose another one"
                )
        # Lightning keeps the states of callbacks by these, and they say what tells checkpoints apart.
        other = states.setdefault(callback.state_key, name)
        if other != name and isinstance(callback, ModelCheckpoint):
            raise ConfigError(
                f"callbacks.{name}: keeps the same checkpoints as callbacks.{other}; set another "
                "monitor, or leave one out"
            )


def _check_checkpoints(name: str, callback: ModelCheckpoint) -> None:
    if callback.dirpath is None:
        raise ConfigError(
            f"callbacks.{name}.dirpath=null: expected a folder, such as ${{paths.run}}/checkpoints"
        )
    if callback.filename and os.sep in callback.filename:
        raise ConfigError(
            f"callbacks.{name}.filename={callback.filename}: expected a name without folders, which "
            f"callbacks.{name}.dirpath sets"
        )


def _check_finder(name: str, node: Mapping[str, Any]) -> None:
    """Lightning's search divides by the first, and finds nothing in a range that does not rise."""
    rates = {key: node.get(key, rate) for key, rate in (("min_lr", 1e-8), ("max_lr", 1.0))}
    if not 0 < rates["min_lr"] < rates["max_lr"]:
        raise ConfigError(
            f"callbacks.{name}: expected 0 < min_lr < max_lr; got min_lr={rates['min_lr']}, "
            f"max_lr={rates['max_lr']}"
        )
    if (steps := node.get("num_training_steps", 100)) < _LEAST_RATES:
        raise ConfigError(
            f"callbacks.{name}.num_training_steps={steps}: expected at least {_LEAST_RATES}; the first "
            "ten do not count"
        )


def _checked_callback(name: str, node: Mapping[str, Any]) -> Callback:
    with named(f"callbacks.{name}", node):
        callback = build(node)
    if not isinstance(callback, Callback):
        raise ConfigError(
            f"callbacks.{name}._target_={node['_target_']}: expected a class derived from "
            "pytorch_lightning.Callback"
        )
    if isinstance(callback, BatchSizeFinder):
        raise ConfigError(
            f"callbacks.{name}._target_={node['_target_']}: the size of the batches decides what is "
            "learnt, and is not changed during a run; set data.batch_size"
        )
    if isinstance(callback, ModelCheckpoint):
        _check_checkpoints(name, callback)
    if isinstance(callback, LearningRateFinder):
        _check_finder(name, node)
    monitor = node.get("monitor")
    if monitor is None:
        return callback
    known = (*LOGGED, "epoch") if isinstance(callback, ModelCheckpoint) else LOGGED
    if monitor not in known:
        raise ConfigError(
            f"callbacks.{name}.monitor={monitor}: no such value; expected one of {', '.join(known)}"
        )
    mode = "max" if monitor.endswith(("accuracy", "tp", "tn", "epoch")) else "min"
    if node.get("mode", mode) != mode:
        raise ConfigError(
            f"callbacks.{name}.mode={node['mode']}: would keep the worst {monitor}; "
            f"expected callbacks.{name}.mode={mode}"
        )
    return callback


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
        built: pl.Trainer = build(node, logger=False)
    if (asked := node.get("precision")) in TRAINING and built.precision != asked:
        raise ConfigError(
            f"trainer.precision={asked}: would be {built.precision} on this machine; expected "
            f"trainer.precision={built.precision}"
        )
    return int(built.num_devices * built.num_nodes)


def check_processes(settings: Mapping[str, Any]) -> None:
    """Check what a run wants of processes.

    Raises:
        ConfigError: if some would have no sample of a batch, or cannot be started from a sweep.
    """
    data, n = settings["data"], n_processes(settings["trainer"])
    workers = data.get("num_workers", 0)
    if workers and is_sweep() and "joblib" in HydraConfig.get().launcher._target_:
        raise ConfigError(
            f"data.num_workers={workers}: expected 0 with hydra/launcher=joblib, whose jobs cannot "
            "start processes; a thread makes the batches then"
        )
    if n == 1:
        return
    devices, strategy = settings["trainer"]["devices"], settings["trainer"].get("strategy", "auto")
    if is_sweep():
        raise ConfigError(
            f"trainer.devices={devices}: expected 1 in sweeps, one device a job; leave out "
            "trainer=ddp, or do the runs one by one"
        )
    if strategy not in _STRATEGIES:
        raise ConfigError(
            f"trainer.strategy={strategy}: expected one of {', '.join(_STRATEGIES)}; choose trainer=ddp"
        )
    for name in ("n_train", "n_val", "n_test"):
        last = data[name] % data["batch_size"] or data["batch_size"]
        if last < n:
            raise ConfigError(
                f"data.{name}={data[name]}: leaves {last} sample(s) for {n} processes in the last "
                f"batch of data.batch_size={data['batch_size']}; change one of them"
            )


def _meta_network(node: Mapping[str, Any]) -> nn.Module:
    """The network without memory or downloads."""
    try:
        with torch.device("meta"):
            network = build_network(node, download=False)
    except Exception as error:  # of a class of one's own, it may be any
        raise ConfigError(f"model: {reason_of(error)}") from error
    if hasattr(network, "features") and isinstance(getattr(network, "head", None), nn.Linear):
        return network
    raise ConfigError(
        f"model._target_={node['_target_']}: expected a network with `features` and a linear "
        "`head`; derive it from sshml.networks.GlobalAveragePoolingNetwork"
    )


def _check_forward(settings: Mapping[str, Any], network: nn.Module) -> None:
    data, target = settings["data"], settings["model"]["_target_"]
    size = 2 * data["n_cells"]
    # The smallest batch, the last of an epoch, is the one that a batch norm may refuse.
    batch = data["n_train"] % data["batch_size"] or min(data["n_train"], data["batch_size"])
    try:
        images = torch.empty(batch, 1, size, size, device="meta")
        logits = check_network(network, images, min(data["n_train"], data["batch_size"]))
    except ConfigError:
        raise
    except Exception as error:  # likewise
        raise ConfigError(
            f"data.n_cells={data['n_cells']}: {target} cannot train on {batch} image(s) of "
            f"{size}x{size} ({reason_of(error)}); choose a larger data.n_cells, or a "
            "data.batch_size that leaves no single image over"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.shape != (batch, 2):
        raise ConfigError(
            f"model._target_={target}: expected logits of shape ({batch}, 2) for {batch} images, "
            f"got {tuple(getattr(logits, 'shape', ()))}"
        )


def _check_checkpoint(settings: Mapping[str, Any], network: nn.Module) -> None:
    path = settings["ckpt_path"]
    try:
        checkpoint = read_checkpoint(path, trusted(settings))
    except CheckpointError as error:
        raise CheckpointError(f"ckpt_path={error}") from error
    try:
        network_state(network, checkpoint)
    except CheckpointError as error:
        lost = "" if run_folder_of(path) else f", which {MANIFEST} of its run recorded; it is not there"
        raise CheckpointError(
            f"ckpt_path={path}: does not fit the network ({error}); choose the model it was "
            f"trained with{lost}"
        ) from error
    trained, wanted = checkpoint["hyper_parameters"]["data"]["n_cells"], settings["data"]["n_cells"]
    if trained != wanted:
        raise ConfigError(
            f"data.n_cells={wanted}: expected {trained}, the size that ckpt_path={path} was "
            f"trained at; leave it out, or set data.n_cells={trained}"
        )
    for group in ("optimizer", "scheduler"):
        _check_unchanged(group, checkpoint["hyper_parameters"][group], settings[group])
    try:
        check_training_state(checkpoint, settings, network)
    except CheckpointError as error:
        raise CheckpointError(f"ckpt_path={path}: {error}") from error
    if is_resumed(settings):
        _check_rows(Path(settings["paths"]["run"]), checkpoint["epoch"])
    epochs, done = settings["trainer"]["max_epochs"], checkpoint["epoch"] + 1
    if 0 <= epochs < done + (not is_resumed(settings)):
        raise ConfigError(
            f"trainer.max_epochs={epochs}: ckpt_path={path} has done {done} epochs already; expected "
            f"more, such as trainer.max_epochs={done + 10}"
        )


def _check_rows(folder: Path, epoch: int) -> None:
    """A run that goes on has the values of its epochs, one of which may stay the best."""
    rows = {int(row["epoch"]): row for row in read_epochs(folder)}
    for number in range(min(rows), epoch + 1):
        if missing := set(LOGGED) - rows.get(number, {}).keys():
            raise ConfigError(
                f"{folder / EPOCHS}: has no {min(missing)} of epoch {number}, which the checkpoint has "
                "done; restore it"
            )


def _check_unchanged(
    group: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> None:
    """A checkpoint brings the state of its optimiser and scheduler, over any new settings."""
    before, now = before or {}, now or {}
    for name in [*before, *now]:
        if before.get(name) != now.get(name):
            raise ConfigError(
                f"{group}.{name}={now.get(name)}: a resumed run keeps its {group}, which "
                f"has {group}.{name}={before.get(name)}; set it to that, or start a new run"
            )
