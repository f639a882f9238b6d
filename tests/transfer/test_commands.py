"""Each network of a study is trained again by the command in its manifest."""

import json
import shlex
from pathlib import Path

import torch
from conftest import TINY_TRANSFER, Command

from sshml.study.runs import read_runs
from sshml.transfer.commands import training_overrides

METHODS = (
    "methods={plain:{},aug:{augmentation:{localised_states:{_target_:sshml.augmentation.LocalisedStates,"
    "p:0.5,shortest:0.7,longest:10.0,scatter:1.5}}},two:{data:{W:[0,0.25],n_train:40}}}"
)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    state: dict[str, torch.Tensor] = content["state_dict"]
    return state


def assert_done_again(source: Path, run_train: Command) -> None:
    manifest = json.loads((source / "manifest.json").read_text())
    command = shlex.split(manifest["command"])
    assert command == ["python", "train.py", *manifest["overrides"]]
    again = run_train(*command[2:])
    assert again.status == 0, again.err
    assert again.folder != source
    for name in ("metrics.json", "metrics.csv"):
        assert (again.folder / name).read_text() == (source / name).read_text()
    before, after = weights(source), weights(again.folder)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_networks_of_methods_are_trained_again_by_their_own_commands(
    run_transfer: Command, run_train: Command
) -> None:
    study = run_transfer(
        *TINY_TRANSFER, METHODS, "source.W=[0.5]", "data.W=[0.5]", "seed=3", "optimizer=adamw",
        "scheduler=cosine", "augmentation=site_reversal", "trainer.max_epochs=2", "figures=false",
        "callbacks=early_stopping", "+trainer.accumulate_grad_batches=2", "data.label=sample",
    )  # fmt: skip
    assert study.status == 0, study.err
    sources = sorted(study.folder.glob("sources/*"))
    assert [path.name for path in sources] == ["W0.5_seed3", "aug_W0.5_seed3", "two_W0+0.25_seed3"]
    for source in sources:
        assert_done_again(source, run_train)
    plain = json.loads((sources[0] / "manifest.json").read_text())["overrides"]
    assert {"optimizer=adamw", "scheduler=cosine", "seed=3", "data.W=0.5"} <= set(plain)
    assert not [override for override in plain if override.startswith("optimizer.")]
    # sshml.study lists the same commands.
    runs, _ = read_runs([study.folder])
    for run in runs:
        assert run.command == json.loads((run.folder / "manifest.json").read_text())["command"]


def test_a_network_of_a_ready_study_is_trained_again(run_transfer: Command, run_train: Command) -> None:
    study = run_transfer(
        "experiment=thesis/quick", *TINY_TRANSFER[:5], "trainer.max_epochs=1", "report=[]", "seeds=1",
        "logger=csv", "data.W=[0]", "source.W=[0]",
    )  # fmt: skip
    assert study.status == 0, study.err
    (source,) = study.folder.glob("sources/*")
    assert_done_again(source, run_train)


def test_settings_that_no_command_composes_have_none() -> None:
    run = {"paths": {"run": "a", "runs": "b"}, "scheduler": 3.0, "seed": 1}
    assert training_overrides(run) is None
