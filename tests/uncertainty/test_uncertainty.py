"""python -m sshml.uncertainty as a user runs it."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command
from torch import Tensor

from sshml.uncertainty.__main__ import main

pytest.importorskip("sklearn")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def checkpoint(run_train: Command, *overrides: str) -> str:
    return str(run_train(*TINY, *overrides).folder / "checkpoints/best.ckpt")


def test_an_ensemble_of_three(
    run_train: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    networks = [checkpoint(run_train, f"seed={k}") for k in range(3)]
    out = tmp_path / "out"
    assert main([*networks, "--W", "0,1", "--chains", "40", "--out", str(out)]) == 0
    assert "AUROC for telling chains at W from chains at W = 0" in capfd.readouterr().out
    rows = read(out / "ensemble.csv")
    assert [row["network"] for row in rows] == [*networks, "together"] * 2
    losses = [float(row["loss"]) for row in rows[:4]]
    # The loss of the mean probability is at most the mean of the losses (Jensen).
    assert losses[3] <= sum(losses[:3]) / 3 + 1e-6
    strange = read(out / "strangeness.csv")
    assert [row["network"] for row in strange] == [*networks, "together"]
    assert all(0 <= float(row["features"]) <= 1 for row in strange)
    assert (out / "uncertainty.png").stat().st_size > 10_000

    # Of earlier results none is overwritten.
    again = [*networks, "--W", "0", "--chains", "4"]
    assert main([*again, "--out", str(out)]) == 2
    assert f"error: --out={out}: ensemble.csv already exists" in capfd.readouterr().err
    assert main(again) == main(again) == 0
    assert len(list(Path(networks[0]).parent.parent.glob("uncertainty/*/strangeness.csv"))) == 2


def test_mistakes_are_one_line(
    run_train: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small, large = checkpoint(run_train), checkpoint(run_train, "data.n_cells=10")
    again = checkpoint(run_train, "hydra.run.dir=runs/x/again")
    last = small.replace("best.ckpt", "last.ckpt")
    capfd.readouterr()
    out = tmp_path / "out"
    for arguments, line in (
        ([small, again], "are the same network; expected networks trained with different seeds"),
        ([small, last], "expected networks trained with different seeds"),
        (["nowhere.ckpt"], "nowhere.ckpt: there is no such file"),
        ([small], "at least two networks"),
        ([small, large], "trained with data.n_cells=10"),
        ([small, small], "is given twice"),
        ([small, small, "--W", "-1"], "--W=-1"),
        ([small, small, "--W", "0:1:0.01"], "101 strengths; expected at most 20"),
    ):
        assert main([*arguments, "--out", str(out)]) == 2
        err = capfd.readouterr().err
        assert err.startswith("error: ")
        assert line in err
        assert err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda weight: weight.zero_(), "all training chains of a phase have the same features"),
        (lambda weight: weight.mul_(1e25), "its features are not finite"),
    ],
)
def test_networks_that_learned_nothing_are_one_line(
    run_train: Command, capfd: pytest.CaptureFixture[str], change: Callable[[Tensor], Tensor], line: str
) -> None:
    networks = [checkpoint(run_train, f"seed={k}") for k in range(2)]
    for path in networks:
        content = torch.load(path, weights_only=True)
        for weight in content["state_dict"].values():
            if weight.ndim == 4:
                change(weight)
        torch.save(content, path)
    capfd.readouterr()
    assert main([*networks, "--W", "0,1", "--chains", "10"]) == 2
    (error,) = capfd.readouterr().err.splitlines()
    assert error.startswith(f"error: {networks[0]}: {line}")


def test_a_chain_that_looks_like_the_mean_of_those_known_is_drawn(run_train: Command) -> None:
    # At this rate most channels are dead, and chains lie at the mean to the bit.
    high = ("optimizer.lr=10", "trainer.max_epochs=2")
    runs = [run_train(*TINY, *high, f"seed={k}").folder for k in range(2)]
    networks = [str(run / "checkpoints/last.ckpt") for run in runs]
    assert main([*networks, "--W", "0,0.5", "--chains", "10"]) == 0
