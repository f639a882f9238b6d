"""The wheel, in an environment of its own and from another folder: its commands and configurations."""

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT, TINY

PROGRAMS = ("train", "transfer", "study", "explain", "uncertainty", "dataset", "dashboard")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; what it needs is taken from the one that tests run in."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", str(wheel)], check=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "venv" / "bin" / "sshml"


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(installed), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_trains_and_tests_from_another_folder(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "train", "model=cnn", "data.W=0.5", *TINY, "figures=true")
    assert done.returncode == 0, done.stderr
    (checkpoint,) = tmp_path.glob("runs/*/*/checkpoints/best.ckpt")
    tested = run(installed, tmp_path, "transfer", f"checkpoint={checkpoint}", "data.W=0", "logger=csv")
    assert tested.returncode == 0, tested.stderr
    assert list(tmp_path.glob("runs/*/transfer*/transfer.csv"))


def test_its_other_programs_say_how_they_are_run(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path)
    assert listed.returncode == 0
    assert all(f"\n  {name} " in listed.stdout for name in PROGRAMS)
    assert run(installed, tmp_path, "--version").stdout == f"sshml {version('sshml')}\n"
    for name in ("explain", "dataset"):
        done = run(installed, tmp_path, name, "--help")
        assert done.stdout.startswith(f"usage: sshml {name} ")
    wrong = run(installed, tmp_path, "trian")
    assert wrong.returncode == 2
    assert "sshml trian: no such program; expected one of train, transfer" in wrong.stderr
    other = run(installed, tmp_path, "train", "transfer=fine_tune")
    assert "run sshml transfer" in other.stderr
    made = run(installed, tmp_path, "dataset", "a.npz", "data.n_cells=4", "data.n_train=3",
               "data.n_val=1", "data.n_test=1")  # fmt: skip
    assert "train:   sshml train data=arrays data.path=a.npz" in made.stdout


def test_two_processes_are_started_by_it(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "train", *TINY, "trainer=ddp", "trainer.max_epochs=1")
    assert done.returncode == 0, done.stderr
