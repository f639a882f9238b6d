"""The callbacks of a run."""

import io
from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning.callbacks import BatchSizeFinder, Callback, LearningRateFinder, ModelCheckpoint

from sshml.config.build import TARGET, build
from sshml.errors import ConfigError, named
from sshml.training.checks.checkpoints import check_checkpoints, check_last
from sshml.training.endings import ENDING
from sshml.training.metrics import logged

# What a search for a learning rate tries at least, to say anything.
_LEAST_RATES = 20


def check_callbacks(nodes: Mapping[str, Mapping[str, Any]], n_classes: int) -> None:
    """Build the callbacks and throw them away.

    Args:
        nodes: by name.
        n_classes: of the run, which decide what is measured.

    Raises:
        ConfigError: naming the first that cannot be built, or does not work with a run or another one.
    """
    check_last(nodes.get("last"))
    states: dict[str, str] = {}
    files: dict[tuple[object, object], str] = {}
    for name, node in nodes.items():
        callback = _checked_callback(name, node, n_classes)
        if isinstance(callback, ModelCheckpoint):
            other = files.setdefault((callback.dirpath, callback.filename), name)
            if other != name:
                raise ConfigError(
                    f"callbacks.{name}.filename={callback.filename}: is also the file name of "
                    f"callbacks.{other}; choose another one"
                )
        # Lightning keeps the states of callbacks by these, and they say what tells checkpoints apart.
        other = states.setdefault(callback.state_key, name)
        if other != name and isinstance(callback, ModelCheckpoint):
            raise ConfigError(
                f"callbacks.{name}: writes the same checkpoints as callbacks.{other}; set another "
                "monitor, or omit one of them"
            )


def check_end(trainer: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that a run without a last epoch has something else that ends it.

    Raises:
        ConfigError: if it has only callbacks of sshml's and Lightning's that end nothing.
    """
    targets = [node[TARGET] for node in nodes.values()]
    ends = any(
        target.endswith(ENDING) or not target.startswith(("sshml.", "pytorch_lightning."))
        for target in targets
    )
    if trainer["max_epochs"] == -1 and trainer.get("max_time") is None and not ends:
        raise ConfigError(
            "trainer.max_epochs=-1: nothing would end the run; add callbacks=early_stopping or "
            "trainer.max_time"
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
            f"callbacks.{name}.num_training_steps={steps}: expected at least {_LEAST_RATES}, since "
            "the first ten do not count"
        )


def _check_state(name: str, callback: Callback) -> None:
    """A checkpoint is read without running code, so not every state of a callback comes back."""
    file = io.BytesIO()
    try:
        torch.save(callback.state_dict(), file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except Exception as error:
        raise ConfigError(
            f"callbacks.{name}: its state_dict() cannot be stored in a checkpoint; expected numbers, "
            "text, tensors, and lists and mappings of them"
        ) from error


def _checked_callback(name: str, node: Mapping[str, Any], n_classes: int) -> Callback:
    measured = logged(n_classes)
    with named(f"callbacks.{name}", node):
        callback = build(node)
    if not isinstance(callback, Callback):
        raise ConfigError(
            f"callbacks.{name}._target_={node['_target_']}: expected a class derived from "
            "pytorch_lightning.Callback"
        )
    if isinstance(callback, BatchSizeFinder):
        raise ConfigError(
            f"callbacks.{name}._target_={node['_target_']}: the batch size affects the result and "
            "must not change during a run; set data.batch_size instead"
        )
    if not node[TARGET].startswith(("sshml.", "pytorch_lightning.")):
        _check_state(name, callback)
    if isinstance(callback, ModelCheckpoint):
        check_checkpoints(name, callback, measured)
    if isinstance(callback, LearningRateFinder):
        _check_finder(name, node)
    monitor = node.get("monitor")
    if monitor is None:
        return callback
    known = (*measured, "epoch") if isinstance(callback, ModelCheckpoint) else measured
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
