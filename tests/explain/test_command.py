"""python -m sshml.explain as a user runs it."""

import csv
from pathlib import Path

import pytest
from conftest import TINY, Command

from sshml.explain.__main__ import main


@pytest.fixture
def checkpoint(run_train: Command) -> Path:
    return run_train(*TINY).folder / "checkpoints" / "best.ckpt"


def test_scores_and_counterfactuals_of_a_network(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([str(checkpoint), "--W", "0,1", "--chains", "30", "--out", str(out)]) == 0
    assert "right decisions that flip" in capfd.readouterr().out
    with (out / "maps.csv").open(newline="") as file:
        maps = list(csv.DictReader(file))
    cells = {(row["W"], row["chains"], row["region"]) for row in maps}
    assert len(cells) == len(maps) == 8
    for row in maps:
        assert row["n"] == "15"
        assert 0 < float(row["area"]) < 1
        assert 0 <= float(row["overlap"]) <= 1
    with (out / "counterfactuals.csv").open(newline="") as file:
        changes = list(csv.DictReader(file))
    assert len(changes) == 3 + 4
    for row in changes:
        if int(row["n"]):
            assert float(row["low"]) <= float(row["flipped"]) <= float(row["high"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "nowhere.ckpt: there is no such file"),
        (["--W", "0,-1"], "--W=0,-1: expected"),
        (["--W", "a"], "--W=a: "),
        (["--chains", "1"], "--chains=1: expected at least 2"),
    ],
)
def test_mistakes_are_one_line(
    capfd: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert main(["nowhere.ckpt", *arguments]) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ")
    assert line in err
    assert err.count("\n") == 1
