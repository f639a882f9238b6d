"""Every command and every file of the pages on data, chains and parts of one's own, on small ones."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import ROOT, TINY, Command

from sshml.dataset.__main__ import main as write_dataset

FENCE = re.compile(r"```(\w+)\n(.*?)```", flags=re.DOTALL)
# Of the file's images the sizes are the file's, of chains those of TINY.
TRAINING = [o for o in TINY if not o.startswith(("data.n_", "model."))]
OF_MODEL = [o for o in TINY if o.startswith("model.")]
OF_CHAINS = [o for o in TINY if o.startswith("data.n_")]
# Libraries of which pages have an example, and the first version that it is for.
LIBRARIES = {"my_pythtb": ("pythtb", "2"), "my_kwant": ("kwant", "1.5")}


def fences(page: str) -> list[tuple[str, str]]:
    return FENCE.findall((ROOT / "docs" / "extending" / f"{page}.md").read_text())


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a page that run this package, without their first words."""
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["python"]:
            yield words[1:]


@pytest.fixture
def _own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules that a page has, in the working directory."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


def run(command: list[str], run_train: Command, run_transfer: Command, folder: str | None) -> Path:
    """Run one command of a page; returns the folder of its run."""
    program, *given = command
    given = [word.replace("RUN", folder or "RUN") for word in given]
    if program == "-m":
        given = [o for o in given if not o.startswith("data.n_train")]
        assert given.pop(0) == "sshml.dataset"
        assert write_dataset([*given, *OF_CHAINS]) == 0
        return Path()
    is_trained = any(word.startswith("checkpoint=") for word in given)
    small = ["logger=csv"] if is_trained else [*TRAINING]
    if not is_trained and "data=arrays" not in given:
        small += OF_CHAINS
    if not is_trained and not any(word.startswith("model=") for word in given):
        small += OF_MODEL
    if any(word.startswith("explanation=") for word in given):
        small += ["figures=true"]
    if any("even_shares" in word for word in given):
        of_method = "methods.even.transfer" if "+methods.plain={}" in given else "transfer"
        small += [f"{of_method}.n_samples=20"]
    done = (run_train if program == "train.py" else run_transfer)(*given, *small)
    assert done.status == 0, done.err
    return done.folder


@pytest.mark.usefixtures("_own_modules")
def test_own_data(run_train: Command, run_transfer: Command, tmp_path: Path) -> None:
    blocks = fences("own_data")
    (made,) = (text for language, text in blocks if language == "python")
    exec(made, {})  # measured.npz
    measured = np.load("measured.npz")
    for name in ("measured.h5", "other.h5"):
        with h5py.File(name, "w") as file:
            for array in measured.files:
                values = measured[array]
                file[array] = values.astype("S") if values.dtype.kind == "U" else values
    folder = None
    for language, text in blocks:
        for command in commands(text) if language == "bash" else ():
            done = run(command, run_train, run_transfer, folder)
            folder = str(done) if command[0] == "train.py" else folder
    assert (tmp_path / "chains.h5.json").is_file()
    assert list(tmp_path.glob("runs/*/transfer*/predictions.csv"))


def write_files(page: str, folder: Path) -> None:
    """The files of a page, which have their names in a comment at the top."""
    for _, text in fences(page):
        if named := re.match(r"(?:# @package .*\n)?# (my_\S+\.(?:py|yaml))\n", text):
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.mark.usefixtures("_own_modules")
@pytest.mark.parametrize(("page", "n_commands"), [("own_chain", 4), ("index", 8)])
def test_own_parts(
    run_train: Command, run_transfer: Command, tmp_path: Path, page: str, n_commands: int
) -> None:
    write_files(page, tmp_path)
    rng = np.random.default_rng(0)
    np.savez("measured.npz", images=rng.random((60, 9, 12)), labels=np.arange(60) % 3)
    folder, tried = None, 0
    for language, text in fences(page):
        for command in commands(text) if language == "bash" else ():
            if any(name in word for word in command for name in LIBRARIES):
                continue
            tried += 1
            done = run(command, run_train, run_transfer, folder)
            folder = str(done) if command[0] == "train.py" else folder
    assert tried == n_commands


@pytest.mark.filterwarnings("ignore:MUMPS is not available")
@pytest.mark.parametrize("name", LIBRARIES)
def test_chains_of_other_libraries(
    run_train: Command,
    run_transfer: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    library, version = LIBRARIES[name]
    pytest.importorskip(library, minversion=version)
    monkeypatch.syspath_prepend(tmp_path)
    write_files("own_chain", tmp_path)
    for language, text in fences("own_chain"):
        for command in commands(text) if language == "bash" else ():
            if any(name in word for word in command):
                run(command, run_train, run_transfer, None)
    # A clean chain is the one of the kernels.
    from importlib import import_module

    from sshml.physics.hamiltonians import SSH, MatrixHamiltonian

    own, ratio = MatrixHamiltonian(import_module(name).chain), np.array([0.5, 1.5])
    clean = 0 * ratio
    known = SSH().matrices(SSH().couplings(ratio, clean, np.zeros((2, SSH().n_random(8))), "thesis"))
    made = own.matrices(own.couplings(ratio, clean, np.zeros((2, 8)), "own"))
    np.testing.assert_allclose(made, known, atol=1e-12)
