"""Files as they may come from a stranger: run folders and checkpoints that are written by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from sshml.files.checkpoint import CHECKPOINT_KEY, checkpoint_origin
from sshml.networks import build_network

NETWORK = {"_target_": "sshml.networks.CNN", "widths": [4, 4], "pool_after": [1]}
DATA = {
    "_target_": "sshml.data.datamodule.SSHDataModule",
    "n_cells": 8, "n_train": 50, "n_val": 20, "n_test": 20, "batch_size": 20,
}  # fmt: skip


def content(**parameters: Any) -> dict[str, Any]:
    """What a checkpoint of an untrained network holds, with other hyper-parameters in their place."""
    own = {
        "network": NETWORK,
        "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.001},
        "scheduler": None,
        "augmentation": {},
        "data": DATA,
        "seed": 0,
    }
    state = build_network(NETWORK).state_dict()
    return {
        "state_dict": {f"network.{name}": value for name, value in state.items()},
        "hyper_parameters": {**own, **parameters},
        "epoch": 0,
        CHECKPOINT_KEY: checkpoint_origin(),
    }


def checkpoint(path: Path, **parameters: Any) -> Path:
    """A checkpoint with these hyper-parameters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content(**parameters), path)
    return path


def run_folder(folder: Path, *overrides: str, settings: Mapping[str, Any] | None = None) -> Path:
    """A run folder that records these overrides, and settings if it has any."""
    checkpoint(folder / "checkpoints" / "last.ckpt")
    manifest = {"status": "interrupted", "command": "python train.py", "overrides": list(overrides)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if settings is not None:
        (folder / "config.yaml").write_text(yaml.dump(dict(settings)))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """All that a folder has."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
