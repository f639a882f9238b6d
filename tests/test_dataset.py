"""python -m sshml.dataset as a user runs it, and what other programs find in its files."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import TINY, Command, rows

from sshml.data import Split, SSHDataModule
from sshml.dataset.__main__ import main

SETTINGS = ("data.n_cells=8", "data.W=[0,0.5]", "data.n_train=50", "data.n_val=20", "data.n_test=23")


@pytest.mark.parametrize("ending", ["npz", "h5"])
def test_a_file_has_the_samples_that_are_made(
    tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"my chains.{ending}"
    assert main([str(path), *SETTINGS, "data.label=sample", "data.batch_size=7"]) == 0
    assert f"python train.py data=arrays 'data.path={path}'" in capsys.readouterr().out
    opened = np.load(path) if ending == "npz" else h5py.File(path)
    made = SSHDataModule(n_cells=8, W=[0, 0.5], n_train=50, n_val=20, n_test=23)
    with opened as file:
        split, images = file["split"][:], file["images"][:]
        for number, name in enumerate(("train", "val", "test")):
            samples = made.dataset(Split(number))
            batch = samples.__getitems__(range(len(samples)))
            own = split == number
            np.testing.assert_array_equal(images[own], batch["input"][:, 0], err_msg=name)
            np.testing.assert_array_equal(file["labels"][:][own], batch["labels"]["sample"])
            np.testing.assert_array_equal(file["labels_ratio"][:][own], batch["labels"]["ratio"])
            np.testing.assert_array_equal(file["ratio"][:][own], batch["parameters"]["ratio"])
            np.testing.assert_array_equal(file["W"][:][own], batch["parameters"]["W"])
        digests = {
            name: hashlib.sha256(file[name][:].tobytes()).hexdigest() for name in ("images", "labels")
        }
    card = json.loads((tmp_path / f"{path.name}.json").read_text())
    assert card["arrays"]["images"]["shape"] == [93, 16, 16]
    assert card["arrays"]["ratio"]["is"] == "t1/t2 of each sample"
    assert card["classes"] == ["trivial", "topological"]
    assert card["settings"]["W"] == [0, 0.5]
    assert card["sha256"] == digests
    assert card["versions"]["torch"] == version("torch")
    assert [path.name for path in sorted(tmp_path.iterdir())] == [path.name, f"{path.name}.json"]


def test_a_network_of_a_file_is_scored_as_one_of_made_chains(
    run_train: Command, run_transfer: Command
) -> None:
    assert main(["chains.h5", "data.n_cells=8", "data.W=0.5", "data.n_test=40", "data.n_train=2"]) == 0
    source = run_train(*TINY)
    given = (f"checkpoint={source.folder}/checkpoints/best.ckpt", "logger=csv")
    made = run_transfer(*given, "data.W=0.5", "data.n_test=40")
    assert made.status == 0, made.err
    read = run_transfer(*given, "data=arrays", "data.path=chains.h5")
    assert read.status == 0, read.err
    scores = ("method", "n", "accuracy", "accuracy_sample", "accuracy_thermodynamic", "ceiling", "tp")
    assert [[row[name] for name in scores] for row in rows(read)] == [
        [row[name] for name in scores] for row in rows(made)
    ]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["here.h5"], "here.h5: already exists and is not overwritten"),
        (["x.csv"], "x.csv: expected a file with one of the endings .npz, .h5, .hdf5"),
        (["no/x.h5"], "no/x.h5: there is no folder no"),
        (["x.h5", "data.W=x"], "data.W=x: expected a number >= 0"),
        (["x.h5", "trainer.max_epochs=3"], "trainer.max_epochs=3: expected keys of data, hamiltonian"),
        (["x.h5", "hamiltonian=kitav"], "did you mean hamiltonian=kitaev?"),
        (["x.npz", "data.n_train=1000000000"], "GB"),
        (["x.h5", "data.n_cell=4"], "did you mean data.n_cells?"),
        (["x.h5", "data=arrays"], "data.path: missing"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.h5").touch()
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert line in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["here.h5"]


def test_chains_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my, [own] conf"
    (folder / "hamiltonian").mkdir(parents=True)
    (folder / "hamiltonian" / "own.yaml").write_text(
        "# @package data\nhamiltonian:\n  _target_: sshml.physics.hamiltonians.MatrixHamiltonian\n"
        "  function: {_target_: own_chains.rice_mele, _partial_: true}\ndisorder: own\n"
    )
    assert main(["own.npz", "--config-dir", str(folder), "hamiltonian=own", *SETTINGS]) == 0
    card = json.loads(Path("own.npz.json").read_text())
    assert card["settings"]["hamiltonian"]["function"]["_target_"] == "own_chains.rice_mele"
    assert "--config-dir" in card["command"]
    assert main(["b.npz", "--config-dir", "nowhere", "hamiltonian=own"]) == 2
    assert "--config-dir=nowhere: there is no such folder" in capsys.readouterr().err
