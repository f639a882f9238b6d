"""The precision that is chosen, and that a run in it works."""

import subprocess

import pytest
import torch
from conftest import TINY, Command

from sshml.hardware import fastest_precision


@pytest.mark.skipif(torch.cuda.is_available(), reason="auto means the GPU")
def test_bfloat16_exactly_where_the_cpu_says_so() -> None:
    described = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout.split()
    has_it = bool({"avx512_bf16", "amx_bf16", "bf16"} & set(described))
    expected = "bf16-mixed" if has_it else "32-true"
    assert fastest_precision("cpu") == fastest_precision("auto") == expected


def test_other_accelerators_stay_with_float32() -> None:
    assert fastest_precision("mps") == "32-true"


def test_a_run_in_bfloat16_keeps_float32_weights(run_train: Command) -> None:
    run = run_train(*TINY, "trainer.precision=bf16-mixed")
    assert run.status == 0
    assert 0 <= run.metrics["test/accuracy"] <= 1
    weights = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {w.dtype for w in weights.values() if w.is_floating_point()} == {torch.float32}
    assert "precision: bf16-mixed" in (run.folder / "config.yaml").read_text()
