"""The table of a study: what was added is there again, whatever ended the program."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sshml.files.growing import append_to_list, list_text
from sshml.physics.hamiltonians import SSH
from sshml.transfer.columns import COLUMNS
from sshml.transfer.phase_diagram import Plane
from sshml.transfer.scores import Answers, score
from sshml.transfer.table import Table

PLANE = Plane(SSH(), "thesis", 0, 2, 4)


def add(table: Table, W: float, seed: int = 0) -> None:
    """The rows of a network that is right and of the exact invariant."""
    exact = np.array([1, 1, 0, 0])
    answers = Answers(
        {"ratio": np.array([0.2, 0.7, 1.2, 1.7])},
        {"ratio": exact, "sample": exact},
        torch.nn.functional.one_hot(torch.from_numpy(exact), 2).float(),
        {},
    )
    cell = {"train_W": 0.0, "seed": seed, "W": W}
    said = {"network": answers.predictions, **answers.baselines}
    rows = [{"method": name, **cell, **score(of, answers.labels)} for name, of in said.items()]
    table.add(rows, answers)


def test_files_grow_and_are_in_order_in_the_end(tmp_path: Path) -> None:
    table = Table(tmp_path, 2, PLANE)
    add(table, 0.5)
    paths = [tmp_path / name for name in ("transfer.json", "transfer.csv", "phase_diagram.json")]
    files = [path.stat().st_ino for path in paths]
    begin = [path.read_text() for path in paths]
    add(table, 0.0, seed=1)
    add(table, 0.0)
    # Written on, not anew; whole at any time.
    assert [path.stat().st_ino for path in paths] == files
    for path, before in zip(paths, begin, strict=True):
        assert path.read_text().startswith(before.removesuffix("\n]\n"))
    assert len(json.loads(paths[0].read_text())) == len(json.loads(paths[2].read_text())) == 6
    with paths[1].open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    table.write()
    order = [(row["seed"], row["W"]) for row in json.loads(paths[0].read_text())]
    assert order == sorted(order)
    again = Table(tmp_path, 2, PLANE)
    assert again.rows == table.rows
    assert again.lines.keys() == table.lines.keys()
    assert tuple(again.rows[0]) == COLUMNS


@pytest.mark.parametrize("lost", [3, 40, 300])
def test_what_a_kill_has_cut_short_is_tested_again(tmp_path: Path, lost: int) -> None:
    table = Table(tmp_path, 2, None)
    for W in (0.0, 0.5):
        add(table, W)
    path = tmp_path / "transfer.json"
    path.write_text(path.read_text()[:-lost])
    again = Table(tmp_path, 2, None)
    assert again.has(("network", 0.0, 0, 0.0))
    assert not again.has(("exact_invariant", 0.0, 0, 0.5))
    add(again, 0.5)
    again.write()
    assert again.rows == table.rows == json.loads(path.read_text())


def test_rows_are_read_however_their_json_is_laid_out(tmp_path: Path) -> None:
    table = Table(tmp_path, 2, None)
    add(table, 0.5)
    path = tmp_path / "transfer.json"
    for indent in (None, 2):
        path.write_text(json.dumps(table.rows, indent=indent))
        assert Table(tmp_path, 2, None).rows == table.rows


FILLED = """
import resource, signal, sys
from pathlib import Path
from sshml.files.growing import append_to_list
path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, resource.RLIM_INFINITY))
try:
    append_to_list(path, ["x" * 100])
except OSError as error:
    sys.exit(error.strerror)
"""


def test_a_list_is_as_before_where_there_is_no_room(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(list_text([{"a": 1}]))
    done = subprocess.run(
        [sys.executable, "-c", FILLED, path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert (done.returncode, done.stderr) == (1, "File too large\n")
    assert json.loads(path.read_text()) == [{"a": 1}]
    append_to_list(path, [2])
    assert json.loads(path.read_text()) == [{"a": 1}, 2]
