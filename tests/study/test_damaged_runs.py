"""Run folders that are damaged, foreign or hostile: one line each, and the others are shown."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from synthetic import write_run

from sshml.study import runs as study_runs
from sshml.study.__main__ import main

FILES = ("manifest.json", "config.yaml", "metrics.json", "metrics.csv")
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
)
# For every file; what is valid in one format is of another shape.
CONTENTS = {
    "empty": b"", "cut": b'{"a": [1, ', "binary": bytes(range(256)), "a list": b"[1, 2]\n",
    "a number": b"3\n", "nan": b'{"epoch": NaN}', "a date": b"a: 2024-01-01\n", "a bomb": BOMB.encode(),
    "deep": b"[" * 50_000, "zeros": bytes(10_000), "utf-16": '{"a": 1}'.encode("utf-16"),
}  # fmt: skip


def changed(file: str, **values: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps({**content, **values}))

    return damage


def written(file: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_text(content) and None


# What only one of the files can have, and the reason that is listed.
OTHERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "status": (changed("manifest.json", status=3), "manifest.json: not an sshml manifest"),
    "escapes": (changed("manifest.json", status="\x1b[2Jx\nok"), r"its status is \x1b[2Jx\nok"),
    "diverged": (changed("manifest.json", status="diverged"), "diverged: its loss"),
    "overrides": (changed("manifest.json", overrides="a"), "manifest.json: not an sshml manifest"),
    "command": (
        changed("manifest.json", command="python train.py 'x", overrides=[]),
        "manifest.json: not an sshml manifest (command: value error, no closing quotation)",
    ),
    "revision": (changed("manifest.json", git_revision=[1]), "manifest.json: not an sshml manifest"),
    "time": (changed("manifest.json", wall_time_s=10**40), "manifest.json: not an sshml manifest"),
    "earlier": (changed("manifest.json", earlier=[[]]), "manifest.json: not an sshml manifest"),
    "epoch": (changed("metrics.json", best_epoch=10**30), "metrics.json: not the metrics of an sshml"),
    "huge": (changed("metrics.json", **{"test/loss": 10**400}), "metrics.json: not the metrics of an"),
    "text": (changed("metrics.json", **{"test/loss": "low"}), "metrics.json: not the metrics of an"),
    "columns": (written("metrics.csv", "loss\n1\n"), "metrics.csv: damaged"),
    "cells": (written("metrics.csv", "epoch,val/loss\n0,low\n"), "metrics.csv: damaged"),
    "no seed": (written("config.yaml", "paths: {run: a}\n"), "config.yaml: not the settings of a"),
    "seeds": (written("config.yaml", "paths: {run: a}\nseed: [1]\n"), "config.yaml: not the settings"),
    "keys": (written("config.yaml", "1: a\n"), "config.yaml: damaged, not valid YAML"),
    "tag": (written("config.yaml", "a: !!python/name:os.system\n"), "config.yaml: damaged"),
    "folder": (lambda run: _become_a_folder(run / "metrics.json"), "metrics.json: not a file"),
    "pipe": (lambda run: _become_a_pipe(run / "metrics.csv"), "metrics.csv: not a file"),
    "link": (lambda run: _become_a_loop(run / "config.yaml"), "config.yaml: no such file"),
}  # fmt: skip


def _become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _become_a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs that are whole."""
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        write_run(tmp_path / "runs" / f"whole {number}", [f"data.W={number}"], 0.9)
    return tmp_path / "runs"


