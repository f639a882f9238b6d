"""The recipes for clusters, as far as they run without SLURM and Apptainer."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT, TINY, environment

RECIPES = ROOT / "docs" / "recipes"


def commands(folder: Path, **scripts: str) -> Path:
    """A folder with these commands, and with ``sshml`` of this clone."""
    scripts["sshml"] = f'exec {sys.executable} -m sshml "$@"'
    (folder / "bin").mkdir()
    for name, script in scripts.items():
        path = folder / "bin" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
    return folder / "bin"


def test_a_job_that_is_out_of_time_is_queued_again_and_resumes(tmp_path: Path) -> None:
    # What stands in for SLURM keeps what it is asked.
    bin_ = commands(tmp_path, scontrol=f'echo "$@" >> {tmp_path}/scontrol.txt')
    of_slurm = {
        "SLURM_JOB_ID": "123", "SLURM_JOB_NAME": "sshml", "SLURM_NTASKS": "1", "SLURM_NNODES": "1",
        "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_JOB_NODELIST": "n1",
    }  # fmt: skip

    def job() -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", RECIPES / "train.sbatch", *TINY, "trainer.max_epochs=60"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment(ROOT, PATH=f"{bin_}:{os.environ['PATH']}", RUN="my run", **of_slurm),
        )  # fmt: skip

    def manifest() -> dict[str, object]:
        return json.loads((tmp_path / "my run" / "manifest.json").read_text())

    first = job()
    while first.poll() is None and not (tmp_path / "my run/checkpoints/last.ckpt").is_file():
        time.sleep(0.05)
    first.send_signal(signal.SIGTERM)  # to bash alone, as --signal=B:TERM
    out, _ = first.communicate(timeout=300)
    assert first.returncode == 130, out
    assert (tmp_path / "scontrol.txt").read_text() == "requeue 123\n"
    assert manifest()["status"] == "interrupted"

    second = job()
    out, _ = second.communicate(timeout=600)
    assert second.returncode == 0, out
    assert (tmp_path / "scontrol.txt").read_text() == "requeue 123\n"
    assert manifest()["status"] == "finished"
    assert [run["status"] for run in manifest()["earlier"]] == ["interrupted"]
    assert len((tmp_path / "my run" / "metrics.csv").read_text().splitlines()) == 1 + 60


def test_a_job_that_fails_is_not_queued_again(tmp_path: Path) -> None:
    bin_ = commands(tmp_path, scontrol=f"touch {tmp_path}/scontrol.txt")
    for run, line in (("", "RUN: set RUN to the folder of the run"), ("run", "data.V=1: no such key")):
        done = subprocess.run(
            ["bash", RECIPES / "train.sbatch", *TINY, "data.V=1"],
            cwd=tmp_path, env=environment(ROOT, PATH=f"{bin_}:{os.environ['PATH']}", RUN=run),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode not in (0, 130)
        assert line in done.stderr
    assert not (tmp_path / "scontrol.txt").exists()


def test_slurm_reads_its_options_before_the_first_command() -> None:
    lines = (RECIPES / "train.sbatch").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    options = [line for line in lines if line.startswith("#SBATCH ")]
    assert options == [line for line in lines[:first] if line.startswith("#SBATCH ")]
    assert {"#SBATCH --signal=B:TERM@120", "#SBATCH --requeue"} <= set(options)


@pytest.fixture
def image() -> dict[str, str]:
    """The sections of the Apptainer definition, its variables replaced."""
    text = (RECIPES / "sshml.def").read_text()
    _, *parts = re.split(r"^%(\w+)\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    values = dict(line.strip().split("=") for line in sections["arguments"].split())
    return {
        name: re.sub(r"\{\{ (\w+) \}\}", lambda found: values[found[1]], section)
        for name, section in sections.items()
    }


def test_the_image_is_made_of_this_version(image: dict[str, str]) -> None:
    wheel, folder = image["files"].split()
    assert Path(wheel).name == f"sshml-{version('sshml')}-py3-none-any.whl"
    assert f"install --no-cache-dir {folder}*.whl" in image["post"]
    for name in ("post", "environment", "runscript", "test"):
        subprocess.run(["sh", "-n", "-c", image[name]], check=True)


def test_the_image_runs_sshml_and_its_own_test(image: dict[str, str], tmp_path: Path) -> None:
    path = f"{commands(tmp_path)}:{os.environ['PATH']}"
    environ = environment(ROOT, PATH=path, TMPDIR=str(tmp_path))
    shown = subprocess.run(
        ["sh", "-c", image["runscript"], "sshml.sif", "--version"],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout == f"sshml {version('sshml')}\n"
    subprocess.run(["sh", "-e", "-c", image["test"]], env=environ, check=True, capture_output=True)
    assert list(tmp_path.glob("*/runs/*/*/metrics.json"))
