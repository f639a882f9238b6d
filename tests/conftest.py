"""Running train.py as a user does, but in this process."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
import torch

# The types and the shapes in the annotations of these modules hold while testing. Not of kernels, which
# Numba compiles. An integer is a float, as for mypy.
CHECKED = (
    "sshml.cam",
    "sshml.data.datamodule",
    "sshml.data.device_profiles",
    "sshml.data.base",
    "sshml.data.ensemble",
    "sshml.data.loading",
    "sshml.data.representations",
    "sshml.data.strength",
    "sshml.data.samples",
    "sshml.data.streams",
    "sshml.networks",
    "sshml.physics.detectors",
    "sshml.physics.disorder",
    "sshml.physics.hamiltonians",
    "sshml.physics.hoppings",
    "sshml.physics.numbers",
    "sshml.physics.profiles",
    "sshml.physics.topology",
    "sshml.training.metrics",
)
jaxtyping.install_import_hook(
    CHECKED, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

import train
import transfer
from sshml.entry.cli import run

torch.set_num_threads(1)  # two test processes share two cores
ROOT = Path(__file__).resolve().parent.parent
# Some systems have a module of this name of their own.
collect_ignore = ["faults/hook/sitecustomize.py"]

# The smallest run that still has right and wrong answers, several batches and a last partial one. Tests
# that look at pictures add figures=true: drawing them takes longer than all else.
TINY = (
    "data.n_cells=8",
    "data.n_train=50",
    "data.n_val=20",
    "data.n_test=20",
    "data.batch_size=20",
    "trainer.max_epochs=1",
    "model.widths=[4,4]",
    "model.pool_after=[1]",
    "callbacks.maps.every_n_epochs=100",
    "callbacks.maps.examples=1",
    "trainer.accelerator=cpu",
    "logger=csv",
    "figures=false",
)
TINY_TRANSFER = (*TINY, "data.W=[0,0.5]")


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text())

    @property
    def metrics(self) -> dict[str, float]:
        return json.loads((self.folder / "metrics.json").read_text())


def rows(run: Outcome) -> list[dict[str, Any]]:
    """Of a study's transfer.json."""
    return json.loads((run.folder / "transfer.json").read_text())


def networks(run: Outcome) -> list[dict[str, Any]]:
    """The rows of a study's only method, without those of the detectors."""
    return [row for row in rows(run) if row["method"] == "network"]


def one_error(done: Outcome, status: int = 2) -> str:
    """The one line that a command printed as its error."""
    assert done.status == status, done.err
    (line,) = done.err.strip().splitlines()
    assert line.startswith("error: ")
    return line


def environment(*folders: Path, **variables: str) -> dict[str, str]:
    """Of a program that finds modules in these folders, and where these tests find theirs."""
    places = [*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), **variables}


Command = Callable[..., Outcome]


@pytest.fixture
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations are not checked, as outside of tests: for what a user's mistake ends in."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """W&B's process may take its time to start and to answer where the machine has other work."""
    monkeypatch.setenv("WANDB__SERVICE_WAIT", "300")
    for name in ("_INIT_S", "_CALL_S"):
        monkeypatch.setattr(f"sshml.tracking.wandb.{name}", 300.0)


Start = Callable[[Callable[[], object], str], Command]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Start:
    """Makes a command of an entry point, run in an empty directory; the folder is the newest run's."""
    monkeypatch.chdir(tmp_path)

    def command(main: Callable[[], object], name: str, *overrides: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *overrides])
        capfd.readouterr()
        try:
            status = run(main, name)
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        manifests = sorted(tmp_path.glob("runs/**/manifest.json"), key=lambda p: p.stat().st_mtime)
        captured = capfd.readouterr()
        folder = manifests[-1].parent if manifests else tmp_path
        return Outcome(status, captured.out, captured.err, folder)

    return lambda main, name: partial(command, main, name)


@pytest.fixture
def run_train(start: Start) -> Command:
    """Runs train.py with these overrides."""
    return start(train.main, "train")


@pytest.fixture
def run_transfer(start: Start) -> Command:
    """Runs transfer.py with these overrides."""
    return start(transfer.main, "transfer")
