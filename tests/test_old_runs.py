"""Run folders and checkpoints of version 0.1 are loaded, resumed and studied."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Command
from hydra import compose, initialize_config_dir

from sshml import load_classifier
from sshml.entry.cli import CONF_DIR
from sshml.entry.jobs import job_name
from sshml.physics import density_profiles
from sshml.study.__main__ import main as study

OLD = Path(__file__).parent / "old"
LOGITS = json.loads((OLD / "logits.json").read_text())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the folders, which programs may change."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


@pytest.mark.parametrize("name", LOGITS)
def test_a_checkpoint_gives_the_answers_it_gave(name: str) -> None:
    network = load_classifier(OLD / name / "checkpoints" / "best.ckpt")
    n_cells = 25 if name == "cybinski" else 8
    bonds = np.ones((5, n_cells))
    profiles = density_profiles(np.linspace(0.2, 1.8, 5)[:, None] * bonds, bonds)
    with torch.no_grad():
        logits = network(torch.from_numpy(profiles).unsqueeze(1))
    np.testing.assert_allclose(logits, LOGITS[name], atol=2e-5)


@pytest.mark.parametrize("name", ["run", "cybinski"])
def test_a_run_is_resumed(run_train: Command, old: Path, name: str) -> None:
    epochs = len((old / name / "metrics.csv").read_text().splitlines())
    last = old / name / "checkpoints" / "last.ckpt"
    done = run_train(f"ckpt_path={last}", f"trainer.max_epochs={epochs}")
    assert done.status == 0, done.err
    before, after = ((place / name / "metrics.csv").read_text().splitlines() for place in (OLD, old))
    assert len(after) == epochs + 1
    assert after[0] == before[0]
    for earlier, row in zip(before[1:], after[1:], strict=False):  # which counted epochs from 0
        number, _, values = earlier.partition(",")
        assert row == f"{int(number) + 1},{values}"


def test_a_study_gets_another_strength(run_transfer: Command, old: Path) -> None:
    before = json.loads((old / "matrix" / "transfer.json").read_text())
    done = run_transfer(f"resume={old / 'matrix'}", "data.W=[0,0.5,1]")
    assert done.status == 0, done.err
    now = json.loads((old / "matrix" / "transfer.json").read_text())
    assert [row for row in now if row["W"] < 1] == before
    assert {row["W"] for row in now} == {0, 0.5, 1}


def test_runs_are_compared(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study([str(old), "--out", str(old / "out")]) == 0
    assert "4 runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "CNN_bfbce4c66287"),
        (["data.W=0.5", "model=resnet18"], "ResNet18_7e275816e8e1"),
        (["data.disorder=additive", "seed=3"], "CNN_bc62870bdeac"),
    ],
)
def test_a_job_of_a_sweep_has_the_name_it_had(overrides: list[str], name: str) -> None:
    """So the same command does not train again what an earlier version has done."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("train", overrides=[*overrides, "trainer.precision=32-true"])
    assert job_name(config) == name
