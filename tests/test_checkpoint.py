"""Loading a trained network from a notebook."""

from pathlib import Path

import pytest
import torch

from sshml import load_classifier
from sshml.checkpoint import CHECKPOINT_KEY, checkpoint_origin
from sshml.errors import CheckpointError
from sshml.networks import build_network

NODE = {"_target_": "sshml.networks.CNN", "widths": [4, 4], "pool_after": [1]}


def saved(path: Path, node: dict[str, object], network: torch.nn.Module) -> Path:
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    hyper_parameters = {"network": node, "data": {"n_cells": 8}}
    content = {"state_dict": state, "hyper_parameters": hyper_parameters}
    torch.save({**content, CHECKPOINT_KEY: checkpoint_origin()}, path)
    return path


def test_the_loaded_network_is_the_saved_one_in_eval_mode(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(NODE)
    network(torch.rand(8, 1, 16, 16))  # moves the batch norm's statistics off their start
    loaded = load_classifier(saved(tmp_path / "a.ckpt", NODE, network))
    profiles = torch.rand(3, 1, 16, 16)
    assert not loaded.training
    assert loaded(profiles).shape == (3, 2)
    assert torch.equal(loaded(profiles), network.eval()(profiles))


def test_pretrained_weights_are_not_downloaded_to_be_replaced(tmp_path: Path) -> None:
    node = {"_target_": "sshml.networks.ResNet18", "pretrained": True}
    network = build_network({**node, "pretrained": False})
    assert load_classifier(saved(tmp_path / "a.ckpt", node, network)).head.in_features == 512


def test_a_checkpoint_cannot_call_anything_but_a_network(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.ckpt", {"_target_": "os.system"}, build_network(NODE))
    with pytest.raises(ValueError, match=r"os\.system is not a torch\.nn\.Module"):
        load_classifier(path)


def test_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("run",)

    torch.save({"x": Code()}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_classifier(tmp_path / "a.ckpt")


def test_a_newer_format_names_the_version_to_use(tmp_path: Path) -> None:
    origin = {**checkpoint_origin(), "format": 99}
    torch.save({CHECKPOINT_KEY: origin}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="checkpoint format 99, expected 1; read it with sshml"):
        load_classifier(tmp_path / "a.ckpt")
