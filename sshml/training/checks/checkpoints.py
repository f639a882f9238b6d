"""Where and when a run keeps checkpoints."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from sshml.errors import ConfigError, reason_of

#: Stands for the run's folder in settings that are checked for all runs of their kind at once.
RUN = "<run>"
# A run can be resumed from what this keeps; a sweep and a study find it there.
_LAST = {
    "_target_": "sshml.training.callbacks.RunCheckpoint",
    "dirpath": f"{RUN}/checkpoints",
    "filename": "last",
    "auto_insert_metric_name": False,
    "enable_version_counter": False,
}
# Bytes; a file system takes 255, and it is written under a longer one first.
_LONGEST_NAME = 240
# Settings by which Lightning writes a checkpoint within an epoch, where none can be resumed to the bit.
_WITHIN = ("every_n_train_steps", "train_time_interval", "save_on_exception")


def check_last(node: Mapping[str, Any] | None) -> None:
    """Check that a run can be resumed after every epoch.

    Args:
        node: of ``callbacks.last``; None where it is left out.

    Raises:
        ConfigError: unless it is the default.
    """
    node = node or {}
    changed = [key for key in [*_LAST, *node] if node.get(key) != _LAST.get(key)]
    if changed:
        raise ConfigError(
            f"callbacks.last.{changed[0]}={node.get(changed[0])}: a run is resumed from the "
            "checkpoint of callbacks.last; leave it unchanged, and add checkpoints of your own with "
            "+callbacks.NAME._target_=pytorch_lightning.callbacks.ModelCheckpoint"
        )


def check_checkpoints(name: str, callback: ModelCheckpoint, measured: Sequence[str]) -> None:
    """Check where, when and under which names a callback keeps checkpoints.

    Args:
        name: of the callback.
        callback: built from settings in which :data:`RUN` stands for the run's folder.
        measured: names of the values that a run logs.

    Raises:
        ConfigError: if it would write outside the run's folder, within an epoch, over the last epoch's
            checkpoint, or under a name that cannot be made.
    """
    key = f"callbacks.{name}"
    if not callback.dirpath:  # Lightning keeps "" as it is
        given = "null" if callback.dirpath is None else ""
        raise ConfigError(
            f"{key}.dirpath={given}: expected a folder, such as ${{paths.run}}/checkpoints"
        )
    if not Path(callback.dirpath).is_relative_to(Path(RUN).resolve()):
        raise ConfigError(
            f"{key}.dirpath={os.path.relpath(callback.dirpath)}: is outside the run folder, where it "
            "could overwrite checkpoints of other runs; expected a folder such as "
            "${paths.run}/checkpoints"
        )
    for setting in _WITHIN:
        if value := getattr(callback, setting, None) or getattr(callback, f"_{setting}", None):
            raise ConfigError(
                f"{key}.{setting}={value}: checkpoints are written at the end of epochs only; set "
                "every_n_epochs"
            )
    if callback.save_last:
        raise ConfigError(
            f"{key}.save_last={callback.save_last}: callbacks.last already does this; omit it"
        )
    _check_name(f"{key}.filename={callback.filename}", callback, measured)


def _check_name(given: str, callback: ModelCheckpoint, measured: Sequence[str]) -> None:
    if callback.filename and os.sep in callback.filename:
        raise ConfigError(f"{given}: expected a file name without folders; dirpath sets the folder")
    values = {name: torch.tensor(0) for name in (*measured, "epoch", "step")}
    try:
        path = callback.format_checkpoint_name(values)
    except (ValueError, LookupError, AttributeError) as error:
        raise ConfigError(
            f"{given}: {reason_of(error)}; expected a name such as best, or with values such as "
            "{epoch} or {val/loss:.3f}"
        ) from error
    if len(os.fsencode(Path(path).name)) > _LONGEST_NAME:
        raise ConfigError(f"{given}: expected a name of at most {_LONGEST_NAME} bytes")
