"""Files of a run folder are read as data, whatever is in them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sshml.files.stored import (
    StoredError,
    read_epochs,
    read_json,
    read_manifest,
    read_metrics,
    read_settings,
    read_yaml,
)

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
)
MANIFEST = {"status": "finished", "command": "python train.py", "overrides": ["seed=1"]}
DAMAGES = [
    (read_json, b""),
    (read_json, b'{"a": 1'),
    (read_json, b'{"a": NaN}'),
    (read_json, b"\x80\x00\xff"),
    (read_json, b"[" * 100_000),
    (read_json, b"1" * 5_000),
    (read_yaml, BOMB.encode()),
    (read_yaml, b"a: [1"),
    (read_yaml, b"a: 2024-01-01"),
    (read_yaml, b"1: a"),
    (read_yaml, b"!!python/object/apply:os.system ['true']"),
    (read_yaml, b"a: \x00"),
    (read_yaml, b"- " * 20_000),
]


@pytest.mark.parametrize(("read", "content"), DAMAGES)
def test_a_damaged_file_is_one_line_that_names_it(
    tmp_path: Path, read: Callable[[Path], object], content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(StoredError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: damaged")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("read", "name", "content"),
    [
        (read_manifest, "manifest.json", "[]"),
        (read_manifest, "manifest.json", json.dumps({**MANIFEST, "overrides": "seed=1"})),
        (read_manifest, "manifest.json", json.dumps({**MANIFEST, "overrides": [1]})),
        (read_manifest, "manifest.json", json.dumps({**MANIFEST, "earlier": [3]})),
        (read_manifest, "manifest.json", json.dumps({**MANIFEST, "wall_time_s": "long"})),
        (read_settings, "config.yaml", "- a"),
        (read_settings, "config.yaml", "paths: {run: 3}"),
        (read_metrics, "metrics.json", '{"best_epoch": "3"}'),
        (read_metrics, "metrics.json", '{"best_epoch": 3, "test/accuracy": 1e308}'),
        (read_metrics, "metrics.json", '{"best_epoch": 3, "val/loss": "small"}'),
        (read_epochs, "metrics.csv", "epoch,val/loss\n"),
        (read_epochs, "metrics.csv", "epoch,val/loss\n0,1e308\n"),
        (read_epochs, "metrics.csv", "epoch,val/loss\n0,0.1\n0,0.2\n"),
        (read_epochs, "metrics.csv", "epoch,val/loss\n0,0.1,0.2\n"),
        (read_epochs, "metrics.csv", "epoch,val/loss\ninf,0.1\n"),
        (read_epochs, "metrics.csv", "val/loss\n0.1\n"),
    ],
)
def test_a_file_of_another_shape_is_not_one_of_a_run(
    tmp_path: Path, read: Callable[[Path], object], name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(StoredError, match=name):
        read(tmp_path)


def test_what_a_run_writes_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({**MANIFEST, "job": "a", "wall_time_s": 3}))
    (tmp_path / "config.yaml").write_text("paths: {run: runs/a}\ndata: {W: [0.0, 0.5]}\n")
    (tmp_path / "metrics.json").write_text('{"best_epoch": 2, "val/loss": null}')
    (tmp_path / "metrics.csv").write_text("epoch,lr,val/loss\n1,0.1,\n2,0.1,0.2\n")
    assert read_manifest(tmp_path)["job"] == "a"
    assert read_settings(tmp_path)["data"]["W"] == [0.0, 0.5]
    assert read_metrics(tmp_path)["val/loss"] != read_metrics(tmp_path)["val/loss"]
    assert read_epochs(tmp_path) == [{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.1, "val/loss": 0.2}]
    with pytest.raises(StoredError, match="no such file"):
        read_json(tmp_path / "transfer.json")


def test_epochs_that_older_runs_count_from_0_are_counted_from_1(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"epoch": 1, "val/loss": 0.2}')
    (tmp_path / "metrics.csv").write_text("epoch,val/loss\n0,0.3\n1,0.2\n")
    assert read_metrics(tmp_path) == {"best_epoch": 2, "val/loss": 0.2}
    assert [row["epoch"] for row in read_epochs(tmp_path)] == [1, 2]
