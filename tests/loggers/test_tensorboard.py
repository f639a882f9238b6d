"""What TensorBoard gets, read back from its event files."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, TINY, Command, environment

from sshml.files.provenance import git_revision

pytest.importorskip("tensorboard")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

TENSORBOARD = (*TINY, "logger=tensorboard", "figures=true")


def events(folder: Path) -> EventAccumulator:
    (run,) = (folder / "tensorboard").iterdir()
    loaded = EventAccumulator(str(run))
    loaded.Reload()
    return loaded


def scalars(loaded: EventAccumulator, name: str) -> dict[int, float]:
    return {event.step: event.value for event in loaded.Scalars(name)}


def test_tensorboard_gets_the_scalars_pictures_and_settings_of_a_run_and_of_a_study(
    run_train: Command, run_transfer: Command
) -> None:
    done = run_train(*TENSORBOARD, "trainer.max_epochs=2", "callbacks.maps.every_n_epochs=1")
    assert done.status == 0, done.err
    assert [path.name for path in (done.folder / "tensorboard").iterdir()] == ["CNN,M=8,W=0,seed=0"]
    loaded = events(done.folder)
    with (done.folder / "metrics.csv").open(newline="") as file:
        rows = {int(row.pop("epoch")): row for row in csv.DictReader(file)}
    for name in rows[1]:
        expected = {epoch: pytest.approx(float(row[name])) for epoch, row in rows.items()}
        assert scalars(loaded, name) == expected
    for name, value in done.metrics.items():
        if name.startswith("test/"):
            assert [pytest.approx(value)] == list(scalars(loaded, name).values())
    pictures = set(loaded.Tags()["images"])
    drawn = (
        "maps",
        "maps_test",
        "confusion_matrix",
        "learning_curves",
        "profiles",
        "accuracy_by_ratio",
    )
    assert {f"figures/{name}" for name in drawn} <= pictures
    examples = {name for name in pictures if name.startswith("test/examples/")}
    assert examples
    (table,) = loaded.Tensors("test/examples/text_summary")
    text = table.tensor_proto.string_val[0].decode()
    assert len(text.splitlines()) == 2 + len(examples)
    content = loaded.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = HParamsPluginData.FromString(content).session_start_info.hparams
    assert settings["data.n_cells"].number_value == 8
    assert settings["git_revision"].string_value == git_revision()

    checkpoint = done.folder / "checkpoints" / "best.ckpt"
    study = run_transfer(f"checkpoint={checkpoint}", "data.W=[0,0.25]", "logger=tensorboard")
    assert study.status == 0, study.err
    (named,) = (study.folder / "tensorboard").iterdir()
    assert named.name == f"{done.folder.name},ZeroShot,seed=0"
    loaded = events(study.folder)
    networks = [
        row
        for row in json.loads((study.folder / "transfer.json").read_text())
        if row["method"] == "network"
    ]
    for name in ("accuracy", "loss", "ceiling"):
        logged = scalars(loaded, f"transfer/trained_at_0.0/seed_0/{name}")
        assert logged == {round(1000 * row["W"]): pytest.approx(row[name]) for row in networks}
    pictures = set(loaded.Tags()["images"])
    assert {f"figures/{name}" for name in ("accuracy_by_W", "matrix", "maps_W0_seed0")} <= pictures


@pytest.mark.parametrize("is_old", [False, True])
def test_a_resumed_run_goes_on_in_the_folder_of_its_events(run_train: Command, is_old: bool) -> None:
    done = run_train(*TENSORBOARD)
    (folder,) = (done.folder / "tensorboard").iterdir()
    if is_old:  # as earlier versions had them
        (events_file,) = folder.iterdir()
        events_file.rename(folder.parent / events_file.name)
        folder.rmdir()
        folder = folder.parent
    last = done.folder / "checkpoints" / "last.ckpt"
    again = run_train(f"ckpt_path={last}", "trainer.max_epochs=2", "data.W=0.5")
    assert again.status == 0, again.err
    loaded = EventAccumulator(str(folder))
    loaded.Reload()
    assert list(scalars(loaded, "val/loss")) == [1, 2]
    assert len(list((done.folder / "tensorboard").rglob("events.*"))) == 2


def test_tensorboard_that_is_not_installed_is_told_before_any_work(
    run_train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    done = run_train(*TENSORBOARD)
    assert done.status == 2
    (line,) = done.err.splitlines()
    assert 'pip install -e ".[tensorboard]"' in line
    assert not list(tmp_path.glob("runs/*/*"))


FULL = """
import resource, signal, sys
from sshml.tracking.tensorboard import TensorBoardLogger
logger = TensorBoardLogger(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
settings = {"model": {"_target_": "sshml.networks.CNN"}, "data": {"n_cells": 8}, "seed": 0}
logger.start(settings, "train")
logger.finish(0)
"""


def test_a_writer_that_cannot_begin_is_one_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "tensorboard"],
        check=False, capture_output=True, text=True, env=environment(ROOT),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("warning: TensorBoard stopped (OSError: [Errno 27] File too large)")
    assert done.stderr.count("\n") == 1
