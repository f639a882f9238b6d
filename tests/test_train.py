"""Whole runs of train.py, on few and small chains."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, TINY, Command
from matplotlib.image import imread

from sshml import load_classifier
from sshml.config.build import build
from sshml.data.streams import Split

FIGURES = {"learning_curves", "profiles", "confusion_matrix", "accuracy_by_ratio", "maps_test"}


def test_a_run_leaves_everything_behind(run_train: Command) -> None:
    done = run_train(*TINY, "seed=3", "trainer.max_epochs=2", "figures=true")
    assert done.status == 0, done.err
    config = yaml.safe_load((done.folder / "config.yaml").read_text())
    assert config["data"]["n_cells"] == 8
    assert config["data"]["seed"] == 3
    assert done.manifest["status"] == "finished"
    assert done.manifest["seed"] == 3
    assert torch.__version__.startswith(done.manifest["versions"]["torch"])
    assert done.manifest["wall_time_s"] > 0
    with (done.folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    best = min(rows, key=lambda row: float(row["val/loss"]))
    assert done.metrics["val/loss"] == pytest.approx(float(best["val/loss"]))
    assert sum(done.metrics[f"test/{name}"] for name in ("tp", "fp", "tn", "fn")) == 20
    assert {path.stem for path in (done.folder / "figures").glob("*.png")} >= FIGURES
    assert all(imread(path).std() > 0 for path in (done.folder / "figures").glob("*.png"))
    assert "run folder:" in done.out
    assert "val loss" in done.out


def test_reported_accuracy_is_that_of_the_best_checkpoint(run_train: Command) -> None:
    done = run_train(*TINY, "trainer.max_epochs=2", "data.W=[0.5,3]", "data.label=sample")
    network = load_classifier(done.folder / "checkpoints" / "best.ckpt")
    settings = yaml.safe_load((done.folder / "config.yaml").read_text())["data"]
    batch = build(settings).dataset(Split.TEST).__getitems__(range(20))
    with torch.no_grad():
        right = network(batch["input"]).argmax(dim=1) == batch["labels"]["sample"]
    assert done.metrics["test/accuracy"] == pytest.approx(right.float().mean().item())


def test_training_learns_the_clean_phases(run_train: Command) -> None:
    done = run_train(
        "data.n_cells=8",
        "data.n_train=1000",
        "data.n_val=100",
        "data.n_test=500",
        "data.batch_size=20",
        "model.widths=[8,8]",
        "model.pool_after=[1]",
        "trainer.max_epochs=3",
        "optimizer.lr=0.01",
        "logger=csv",
        "data.ratio_range=[0.2,1.8]",
    )
    # By chance 0.5; over seeds 0.963 +- 0.024 in either precision: 7 standard deviations above.
    assert done.metrics["test/accuracy"] > 0.8


def test_the_same_seed_gives_the_same_run_and_another_seed_another(run_train: Command) -> None:
    first, second = run_train(*TINY).metrics, run_train(*TINY).metrics
    assert first == second
    assert run_train(*TINY, "seed=1").metrics["test/loss"] != first["test/loss"]


@pytest.mark.parametrize("resample", ["never", "epoch"])
def test_a_resumed_run_ends_as_an_uninterrupted_one(run_train: Command, resample: str) -> None:
    settings = (*TINY, f"data.resample={resample}", "model.dropout=0.5", "scheduler=cosine")
    whole = run_train(*settings, "trainer.max_epochs=3", "scheduler.T_max=3")
    part = run_train(*settings, "trainer.max_epochs=1", "scheduler.T_max=3")
    # Its own settings come back by themselves; only overrides are reported.
    checkpoint = part.folder / "checkpoints" / "last.ckpt"
    resumed = run_train(f"ckpt_path={checkpoint}", "trainer.max_epochs=3")
    assert resumed.status == 0, resumed.err
    assert resumed.folder == part.folder != whole.folder
    assert resumed.metrics == whole.metrics
    assert (resumed.folder / "metrics.csv").read_text() == (whole.folder / "metrics.csv").read_text()
    assert [entry["status"] for entry in resumed.manifest["earlier"]] == ["finished"]


def test_a_run_folder_can_be_moved_and_resumed(run_train: Command, tmp_path: Path) -> None:
    settings = (*TINY, "optimizer.lr=0.5")  # so high that the first epoch stays the best
    run = run_train(*settings, "trainer.max_epochs=2")
    moved = run.folder.rename(tmp_path / "runs" / "moved")
    resumed = run_train(f"ckpt_path={moved}/checkpoints/last.ckpt", "trainer.max_epochs=3")
    assert resumed.status == 0, resumed.err
    assert resumed.folder == moved
    with (moved / "metrics.csv").open() as file:
        losses = [float(row["val/loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 3
    assert resumed.metrics["val/loss"] == pytest.approx(min(losses))
    assert torch.load(moved / "checkpoints" / "best.ckpt", weights_only=True)["epoch"] == (
        losses.index(min(losses))
    )


def test_the_logged_learning_rate_is_the_one_used(run_train: Command) -> None:
    steps = ("scheduler=step", "scheduler.step_size=1", "scheduler.gamma=0.1")
    done = run_train(*TINY, *steps, "trainer.max_epochs=2")
    with (done.folder / "metrics.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert rates == pytest.approx([1e-3, 1e-4])


def test_one_cycle_ends_with_the_run(run_train: Command) -> None:
    done = run_train(*TINY, "scheduler=one_cycle", "trainer.max_epochs=4")
    assert done.status == 0, done.err
    # 50 chains in batches of 20: three steps an epoch.
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=12, pct_start=0.2)
    expected = []
    for _ in range(12):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert expected[-1] < 1e-8
    with (done.folder / "metrics.csv").open() as file:
        assert [float(row["lr"]) for row in csv.DictReader(file)] == pytest.approx(expected[::3])


def test_a_run_goes_on_from_its_last_epoch_not_its_best(run_train: Command) -> None:
    done = run_train(*TINY, "trainer.max_epochs=4", "optimizer.lr=1.0")
    with (done.folder / "metrics.csv").open() as file:
        losses = [float(row["val/loss"]) for row in csv.DictReader(file)]
    epochs = {
        name: torch.load(done.folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["epoch"]
        for name in ("best", "last")
    }
    assert epochs == {"best": losses.index(min(losses)), "last": 3}
    assert epochs["best"] != 3


def test_a_checkpoint_is_plain_data(run_train: Command) -> None:
    done = run_train(*TINY)
    for name in ("best", "last"):
        content = torch.load(done.folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert content["hyper_parameters"]["data"]["n_cells"] == 8
        assert content["sshml"]["versions"] == done.manifest["versions"]


def test_resampled_training_sees_new_chains_each_epoch(run_train: Command) -> None:
    runs = [
        run_train(*TINY, "trainer.max_epochs=2", f"data.resample={resample}").folder
        for resample in ("never", "epoch")
    ]
    fixed, fresh = (
        list(csv.DictReader((run / "metrics.csv").read_text().splitlines())) for run in runs
    )
    assert fixed[0] == fresh[0]
    assert fixed[1]["train/loss"] != fresh[1]["train/loss"]


def test_a_sweep_runs_every_job_in_a_folder_of_its_own(run_train: Command, tmp_path: Path) -> None:
    done = run_train("-m", *TINY, "model=cnn", "data.W=0,0.25,0.5")
    assert done.status == 0, done.err
    configs = [yaml.safe_load(p.read_text()) for p in tmp_path.glob("runs/sweeps/*/*/config.yaml")]
    assert sorted(config["data"]["W"] for config in configs) == [0, 0.25, 0.5]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_what_was_done_and_says_how_to_go_on(
    tmp_path: Path, ending: signal.Signals
) -> None:
    command = [sys.executable, str(ROOT / "train.py"), *TINY, "trainer.max_epochs=100000"]
    # A shell has its background jobs ignore SIGINT; if these tests are one, the child would too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 600
    while not list(tmp_path.glob("runs/*/*/checkpoints/last.ckpt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.kill(process.pid, ending)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in err
    (folder,) = tmp_path.glob("runs/*/*")
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    assert f"ckpt_path={folder / 'checkpoints' / 'last.ckpt'}" in out + err
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] >= 0


def test_a_folder_is_printed_as_it_is_called(run_train: Command) -> None:
    done = run_train(*TINY, "figures=false", "hydra.run.dir='runs/a[/b] [red]'")
    assert done.status == 0, done.err
    assert "/runs/a[/b] [red]/metrics.json\n" in done.out