def test_every_damaged_run_is_one_line_and_the_others_are_shown(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sshml.study.__main__._LISTED", 1000)
    expected = {}
    for (what, content), file in product(CONTENTS.items(), FILES):
        folder = write_run(runs / f"{what} {file}", [], 0.9)
        (folder / file).write_bytes(content)
        expected[folder.name] = f"{file}: "
    for what, (damage, reason) in OTHERS.items():
        damage(write_run(runs / what, [], 0.9))
        expected[what] = reason
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    skipped = [line for line in lines if line.startswith("skipped ")]
    assert len(skipped) == len(expected) == len(CONTENTS) * len(FILES) + len(OTHERS)
    for name, reason in expected.items():
        (line,) = (line for line in skipped if line.startswith(f"skipped runs/{name}: "))
        assert line.startswith(f"skipped runs/{name}: {reason}")
        assert line.isprintable()
    assert len(pd.read_csv(runs / "study" / "runs.csv")) == 2


def test_a_comparison_with_a_damaged_run_is_one_line(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in CONTENTS.values():
        (runs / "whole 1" / "config.yaml").write_bytes(content)
        assert main(["--compare", "runs/whole 0", "runs/whole 1"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: --compare runs/whole 1: not a run folder (runs/whole 1/config")
        assert err.count("\n") == 1


HOSTILE = "=1+1 \x1b[31m<script>[/bold] $\\frac$ $"


def test_names_and_values_of_a_hostile_run_are_text(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        written = write_run(runs / f"{number}", [f"seed={number}"], 0.9)
        folder = runs / f"[/b]\x1b[31m<script>{number}"
        folder.parent.mkdir(exist_ok=True)
        written.rename(folder)
        config = (folder / "config.yaml").read_text()
        extra = {
            "$\\x$ \x1b[1m<script>/../a": f"{HOSTILE}{number}",
            "folder": number,
            "b": "a" * 99_999,
        }
        extra |= {
            "nan": float("nan") if number else 1,
            "huge": 10**400,
            "b": "a" * 99_999 + str(number),
            "=k": float(f"1e30{number}"),
        }
        (folder / "config.yaml").write_text(f"{config}\nx: {json.dumps(extra)}\nfolder: {number}\n")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest |= {"command": f"python {HOSTILE}", "overrides": [f"data.W={HOSTILE}"]}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        metrics = json.loads((folder / "metrics.json").read_text())
        metrics |= {"test/$\\frac$\x1b[1m": 1, "folder": 1, "best/lr": 2, "lr": 1}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    assert main(["runs"]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
    out = runs / "study"
    assert (out / "study.html").read_text().count("<script") == 1  # which sorts
    assert (out / "runs.csv").read_text().isascii()
    # As text, for not every version of pandas takes numbers of hundreds of digits.
    cells = pd.read_csv(out / "runs.csv", dtype=str).to_numpy().ravel().tolist()
    assert not [c for c in cells if isinstance(c, str) and c.startswith(("=", "+", "-", "@"))]
    assert any(str(cell).startswith("'=1+1") for cell in cells)
    for metric in ("test/accuracy", "test/$\\frac$\\x1b[1m"):
        assert main(["runs", "--metric", metric]) == 0
    names = [str(runs / f"[/b]\x1b[31m<script>{number}") for number in range(2)]
    capsys.readouterr()
    assert main(["--compare", *names]) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


def test_trees_that_have_no_end(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (runs / "up").symlink_to(runs)
    (runs / "loop").symlink_to(runs / "loop")
    before = Path.cwd()
    for _ in range(1200):  # deeper than Python calls itself, and than a path is long
        os.mkdir("deep")  # noqa: PTH102
        os.chdir("deep")
    os.chdir(before)
    (before / "deep").rename(runs / "deep")
    status = main(["runs"])
    subprocess.run(["rm", "-r", "runs/deep"], check=True)  # pytest could not
    assert status == 0
    assert "2 runs" in capsys.readouterr().out
    for name in ("runs/loop", "x" * 300):
        assert main([name]) == 2
        assert capsys.readouterr().err == (
            f"error: {name}: no such folder; expected one with runs, such as runs\n"
        )
    monkeypatch.setattr(study_runs, "_MAX_FOLDERS", 2)
    assert main(["runs"]) == 2
    assert "runs: more than 2 folders; expected" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_folder_whose_name_is_no_text(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(runs / "cafe", ["data.W=3"], 0.9).rename(runs / os.fsdecode(b"caf\xe9"))
    (runs / os.fsdecode(b"empty\xe9")).mkdir()
    assert main(["runs"]) == 0
    assert r"skipped runs/empty\udce9: no manifest.json" in capsys.readouterr().out
    assert set(pd.read_csv(runs / "study" / "runs.csv")["folder"]) >= {r"runs/caf\udce9"}


def test_a_folder_that_cannot_be_listed(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not bind root, who may run these tests.
    (runs / "closed").mkdir()
    really = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert main(["runs"]) == 0
    assert "skipped runs/closed: cannot be read: Permission denied" in capsys.readouterr().out
