"""Whether training can be resumed from what a checkpoint holds beside its network.

Lightning takes that as it is: a damaged state would end a run in its middle, and the files that it
names are removed when a better network comes.
"""

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from packaging.version import Version
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn

from sshml.config.build import build
from sshml.config.trust import trusted
from sshml.errors import CheckpointError, printable
from sshml.files.checkpoint import read_checkpoint

# Names of folders, whatever they are in.
_NO_FILES = ("", ".", "..")
_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


def check_training_state(
    checkpoint: Mapping[str, Any], settings: Mapping[str, Any], network: nn.Module
) -> None:
    """Load the state of a training into parts that are built for it and thrown away.

    Args:
        checkpoint: from :func:`sshml.files.checkpoint.read_checkpoint`.
        settings: of the run that goes on from it.
        network: of the run, on the meta device.

    Raises:
        CheckpointError: if it is damaged, or names files outside the folder of its checkpoints.
    """
    try:
        _check(checkpoint, settings, network)
    except CheckpointError as error:
        raise CheckpointError(f"{error}; use another checkpoint, or start a new run") from error
    except Exception as error:  # of damaged data, Lightning and torch may raise anything
        reason = printable(" ".join(f"{type(error).__name__}: {error}".split()))
        raise CheckpointError(
            f"its training state is damaged ({reason}); use another checkpoint, or start a new run"
        ) from error


def _check(checkpoint: Mapping[str, Any], settings: Mapping[str, Any], network: nn.Module) -> None:
    if "optimizer_states" not in checkpoint:
        raise CheckpointError("has only the weights of the network (save_weights_only)")
    Version(checkpoint["pytorch-lightning_version"])
    if not _is_count(checkpoint["global_step"]):
        raise TypeError("global_step is not a number of steps")
    augmentation = nn.ModuleList(build(node) for node in settings["augmentation"].values())
    known = {f"network.{name}" for name in network.state_dict()}
    known |= {f"augmentation.{name}" for name in augmentation.state_dict()}
    if surplus := checkpoint["state_dict"].keys() - known:
        raise KeyError(f"unknown weight {min(surplus)}")
    _check_loops(checkpoint["loops"]["fit_loop"], settings)
    _check_optimizer(checkpoint, settings, network)
    callbacks = [build(node) for node in settings["callbacks"].values()]
    for state in checkpoint["callbacks"].values():
        _check_files(state)
    for callback in callbacks:
        state = checkpoint["callbacks"].get(callback.state_key)
        if state is not None:
            _check_alike(callback.state_dict(), state)
            callback.load_state_dict(copy.deepcopy(state))
            if isinstance(callback, ModelCheckpoint) and Path(callback.best_model_path).is_file():
                read_checkpoint(callback.best_model_path, trusted(settings))


def _check_loops(state: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    left: list[Any] = [state]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif not (isinstance(value, bool) or _is_count(value)):
            raise TypeError(f"loops hold {value!r}")
    if not state["epoch_loop.batch_progress"]["is_last_batch"]:
        raise CheckpointError("was written before the end of an epoch")
    trainer: pl.Trainer = build(settings["trainer"], logger=False)
    trainer.fit_loop.load_state_dict(copy.deepcopy(dict(state)))


def _check_optimizer(
    checkpoint: Mapping[str, Any], settings: Mapping[str, Any], network: nn.Module
) -> None:
    optimizer = build(settings["optimizer"], network.parameters())
    schedulers = [build(settings["scheduler"], optimizer)] if settings["scheduler"] else []
    (state,) = checkpoint["optimizer_states"]
    _check_alike(optimizer.state_dict()["param_groups"], state["param_groups"])
    optimizer.load_state_dict(copy.deepcopy(state))
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.numel() > 1 and value.shape != parameter.shape:
                raise ValueError(f"{name} of the optimizer has shape {tuple(value.shape)}")
    for scheduler, state in zip(schedulers, checkpoint["lr_schedulers"], strict=True):
        _check_alike(scheduler.state_dict(), state)
        if methods := [name for name in state if callable(getattr(scheduler, name, None))]:
            raise KeyError(f"the scheduler has {methods[0]}")
        scheduler.load_state_dict(copy.deepcopy(state))


def _check_files(state: Any) -> None:
    """Files of the best networks lie in the folder of checkpoints: Lightning removes them in time."""
    if not (isinstance(state, Mapping) and ("best_k_models" in state or "best_model_path" in state)):
        return
    folder, best = state["dirpath"], state["best_k_models"]
    if not Path(folder).is_absolute():
        raise ValueError(f"the folder of its checkpoints is {folder!r}")
    for path in (*(state[name] for name in _PATHS), *best):
        name = os.path.basename(path)  # noqa: PTH119  # a Path would leave out what is to be refused
        if path and (path != os.path.join(folder, name) or name in _NO_FILES):  # noqa: PTH118
            raise ValueError(f"{path} is not in the folder of its checkpoints, {folder}")
    if not all(isinstance(score, Tensor) and score.numel() == 1 for score in best.values()):
        raise TypeError("best_k_models holds no scores")
    if best and state["kth_best_model_path"] not in best:
        raise KeyError("kth_best_model_path is none of best_k_models")


def _check_alike(new: Any, old: Any) -> None:
    """What a new part has of numbers, and the parts it has, an old one must have too."""
    if isinstance(new, Mapping):
        for name in new.keys() & old.keys():
            _check_alike(new[name], old[name])
    elif isinstance(new, list | tuple):
        if new and len(new) != len(old):
            raise ValueError(f"expected {len(new)} values, got {len(old)}")
        for one, other in zip(new, old, strict=False):
            _check_alike(one, other)
    elif isinstance(new, Tensor):
        if not (isinstance(old, Tensor) and old.shape == new.shape):
            raise TypeError(f"expected a tensor, got {old!r}")
    elif isinstance(new, int | float) and not isinstance(old, int | float | Tensor):
        raise TypeError(f"expected a number, got {old!r}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value < 2**63
