"""Nothing that Weights & Biases does, or fails to do, costs a training."""

import csv
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import wandb
from conftest import TINY, Command, Outcome
from harm import wandb_processes
from matplotlib.figure import Figure
from wandb_file import exit_codes, history

from sshml.tracking import WandbLogger

WANDB = (*TINY, "logger=wandb", "figures=true")
SETTINGS = {
    "model": {"_target_": "sshml.networks.CNN"},
    "data": {"n_cells": 8, "W": 0, "disorder": "thesis"},
    "seed": 0,
}


@pytest.fixture(autouse=True)
def _own_wandb_process() -> Iterator[None]:
    """Other tests of this process neither see what happens here, nor does W&B keep their settings."""
    wandb.teardown()
    yield
    wandb.teardown()
    assert not wandb_processes()


def warnings(done: Outcome) -> list[str]:
    return [line for line in done.err.splitlines() if line.startswith("warning: ")]


def assert_complete(done: Outcome, epochs: int) -> None:
    assert done.status == 0, done.err
    assert "Traceback" not in done.err
    with (done.folder / "metrics.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(e + 1) for e in range(epochs)]
    assert done.manifest["status"] == "finished"
    assert 0 <= done.metrics["test/accuracy"] <= 1


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # where W&B would find a login
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "1")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)


@pytest.mark.usefixtures("no_server")
def test_without_an_account_an_online_run_is_logged_offline(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logger = WandbLogger(str(tmp_path), mode="online")
    logger.start(SETTINGS, "train")
    logger.finish(0)
    (warning,) = capfd.readouterr().err.splitlines()
    assert "no account" in warning
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert exit_codes(path) == [0]


@pytest.mark.usefixtures("no_server")
def test_without_a_server_an_online_run_is_logged_offline(
    run_train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    done = run_train(*WANDB, "logger.wandb.mode=online")
    assert_complete(done, 1)
    (warning,) = warnings(done)
    assert "127.0.0.1:9" in warning
    for way_out in ("wandb login", f"wandb sync {done.folder}/wandb", "logger.wandb.mode=offline"):
        assert way_out in warning
    (path,) = done.folder.glob("wandb/offline-run-*/run-*.wandb")
    assert exit_codes(path) == [0]
    assert [row["epoch"] for row in history(path) if "train/loss" in row] == [1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_training_outlives_the_process_of_wandb(
    run_train: Command, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("sshml.tracking.wandb._CALL_S", 3.0)
    harm = ["+callbacks.harm._target_=harm.Signal", f"+callbacks.harm.number={int(number)}"]
    done = run_train(*WANDB, *harm)
    assert_complete(done, 1)
    (warning,) = warnings(done)
    (piece,) = done.folder.glob("wandb/offline-run-*")
    assert warning.endswith(f"wandb sync {piece}")
    # The next job of this process has a W&B process of its own.
    assert not wandb_processes()
    next_job = WandbLogger(str(done.folder / "next"))
    next_job.start(SETTINGS, "train")
    next_job.log_metrics({"epoch": 0, "val/loss": 1.0})
    next_job.finish(0)
    assert not next_job.stopped
    (path,) = done.folder.glob("next/wandb/offline-run-*/run-*.wandb")
    assert exit_codes(path) == [0]
    assert len(wandb_processes()) == 1


def test_a_disk_that_is_full_for_pictures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger = WandbLogger(str(tmp_path))
    logger.start(SETTINGS, "train")
    (piece,) = tmp_path.glob("wandb/offline-run-*")
    (piece / "files" / "media").write_text("no folder: what is written below it raises an OSError")
    for epoch in range(3):
        logger.log_metrics({"epoch": epoch, "val/loss": 1.0})
        logger.figure("curve", Figure(), epoch)
    logger.finish(1)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning: W&B stopped (")
    (path,) = piece.glob("*.wandb")
    assert exit_codes(path) == [1]
    assert len([row for row in history(path) if "val/loss" in row]) == 1


def test_a_disk_that_is_full_for_the_process_of_wandb(tmp_path: Path) -> None:
    logger = WandbLogger(str(tmp_path))
    logger.start(SETTINGS, "train")
    (process,) = wandb_processes()
    process.rlimit(psutil.RLIMIT_FSIZE, (20_000, 20_000))  # no file of it may become larger
    for epoch in range(200):
        logger.log_metrics({"epoch": epoch, **{f"val/{name}": 1.0 for name in range(20)}})
    logger.finish(0)
    assert next(tmp_path.glob("wandb/offline-run-*/*.wandb")).stat().st_size <= 20_000
