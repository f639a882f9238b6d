"""Training by several processes is training by one."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, TINY, Command, environment
from matplotlib.image import imread
from torch.nn.functional import cross_entropy

from sshml import load_classifier
from sshml.trained import TrainedNetwork

# Every batch, the last ones too, has an odd number of samples. The rate is so high that the network
# soon names both phases.
ODD = (
    "data.n_train=65",
    "data.n_val=25",
    "data.n_test=23",
    "data.batch_size=19",
    "data.W=0.5",
    "optimizer.lr=0.1",
    "trainer.max_epochs=2",
    "trainer.precision=32-true",
    "callbacks.maps.every_n_epochs=2",
    "figures=true",
)
TWO = ("trainer=ddp", "trainer.accelerator=cpu")


SETTINGS = (*(o for o in TINY if o.split("=")[0] not in {s.split("=")[0] for s in ODD}), *ODD)


def _rows(run: Path) -> list[dict[str, float]]:
    with (run / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def started(folder: Path, *settings: str) -> "subprocess.Popen[str]":
    """Training by two processes, in ``folder/two``."""
    command = [sys.executable, str(ROOT / "train.py"), *settings, *TWO, "hydra.run.dir=two"]
    command.append("+callbacks.check._target_=two_processes.BatchNormCheck")
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(ROOT / "tests", OMP_NUM_THREADS="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_train_as_one(run_train: Command, tmp_path: Path) -> None:
    process = started(tmp_path, *SETTINGS)
    one = run_train(*SETTINGS)
    _, err = process.communicate()
    assert process.returncode == 0, err
    two = tmp_path / "two"
    assert json.loads((two / "manifest.json").read_text())["status"] == "finished"

    for row, expected in zip(_rows(two), _rows(one.folder), strict=True):
        assert row == pytest.approx(expected, rel=1e-5, abs=1e-5)
        assert all(row[f"train/{count}"] for count in ("tp", "fp", "tn", "fn"))
    metrics = json.loads((two / "metrics.json").read_text())
    assert metrics == pytest.approx(one.metrics, rel=1e-5, abs=1e-5)
    assert sum(metrics[f"test/{name}"] for name in ("tp", "fp", "tn", "fn")) == 23

    networks = [load_classifier(run / "checkpoints" / "last.ckpt") for run in (two, one.folder)]
    states = [network.state_dict() for network in networks]
    torch.testing.assert_close(*states, rtol=1e-5, atol=1e-5)
    # They show what the network said of each sample, in order, and of which chains its maps are.
    for name in ("accuracy_by_ratio", "confusion_matrix", "maps_epoch_0002", "maps_test"):
        pictures = [imread(run / "figures" / f"{name}.png") for run in (two, one.folder)]
        assert pictures[0].shape == pictures[1].shape
        assert abs(pictures[0] - pictures[1]).mean() < 1e-3


def test_two_processes_that_train_in_bfloat16_test_in_float32(tmp_path: Path) -> None:
    process = started(tmp_path, *SETTINGS, "trainer.precision=bf16-mixed", "figures=false")
    _, err = process.communicate()
    assert process.returncode == 0, err
    metrics = json.loads((tmp_path / "two" / "metrics.json").read_text())
    network = TrainedNetwork(tmp_path / "two" / "checkpoints" / "best.ckpt")
    batch = network.test_chains(0.5, 23)
    loss = cross_entropy(network.logits(batch["input"]), batch["label"])
    assert metrics["test/loss"] == pytest.approx(float(loss), rel=1e-5)


def test_a_sweep_of_several_processes_is_refused(run_train: Command) -> None:
    done = run_train("-m", *TINY, *TWO, "seed=0,1")
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("error: trainer.devices=2: expected 1 in a sweep, one device per job")


def test_a_transfer_study_of_several_processes_is_refused(run_transfer: Command) -> None:
    done = run_transfer(*TINY, *TWO)
    assert done.status == 2
    assert done.err.startswith("error: trainer.devices=2: expected 1 in a study")
    assert len(done.err.splitlines()) == 1
