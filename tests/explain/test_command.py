"""python -m sshml.explain as a user runs it."""

import csv
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import TINY, Command
from strangers import DATA
from strangers import checkpoint as untrained

from sshml.explain.__main__ import main
from sshml.explain.checks import EXPLANATIONS
from sshml.uncertainty.__main__ import main as uncertainty


@pytest.fixture
def checkpoint(run_train: Command) -> Path:
    return run_train(*TINY).folder / "checkpoints" / "best.ckpt"


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_scores_of_a_network(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([str(checkpoint), "--W", "0,1", "--chains", "30", "--out", str(out)]) == 0
    assert "flipped: edge pair erased" in capfd.readouterr().out
    rows = read(out / "scores.csv")
    for row in rows:
        if int(row["n"]):
            assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
    maps = [row for row in rows if row["chains"] == "trivial" and row["explanation"]]
    # Two strengths, two regions, three scores.
    assert len(maps) == 12
    assert {row["n"] for row in maps} <= {"15", "0"}
    assert len([row for row in rows if row["measure"].startswith("flipped: ")]) == 4 + 7
    assert read(out / "generalisation.csv") == []
    assert (out / "explain.png").stat().st_size > 10_000


def test_earlier_results_are_kept(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    few = [str(checkpoint), "--W", "0", "--chains", "2"]
    assert main(few) == 0
    assert main(few) == 0
    first, second = (checkpoint.parent.parent / "explain").iterdir()
    for folder in (first, second):
        assert {path.name for path in folder.iterdir()} == {
            "scores.csv", "generalisation.csv", "explain.png"
        }  # fmt: skip
    capfd.readouterr()
    assert main([*few, "--out", str(first)]) == 2
    line = (
        f"error: --out={first}: scores.csv already exists and is not overwritten; expected a new folder"
    )
    assert capfd.readouterr().err == line + "\n"
    assert main([*few, "--out", str(tmp_path / "new")]) == 0
    assert not (tmp_path / "explain").exists()


def test_other_explanations_and_groups(run_train: Command, tmp_path: Path) -> None:
    pytest.importorskip("captum")
    runs = [str(run_train(*TINY, f"seed={k}").folder / "checkpoints/best.ckpt") for k in range(5)]
    out = tmp_path / "out"
    few = ["--W", "0,1", "--chains", "20", "--out", str(out)]
    assert main(["--group", "all [/b] $x^2_$ five", *runs, "--explanations", "all", *few]) == 0
    rows = read(out / "scores.csv")
    assert {row["explanation"] for row in rows} - {""} == set(EXPLANATIONS)
    correlations = read(out / "generalisation.csv")
    assert {row["networks"] for row in correlations} == {"5"}
    for row in correlations:
        assert row["spearman"] == "nan" or -1 <= float(row["low"]) <= float(row["high"]) <= 1


def test_measurements_are_written_wherever_the_log_goes(
    run_train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = run_train(*TINY).folder / "checkpoints" / "best.ckpt"
    full = open("/dev/full", "w")  # noqa: PTH123, SIM115  # closing it fails too
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(OSError, match="No space left on device"):
        main([str(best), "--W", "0", "--chains", "10", "--out", str(tmp_path / "out")])
    with suppress(OSError):
        full.close()
    assert read(tmp_path / "out" / "scores.csv")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "nowhere.ckpt: there is no such file"),
        (["--W", "0,-1"], "--W=0,-1: expected"),
        (["--W", "a"], "--W=a: "),
        (["--explanations", "grad_cum"], "--explanations=grad_cum: expected some of class_activation"),
        (["--group", "plain"], "--group plain: expected checkpoints after the name"),
        (["./nowhere.ckpt"], "nowhere.ckpt: is given twice"),
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


@pytest.mark.parametrize(
    ("chains", "line"),
    [
        ("1", "--chains=1: expected at least 2"),
        ("99999999999", "--chains=99999999999: their images need 1.02e+05 GB; expected at most"),
    ],
)
def test_a_number_of_chains_that_cannot_be(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], chains: str, line: str
) -> None:
    paths = [str(untrained(tmp_path / f"{name}.ckpt")) for name in "ab"]
    for command in (main, uncertainty):
        assert command([*paths, "--chains", chains]) == 2
        assert capfd.readouterr().err.startswith(f"error: {line}")
    assert not (tmp_path / "explain").exists()


def test_test_chains_of_one_phase_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = untrained(tmp_path / "a.ckpt", data={**DATA, "ratio_range": [1.5, 2.0]})
    assert main([str(path), "--W", "0", "--chains", "10"]) == 2
    assert "its 10 test chains are all trivial, data.ratio_range=[1.5, 2.0]" in capfd.readouterr().err
    assert not (tmp_path / "explain").exists()


def test_results_are_not_written_through_a_link(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = [str(untrained(tmp_path / f"{name}.ckpt")) for name in "ab"]
    (tmp_path / "victim").mkdir()
    for name, command in (("explain", main), ("uncertainty", uncertainty)):
        (tmp_path / name).symlink_to("victim")
        assert command([*paths, "--W", "0", "--chains", "10"]) == 2
        assert f"{tmp_path / name}: is a link; choose another folder with --out=FOLDER" in (
            capfd.readouterr().err
        )
    assert not list((tmp_path / "victim").iterdir())


def test_links_that_lead_in_a_circle(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert main([str(tmp_path / "loop" / "best.ckpt")]) == 2
    assert "loop/best.ckpt: " in capfd.readouterr().err
