"""The wheel, in an environment of its own and from another folder: its commands and configurations."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT, TINY

PROGRAMS = ("train", "transfer", "study", "explain", "uncertainty", "dataset", "dashboard")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
PYTHONS = ("python3.11", "python3.12", "python3.13")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """An environment with the wheel; what it needs is taken from the one that tests run in."""
    folder = wheel.parent
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([*PIP, "--python", python, "install", "--no-deps", str(wheel)], check=True)
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


def test_hints_name_the_extras_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from sshml.errors import pip_install; print(pip_install('study'))"
    python = installed.with_name("python")
    done = subprocess.run([python, "-E", "-c", code], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b'pip install "sshml[study]"\n'


def test_the_command_is_no_code_of_the_user(installed: Path, tmp_path: Path) -> None:
    # Else what is a fault of sshml's would be shown as theirs.
    code = "import sys; from sshml.errors import is_of_the_user as of; print(*map(of, sys.argv[1:]))"
    (tmp_path / "mine.py").touch()
    done = subprocess.run(
        [installed.with_name("python"), "-E", "-c", code, installed, "mine.py"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False True\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHONS)
def test_a_new_environment_has_what_the_wheel_asks_for(wheel: Path, tmp_path: Path, name: str) -> None:
    if not (interpreter := shutil.which(name)):
        pytest.skip(f"there is no {name}")
    subprocess.run([interpreter, "-m", "venv", str(tmp_path / "venv")], check=True)
    bin_ = tmp_path / "venv" / "bin"
    pip = [bin_ / "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, wheel], check=True)
    sshml, folder = bin_ / "sshml", tmp_path / "work"
    folder.mkdir()
    test_it_trains_and_tests_from_another_folder(sshml, folder)
    assert run(sshml, folder, "--version").stdout == f"sshml {version('sshml')}\n"
    lacking = run(sshml, folder, "study", "runs")
    assert lacking.stderr == (
        'error: pandas, pyarrow, sklearn: not installed; run pip install "sshml[study]"\n'
    )
    subprocess.run([*pip, "sshml[study]"], check=True)
    done = run(sshml, folder, "study", "runs")
    assert done.returncode == 0, done.stderr
    assert (folder / "runs" / "study" / "study.html").is_file()
    shutil.rmtree(tmp_path / "venv")
