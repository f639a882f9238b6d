"""Chains and images other than SSH chains' density profiles, from the command line to the pictures."""

import json

import pytest
import torch
from conftest import TINY, Command, one_error

from sshml import load_classifier
from sshml.explain.__main__ import main as explain


def test_three_phases_from_the_first_epoch_to_a_resumed_run(run_train: Command) -> None:
    chains = ("hamiltonian=extended_ssh", "data.hamiltonian.t3=0.8", "data.W=0.3")
    run = run_train(*TINY, *chains, "callbacks.maps.every_n_epochs=1")
    assert run.status == 0, run.err
    counts = [f"test/count_{true}_{said}" for true in range(3) for said in range(3)]
    assert sum(run.metrics[name] for name in counts) == 20
    of_classes = [run.metrics[f"test/count_{k}_{k}"] for k in range(3)]
    assert sum(of_classes) == pytest.approx(20 * run.metrics["test/accuracy"])
    assert {"confusion_matrix", "maps_epoch_0001", "accuracy_by_ratio"} <= {
        path.stem for path in (run.folder / "figures").glob("*.png")
    }
    network = load_classifier(run.folder / "checkpoints" / "best.ckpt")
    assert network(torch.zeros(2, 1, 16, 16)).shape == (2, 3)
    resumed = run_train(f"ckpt_path={run.folder}/checkpoints/last.ckpt", "trainer.max_epochs=2")
    assert resumed.status == 0, resumed.err
    assert "data.hamiltonian.t3=0.8" in json.dumps(resumed.manifest["overrides"])
    assert "val/macro_accuracy" in (run.folder / "metrics.csv").read_text()


@pytest.mark.parametrize("choice", ["hamiltonian=kitaev", "representation=correlation_matrix"])
def test_what_is_not_known_of_them_is_refused_before_any_work(
    run_train: Command, run_transfer: Command, capfd: pytest.CaptureFixture[str], choice: str
) -> None:
    group = choice.partition("=")[0]
    line = one_error(run_transfer(*TINY, "data.W=0", choice))
    assert line.startswith(f"error: data.{group}._target_=")
    assert "train.py takes any" in line
    best = run_train(*TINY, choice).folder / "checkpoints" / "best.ckpt"
    assert f"data.{group}._target_=" in one_error(run_transfer(f"checkpoint={best}", "logger=csv"))
    capfd.readouterr()
    assert explain([str(best), "--chains", "10"]) == 2
    assert capfd.readouterr().err.startswith(f"error: data.{group}._target_=")


def test_another_chain_beside_a_checkpoint_is_refused(
    run_train: Command, run_transfer: Command
) -> None:
    best = run_train(*TINY).folder / "checkpoints" / "best.ckpt"
    line = one_error(run_transfer(f"checkpoint={best}", "logger=csv", "hamiltonian=kitaev"))
    assert line.startswith("error: hamiltonian: the network of checkpoint=")
    assert "leave it out" in line
