"""Checkpoints: loading a trained network, and errors for damaged ones."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY, Command
from strangers import DATA, NETWORK, checkpoint, content

from sshml import load_classifier
from sshml.errors import CheckpointError
from sshml.files.checkpoint import CHECKPOINT_KEY, checkpoint_origin, read_checkpoint
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


def test_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("run",)

    torch.save({"x": Code()}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_classifier(tmp_path / "a.ckpt")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_classifier("x" * 5000)


def test_a_newer_format_names_the_version_to_use(tmp_path: Path) -> None:
    origin = {**checkpoint_origin(), "format": 99}
    torch.save({CHECKPOINT_KEY: origin}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="checkpoint format 99, expected 1; use sshml"):
        load_classifier(tmp_path / "a.ckpt")


def set_at(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A damage: a value in the place of another."""

    def damage(checkpoint: dict[str, Any]) -> None:
        for name in path[:-1]:
            checkpoint = checkpoint[name]
        checkpoint[path[-1]] = value

    return damage


def without(*path: str) -> Callable[[dict[str, Any]], None]:
    def damage(checkpoint: dict[str, Any]) -> None:
        for name in path[:-1]:
            checkpoint = checkpoint[name]
        del checkpoint[path[-1]]

    return damage


def deep(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def doubled(times: int) -> list[Any]:
    """Small in memory and in a file, but 2^times values."""
    value: list[Any] = [0]
    for _ in range(times):
        value = [value, value]
    return value


WEIGHT = "network.features.0.weight"
HP = "hyper_parameters"
DAMAGES = {
    "no weights": without("state_dict"),
    "weights None": set_at("state_dict", value=None),
    "weights a list": set_at("state_dict", value=[1]),
    "weights empty": set_at("state_dict", value={}),
    "a weight None": set_at("state_dict", WEIGHT, value=None),
    "a weight text": set_at("state_dict", WEIGHT, value="heavy"),
    "a weight a list": set_at("state_dict", WEIGHT, value=[0.1]),
    "a weight missing": without("state_dict", WEIGHT),
    "a weight surplus": set_at("state_dict", "network.more", value=torch.zeros(1)),
    "a weight of another shape": set_at("state_dict", WEIGHT, value=torch.zeros(3)),
    "a weight complex": set_at("state_dict", WEIGHT, value=torch.zeros(4, 1, 5, 5) * 1j),
    "a weight of integers": set_at("state_dict", WEIGHT, value=torch.ones(4, 1, 5, 5).long()),
    "a weight of truths": set_at("state_dict", WEIGHT, value=torch.ones(4, 1, 5, 5).bool()),
    "a weight not a number": set_at("state_dict", WEIGHT, value=torch.full((4, 1, 5, 5), torch.nan)),
    "a weight infinite": set_at("state_dict", WEIGHT, value=torch.full((4, 1, 5, 5), torch.inf)),
    "a weight sparse": set_at("state_dict", WEIGHT, value=torch.zeros(4, 1, 5, 5).to_sparse()),
    "a weight larger than its file": set_at("state_dict", WEIGHT, value=torch.zeros(1).expand(10**12)),
    "a weight on no device": set_at("state_dict", WEIGHT, value=torch.zeros(4, 1, 5, 5, device="meta")),
    "a weight's name a number": set_at("state_dict", 3, value=torch.zeros(1)),
    "no hyper-parameters": without(HP),
    "hyper-parameters None": set_at(HP, value=None),
    "hyper-parameters a list": set_at(HP, value=[]),
    "no network": without(HP, "network"),
    "network None": set_at(HP, "network", value=None),
    "network text": set_at(HP, "network", value="CNN"),
    "network a list": set_at(HP, "network", value=["CNN"]),
    "network without target": without(HP, "network", "_target_"),
    "network of no module": set_at(HP, "network", "_target_", value="sshml.networks.none.CNN"),
    "network of no class": set_at(HP, "network", "_target_", value="sshml.networks.CNNN"),
    "network with another key": set_at(HP, "network", "depth", value=3),
    "network of another size": set_at(HP, "network", "widths", value=[8, 8]),
    "network of text": set_at(HP, "network", "widths", value="many"),
    "network of 200 000 layers": set_at(HP, "network", "widths", value=[1] * 200_000),
    "network huge": set_at(HP, "network", "widths", value=[10**15]),
    "network no classifier": set_at(HP, "network", value={"_target_": "sshml.augmentation.ZeroModes"}),
    "optimizer text": set_at(HP, "optimizer", value="sgd"),
    "scheduler a list": set_at(HP, "scheduler", value=[]),
    "augmentation a list": set_at(HP, "augmentation", value=["mirror"]),
    "augmentation of None": set_at(HP, "augmentation", value={"a": None}),
    "settings with a tensor": set_at(HP, "optimizer", "lr", value=torch.zeros(1)),
    "settings too deep": set_at(HP, "extra", value=deep(200)),
    "settings too many": set_at(HP, "extra", value=doubled(40)),
    "a key a number": set_at(HP, 3, value=1),
    "no data": without(HP, "data"),
    "data None": set_at(HP, "data", value=None),
    "data text": set_at(HP, "data", value="ssh"),
    "data without target": without(HP, "data", "_target_"),
    "n_cells text": set_at(HP, "data", "n_cells", value="thirty"),
    "n_cells None": set_at(HP, "data", "n_cells", value=None),
    "n_cells negative": set_at(HP, "data", "n_cells", value=-3),
    "n_cells huge": set_at(HP, "data", "n_cells", value=9223372036854775807),
    "n_cells of 5000 digits": set_at(HP, "data", "n_cells", value=10**5000),
    "n_test huge": set_at(HP, "data", "n_test", value=9223372036854775807),
    "W text": set_at(HP, "data", "W", value="strong"),
    "W NaN": set_at(HP, "data", "W", value=float("nan")),
    "W long": set_at(HP, "data", "W", value="9" * 5000),
    "ratio_range reversed": set_at(HP, "data", "ratio_range", value=[2, 1]),
    "ratio_gap outside": set_at(HP, "data", "ratio_gap", value=[1, 3]),
    "batch_size a float": set_at(HP, "data", "batch_size", value=2.5),
    "data with another key": set_at(HP, "data", "n_cel", value=3),
    "seed a mapping": set_at(HP, "data", "seed", value={}),
    "seed text": set_at(HP, "seed", value="x"),
    "epoch text": set_at("epoch", value="x"),
    "epoch None": set_at("epoch", value=None),
    "epoch negative": set_at("epoch", value=-1),
    "epoch a truth": set_at("epoch", value=True),
    "no origin": without(CHECKPOINT_KEY),
    "origin text": set_at(CHECKPOINT_KEY, value="sshml"),
    "format text": set_at(CHECKPOINT_KEY, "format", value="\x1b[2J"),
    "format None": set_at(CHECKPOINT_KEY, value={"format": None, "versions": 3}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, damage: str) -> None:
    damaged = content(network=dict(NETWORK), data=dict(DATA))
    DAMAGES[damage](damaged)
    path = tmp_path / "a.ckpt"
    torch.save(damaged, path)
    with pytest.raises(CheckpointError) as raised:
        read_checkpoint(path)
    line = str(raised.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    assert len(line) < 1200


def test_what_is_no_archive_of_torch_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    whole = checkpoint(tmp_path / "whole.ckpt")
    torch.save(content(), tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    (tmp_path / "empty.ckpt").write_text("")
    (tmp_path / "cut.ckpt").write_bytes(whole.read_bytes()[:-100])
    (tmp_path / "folder.ckpt").mkdir()
    for name in ("old", "text", "empty", "cut", "folder", "missing"):
        with pytest.raises(CheckpointError, match=f"{name}.ckpt: "):
            read_checkpoint(tmp_path / f"{name}.ckpt")
    with (
        zipfile.ZipFile(whole) as archive,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for part in archive.namelist():
            bomb.writestr(part, archive.read(part))
        bomb.writestr("archive/data/bomb", b"\x00" * 10_000_000)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(CheckpointError, match="its parts are larger than the file"):
        read_checkpoint(path)


def test_a_checkpoint_of_an_earlier_version_or_of_python_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    old = content(data={key: DATA[key] for key in ("_target_", "n_cells")})
    for name in ("augmentation", "seed", "scheduler"):
        del old["hyper_parameters"][name]
    torch.save(old, path)
    read = read_checkpoint(path)
    assert read["hyper_parameters"]["data"]["ratio_gap"] is None
    assert read["hyper_parameters"]["scheduler"] is None
    # Trained in Python with no data settings, which the network itself does not need.
    torch.save(content(data=None, network={**NETWORK, "widths": (4, 4)}), path)
    assert load_classifier(path).head.in_features == 4
    with pytest.raises(CheckpointError, match="has no data settings"):
        read_checkpoint(path)


CALLBACK = "RunCheckpoint{'monitor': 'val/loss', 'mode': 'min', 'every_n_train_steps': 0, "
CALLBACK += "'every_n_epochs': 1, 'train_time_interval': None}"
STATES = {
    "no loops": without("loops"),
    "loops None": set_at("loops", value=None),
    "no loop of training": without("loops", "fit_loop"),
    "a loop without progress": set_at("loops", "fit_loop", "epoch_progress", value={}),
    "progress text": set_at("loops", "fit_loop", "epoch_progress", "current", "ready", value="x"),
    "progress negative": set_at("loops", "fit_loop", "epoch_progress", "current", "ready", value=-1),
    "optimizers none": set_at("optimizer_states", value=[]),
    "optimizer text": set_at("optimizer_states", value=["sgd"]),
    "optimizer without groups": set_at("optimizer_states", value=[{"state": {}, "param_groups": []}]),
    "momentum of another shape": lambda c: c["optimizer_states"][0]["state"][0].update(
        momentum_buffer=torch.zeros(3)
    ),
    "learning rate text": lambda c: c["optimizer_states"][0]["param_groups"][0].update(lr="high"),
    "schedulers missing": set_at("lr_schedulers", value=[]),
    "scheduler with a method": lambda c: c["lr_schedulers"][0].update(step=3),
    "scheduler text": lambda c: c["lr_schedulers"][0].update(last_epoch="x"),
    "no callbacks": without("callbacks"),
    "callbacks a list": set_at("callbacks", value=[]),
    "callback text": set_at("callbacks", CALLBACK, value="x"),
    "best network unknown": set_at("callbacks", CALLBACK, "kth_best_model_path", value="/x"),
    "scores text": set_at("callbacks", CALLBACK, "best_k_models", value={"": "x"}),
    "step text": set_at("global_step", value="x"),
    "version text": set_at("pytorch-lightning_version", value="x"),
    "no version": without("pytorch-lightning_version"),
    "an unknown weight": set_at("state_dict", "other.weight", value=torch.zeros(1)),
}


def test_a_damaged_state_of_training_is_one_line_before_any_work(run_train: Command) -> None:
    run = run_train(*TINY, "scheduler=cosine", "figures=false")
    last = run.folder / "checkpoints" / "last.ckpt"
    whole = last.read_bytes()
    before = run.manifest
    for name, damage in STATES.items():
        damaged = torch.load(last, weights_only=True)
        damage(damaged)
        torch.save(damaged, last)
        done = run_train(f"ckpt_path={last}", "trainer.max_epochs=2", "scheduler.T_max=1")
        last.write_bytes(whole)
        assert done.status == 2, name
        assert done.err.startswith(f"error: ckpt_path={last}: its training state is damaged"), name
        assert done.err.count("\n") == 1, name
        assert run.manifest == before
    resumed = run_train(f"ckpt_path={last}", "trainer.max_epochs=2", "scheduler.T_max=1")
    assert resumed.status == 0, resumed.err
