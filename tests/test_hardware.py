"""The precision that is chosen, and that a run in it works."""

import re
import subprocess

import pytest
import torch
from conftest import TINY, Command, networks
from torch.nn.functional import cross_entropy

from sshml.config.hardware import PRECISION_VARIABLE, TRAINING, fastest_precision
from sshml.trained import TrainedNetwork


@pytest.fixture
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI forces a precision."""
    monkeypatch.delenv(PRECISION_VARIABLE, raising=False)


@pytest.mark.usefixtures("_nothing_chosen")
@pytest.mark.skipif(torch.cuda.is_available(), reason="auto means the GPU")
def test_bfloat16_exactly_where_the_cpu_says_so() -> None:
    described = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout.split()
    has_it = bool({"avx512_bf16", "amx_bf16", "bf16"} & set(described))
    expected = "bf16-mixed" if has_it else "32-true"
    assert fastest_precision("cpu") == fastest_precision("auto") == expected


@pytest.mark.usefixtures("_nothing_chosen")
def test_other_accelerators_stay_with_float32() -> None:
    assert fastest_precision("mps") == "32-true"


@pytest.mark.parametrize("precision", TRAINING)
def test_the_environment_chooses_the_precision(
    run_train: Command, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setenv(PRECISION_VARIABLE, precision)
    config = run_train("--cfg", "job", "trainer.accelerator=cpu").out
    assert fastest_precision("cpu") == precision
    assert "precision: ${sshml.fastest_precision:" in config


@pytest.mark.parametrize("precision", ["bf16-true", "64-true", "16-true", "8"])
def test_a_precision_without_float32_weights_is_refused(run_train: Command, precision: str) -> None:
    done = run_train(*TINY, f"trainer.precision={precision}")
    assert done.status == 2
    (line,) = done.err.splitlines()
    assert line.startswith(f"error: trainer.precision={precision}: expected ")
    assert "'bf16-mixed'" in line


@pytest.mark.parametrize("training", ["32-true", "bf16-mixed"])
def test_every_program_tests_a_network_in_float32(
    run_train: Command, run_transfer: Command, training: str
) -> None:
    run = run_train(*TINY, f"trainer.precision={training}", "data.W=0.5", "data.n_test=40")
    checkpoint = run.folder / "checkpoints" / "best.ckpt"
    assert run.manifest["precision"] == {"training": training, "evaluation": "32-true"}
    assert f"┃ {training}" in re.sub(" +", " ", run.out)
    network = TrainedNetwork(checkpoint)
    batch = network.test_chains(0.5, 40)
    loss = float(cross_entropy(network.logits(batch["input"]), batch["label"]))
    study = run_transfer(f"checkpoint={checkpoint}", "data.W=0.5", "logger=csv")
    for found in (loss, networks(study)[0]["loss"]):
        assert found == pytest.approx(run.metrics["test/loss"], rel=1e-6)


def test_a_run_in_bfloat16_keeps_float32_weights(run_train: Command) -> None:
    run = run_train(*TINY, "trainer.precision=bf16-mixed")
    assert run.status == 0
    assert 0 <= run.metrics["test/accuracy"] <= 1
    weights = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {w.dtype for w in weights.values() if w.is_floating_point()} == {torch.float32}
    assert "precision: bf16-mixed" in (run.folder / "config.yaml").read_text()
