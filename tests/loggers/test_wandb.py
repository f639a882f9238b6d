"""What Weights & Biases gets, read back from the file that an offline run writes."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import TINY, Command
from harm import wandb_processes
from matplotlib.image import imread
from pytorch_lightning.utilities import rank_zero_only
from wandb_file import config, exit_codes, history, of_kind

from sshml.files.provenance import git_revision
from sshml.tracking import WandbLogger
from sshml.transfer.columns import COLUMNS

WANDB = (*TINY, "logger=wandb", "figures=true")


def pieces(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


def scalars(paths: list[Path], name: str) -> dict[int, float]:
    """The values of a metric by epoch; of an epoch done again the later one."""
    return {row["epoch"]: row[name] for path in paths for row in history(path) if name in row}


def table(path: Path, name: str) -> dict:
    (files,) = {row[f"{name}/path"] for row in history(path) if f"{name}/path" in row}
    return json.loads((path.parent / "files" / files).read_text())


def test_a_run_and_its_resumption_are_one_run_of_wandb(
    run_train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    done = run_train(
        *WANDB, "logger.wandb.tags=[thesis]", "data.W=0.5", "callbacks.maps.every_n_epochs=1"
    )
    assert done.status == 0, done.err
    again = run_train(f"ckpt_path={done.folder}/checkpoints/last.ckpt", "trainer.max_epochs=2")
    assert again.status == 0, again.err
    assert again.folder == done.folder
    assert f"upload with:  wandb sync {done.folder}/wandb" in again.out
    assert done.err == again.err == ""
    first, second = paths = pieces(done.folder)
    (run, *_), (resumed, *_) = (of_kind(path, "run") for path in paths)
    assert run.run_id == resumed.run_id
    assert run.display_name == resumed.display_name == "CNN M=8 W=0.5 seed=0"
    assert (run.project, run.job_type, run.run_group) == ("sshml", "train", "")
    assert set(run.tags) == {"thesis", "CNN", "M=8", "W=0.5"}
    assert config(first)["git_revision"] == git_revision()
    assert config(first)["data"]["n_cells"] == 8
    assert exit_codes(first) == exit_codes(second) == [0]

    with (done.folder / "metrics.csv").open(newline="") as file:
        rows = {int(row.pop("epoch")): row for row in csv.DictReader(file)}
    assert set(rows) == {1, 2}
    for name in rows[1]:
        expected = {epoch: pytest.approx(float(row[name])) for epoch, row in rows.items()}
        assert scalars(paths, name) == expected
    for name, value in again.metrics.items():
        if name.startswith("test/"):
            assert value in scalars([second], name).values()
    steps = [row["_step"] for path in paths for row in history(path)]
    assert steps == sorted(set(steps))  # or `wandb sync` would drop what is appended

    metrics = {m.name or m.glob_name: m for m in of_kind(first, "metric")}
    assert metrics["epoch"].options.hidden
    assert {m.step_metric for name, m in metrics.items() if name != "epoch"} == {"epoch"}
    for stage in ("train", "val"):
        assert metrics[f"{stage}/accuracy"].summary.max
        assert metrics[f"{stage}/loss"].summary.min

    keys = {key for row in history(first) for key in row}
    for name in ("maps", "maps_test", "confusion_matrix", "learning_curves", "profiles"):
        assert f"figures/{name}/path" in keys
    pictures = {
        row[key] for row in history(first) for key in row if key.endswith("path") and "figures" in key
    }
    assert all((first.parent / "files" / picture).stat().st_size > 1000 for picture in pictures)
    examples = table(first, "test/examples")
    assert examples["columns"][-2:] == ["profile", "map"]
    for row in examples["data"]:
        by_name = dict(zip(examples["columns"], row, strict=True))
        assert by_name["true"] == ("topological" if by_name["t1/t2"] < 1 else "trivial")
        assert by_name["right"] == (by_name["true"] == by_name["predicted"])
    (artifact,) = (a for a in of_kind(first, "artifact") if "testexamples" in a.name)
    files = [Path(c.local_path) for c in artifact.manifest.contents if c.path.endswith(".png")]
    assert len(files) == 2 * len(examples["data"])  # a profile and a map each
    assert all(imread(file).std() > 0 for file in files)
    confusion = {(a, p): n for a, p, n in table(first, "test/confusion_table")["data"]}
    counts = {name: done.metrics[f"test/{name}"] for name in ("tp", "fp", "tn", "fn")}
    assert confusion == {
        ("topological", "topological"): counts["tp"],
        ("trivial", "topological"): counts["fp"],
        ("trivial", "trivial"): counts["tn"],
        ("topological", "trivial"): counts["fn"],
    }


def test_jobs_of_a_process_are_runs_of_their_own_and_nothing_leaks(
    run_train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert run_train("-m", *WANDB, "data.W=0,0.5").status == 0
    (sweep,) = tmp_path.glob("runs/sweeps/*")
    jobs = [path for folder in sorted(sweep.glob("*/")) for path in pieces(folder)]
    runs = [of_kind(path, "run")[0] for path in jobs]
    assert [run.run_group for run in runs] == [sweep.name] * 2
    assert len({run.run_id for run in runs}) == 2
    assert sorted(config(path)["data"]["W"] for path in jobs) == [0, 0.5]

    files, processes = psutil.Process().num_fds(), wandb_processes()

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("sshml.training.train.draw_figures", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_train(*WANDB)
    (failed,) = tmp_path.glob("runs/2*/*/wandb/offline-run-*/run-*.wandb")
    assert exit_codes(failed) == [1]
    assert [exit_codes(path) for path in jobs] == [[0], [0]]
    assert psutil.Process().num_fds() <= files
    assert wandb_processes() == processes
    assert "WANDB_MODE" not in os.environ


def test_a_study_and_its_trainings_are_a_group(run_transfer: Command) -> None:
    done = run_transfer(*WANDB, "source.W=[0]", "data.W=[0.5]")
    assert done.status == 0, done.err
    (training,) = pieces(done.folder / "sources" / "W0_seed0")
    again = run_transfer(f"resume={done.folder}", "data.W=[0.25,0.5]")
    first, second = pieces(done.folder)
    runs = [of_kind(path, "run")[0] for path in (training, first, second)]
    assert [run.job_type for run in runs] == ["train", "transfer", "transfer"]
    assert {run.run_group for run in runs} == {done.folder.name}
    assert runs[0].run_id != runs[1].run_id == runs[2].run_id
    assert [run.display_name for run in runs[:2]] == ["CNN M=8 W=0 seed=0", "CNN M=8 ZeroShot seed=0"]
    assert set(runs[1].tags) == {"CNN", "M=8", "thesis", "ZeroShot"}
    assert f"upload with:  wandb sync {done.folder}/wandb {done.folder}/sources/*/wandb" in again.out
    rows = json.loads((done.folder / "transfer.json").read_text())
    logged = table(second, "transfer")
    assert tuple(logged["columns"]) == COLUMNS
    assert [row[logged["columns"].index("accuracy")] for row in logged["data"]] == [
        row["accuracy"] for row in rows
    ]
    scores = {
        row["W"]: row["transfer/trained_at_0.0/seed_0/accuracy"]
        for row in history(second)
        if "transfer/trained_at_0.0/seed_0/accuracy" in row
    }
    assert scores == {row["W"]: row["accuracy"] for row in rows if row["method"] == "network"}
    (step,) = {m.step_metric for m in of_kind(second, "metric") if m.glob_name == "*"}
    assert step == "W"
    # W&B's own command finds them all.
    command = [
        sys.executable,
        "-m",
        "wandb",
        "sync",
        "--dry-run",
        done.folder / "wandb",
        done.folder / "sources/W0_seed0/wandb",
    ]
    dry = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "3 run(s)" in dry.stderr


def test_wandb_can_be_switched_off(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger = WandbLogger(str(tmp_path), mode="disabled")
    logger.start({"model": {"_target_": "CNN"}, "data": {"n_cells": 8, "W": 0}, "seed": 0}, "train")
    logger.log_metrics({"epoch": 0, "val/loss": 1.0})
    logger.finish(0)
    assert not logger.stopped
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_the_network_is_an_artifact_of_an_online_run_only(tmp_path: Path) -> None:
    files = ("checkpoints/best.ckpt", "config.yaml", "manifest.json")
    (tmp_path / "checkpoints").mkdir()
    for name in files:
        (tmp_path / name).write_text(name)
    logger = WandbLogger(str(tmp_path))
    logger.start({"model": {"_target_": "CNN"}, "data": {"n_cells": 8, "W": 0}, "seed": 0}, "train")
    logger.artifact(tmp_path)
    logger._online = True  # there is no server here; its record is the same
    logger.artifact(tmp_path)
    logger.finish(0)
    (artifact,) = of_kind(pieces(tmp_path)[0], "artifact")
    assert artifact.type == "model"
    assert {c.path for c in artifact.manifest.contents} == {Path(name).name for name in files}


def test_of_several_processes_only_the_first_one_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = WandbLogger(str(tmp_path))
    logger.start({}, "train")
    logger.log_metrics({"epoch": 0, "val/loss": 1.0})
    logger.finish(0)
    assert not list(tmp_path.iterdir())
