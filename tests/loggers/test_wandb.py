"""What Weights & Biases gets, read back from the file that an offline run writes."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TINY, Command
from wandb.proto.wandb_internal_pb2 import Record

from sshml.loggers import MetricsFile

WANDB = [override for override in TINY if override != "logger=csv"]
_BLOCK = 32768  # a .wandb file is a LevelDB log: blocks of records, each checksum, length, type


def records(path: Path) -> Iterator[Record]:
    data, position, parts = path.read_bytes(), 7, b""
    while position < len(data):
        if _BLOCK - position % _BLOCK < 7:
            position += _BLOCK - position % _BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(parts)
            parts = b""


def history(path: Path) -> list[dict[str, object]]:
    rows = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            rows.append(
                {item.key or item.nested_key[0]: json.loads(item.value_json)
                 for item in record.history.item}
            )  # fmt: skip
    return rows


def exit_codes(path: Path) -> list[int]:
    return [r.exit.exit_code for r in records(path) if r.WhichOneof("record_type") == "exit"]


def test_wandb_gets_scalars_figures_confusion_and_examples(
    run_train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    done = run_train(*WANDB, "trainer.max_epochs=2", "callbacks.maps.every_n_epochs=1")
    assert done.status == 0, done.err
    (path,) = done.folder.glob("wandb/offline-run-*/run-*.wandb")
    rows = history(path)
    keys = {key for row in rows for key in row}
    assert {"train/loss", "val/accuracy", "test/accuracy", "test/tp", "test/ece", "lr"} <= keys
    assert {"figures/maps", "figures/maps_test", "figures/confusion_matrix"} <= keys
    assert {"figures/learning_curves", "figures/profiles", "test/examples"} <= keys
    assert any(key.startswith("test/confusion") for key in keys)
    losses = [row["val/loss"] for row in rows if "val/loss" in row]
    assert len(losses) == 2
    assert min(losses) == pytest.approx(done.metrics["val/loss"])
    assert exit_codes(path) == [0]
    assert list(done.folder.glob("wandb/offline-run-*/files/media/**/*.png"))


def test_wandb_jobs_of_a_process_are_runs_of_their_own_and_failed_ones_show_it(
    run_train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_train(*WANDB)

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("sshml.training.draw_figures", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_train(*WANDB)
    paths = sorted(tmp_path.glob("runs/*/*/wandb/offline-run-*/run-*.wandb"))
    assert sorted(map(exit_codes, paths)) == [[0], [1]]
    statuses = [json.loads(p.read_text())["status"] for p in tmp_path.glob("runs/*/*/manifest.json")]
    assert sorted(statuses) == ["failed", "finished"]


def test_wandb_can_be_switched_off(run_train: Command) -> None:
    done = run_train(*WANDB, "logger.wandb.mode=disabled")
    assert done.status == 0, done.err
    assert not list(done.folder.glob("wandb/*run-*"))


def test_metrics_file_merges_an_epoch_and_replaces_it_when_done_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = MetricsFile(path, echo=False)
    first.log_metrics({"epoch": 0, "val/loss": 0.5})
    first.log_metrics({"epoch": 0, "train/loss": 0.25})
    first.log_metrics({"epoch": 1, "val/loss": 0.4})
    resumed = MetricsFile(path, echo=False)
    resumed.log_metrics({"epoch": 1, "val/loss": 0.3})
    resumed.log_metrics({"epoch": 2, "test/accuracy": 1.0})
    assert path.read_text() == "epoch,train/loss,val/loss\n0,0.25,0.5\n1,,0.3\n"
    assert resumed.test == {"test/accuracy": 1.0}
