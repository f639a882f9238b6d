"""Every command and every file of the pages on data and chains of one's own, on small ones."""

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
TRAINING = [o for o in TINY if not o.startswith("data.n_")]
OF_CHAINS = [o for o in TINY if o.startswith("data.n_")]
# Libraries of which pages have an example, and the first version that it is for.
LIBRARIES = {"my_pythtb": ("pythtb", "2"), "my_kwant": ("kwant", "1.5")}


def fences(page: str) -> list[tuple[str, str]]:
    return FENCE.findall((ROOT / "docs" / f"{page}.md").read_text())


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
    small = [] if "data=arrays" in given or program == "transfer.py" else OF_CHAINS
    done = (
        run_train(*given, *TRAINING, *small)
        if program == "train.py"
        else run_transfer(*given, "logger=csv")
    )
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


@pytest.mark.usefixtures("_own_modules")
def test_own_chain(run_train: Command, run_transfer: Command, tmp_path: Path) -> None:
    folder, tried = None, 0
    for language, text in fences("own_chain"):
        if language == "python":
            (tmp_path / text.split("\n")[0].removeprefix("# ")).write_text(text)
        elif language == "yaml":
            (tmp_path / "my_conf" / "hamiltonian").mkdir(parents=True)
            (tmp_path / "my_conf" / "hamiltonian" / "rice_mele.yaml").write_text(text)
        for command in commands(text) if language == "bash" else ():
            if any(name in word for word in command for name in LIBRARIES):
                continue
            tried += 1
            done = run(command, run_train, run_transfer, folder)
            folder = str(done) if command[0] == "train.py" else folder
    assert tried == 3


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
    for language, text in fences("own_chain"):
        if language == "python" and text.startswith(f"# {name}.py"):
            (tmp_path / f"{name}.py").write_text(text)
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
