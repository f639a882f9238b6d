"""What a run shows while it works, on a terminal and in a pipe."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from conftest import ROOT, TINY, Command

START = (
    r"CNN, [\d,]+ parameters, on CPU \(\d+ threads?\), \S+: 50 training images of 16x16, W=0.5, seed 7"
)
EPOCH = r"epoch {} of 2  train loss [\d.]+ accuracy [\d.]+%  val loss [\d.]+ accuracy [\d.]+%  [\d.]+ s"


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """All that a program writes to a terminal of 140 columns."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 140))
    with subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        stdin=its, stdout=its, stderr=its, cwd=folder,
    ) as process:  # fmt: skip
        os.close(its)
        written = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            written += part
    os.close(ours)
    assert process.returncode == 0, written.decode()
    return written.decode()


def test_a_terminal_shows_a_bar_and_a_line_an_epoch(tmp_path: Path) -> None:
    shown = on_a_terminal(tmp_path, *TINY, "trainer.max_epochs=2", "data.W=0.5", "seed=7")
    assert shown.index("loading PyTorch") < re.search(START, shown).start()
    for epoch in (1, 2):
        assert re.search(EPOCH.format(epoch), shown)
        assert re.search(rf"epoch {epoch} of 2: +\d+%.*batches/s, loss=", shown)
    assert "Epoch 0" not in shown
    assert "about" in re.search(r"epoch 1 of 2  .*", shown)[0]
    assert re.search(r"stopped by: +trainer.max_epochs", shown)


def test_a_pipe_gets_the_same_lines_without_a_bar(run_train: Command) -> None:
    lines = run_train(*TINY, "trainer.max_epochs=2", "data.W=0.5", "seed=7").out.splitlines()
    assert re.fullmatch(START, lines[0])
    assert re.match(EPOCH.format(1), lines[1])
    assert re.match(EPOCH.format(2), lines[2])
    assert re.search("best checkpoint: epoch [12]", lines[3])


def test_a_training_too_short_for_batch_norms_says_so(run_train: Command) -> None:
    short = run_train(*TINY, "trainer.max_epochs=1")
    assert short.metrics["test/accuracy"] == 0.5
    assert (
        "hint: all test samples have the same prediction, as expected after only 3 training steps"
        in short.out
    )
    without = run_train(*TINY, "trainer.max_epochs=1", "model=mlp", "optimizer.lr=0")
    assert "hint:" not in without.out


def test_the_smoke_test_shows_that_a_network_learns(run_train: Command) -> None:
    done = run_train("debug=fast", "logger=csv", "figures=false")
    assert done.metrics["test/accuracy"] > 0.9
    assert "hint:" not in done.out


def test_a_study_says_what_it_has_to_do_and_what_is_left(run_transfer: Command) -> None:
    done = run_transfer(*TINY, "source.W=[0,0.5]", "data.W=[0.25,1]")
    lines = done.out.splitlines()
    assert lines[0] == "to do: 2 trainings and 4 tests at W = 0.25, 1"
    (left,) = (line for line in lines if line.startswith("left: "))
    assert re.fullmatch(r"left: 1 training and 2 tests, about [\d.]+ (s|min)", left)
    assert lines.index(left) < lines.index("training at W=0.5, seed 0 (W0.5_seed0)")
    assert sum("accuracy: validation" in line for line in lines) == 2
    again = run_transfer(f"resume={done.folder}", "dry_run=true")
    assert again.out.splitlines()[0] == "to do: 0 trainings and 0 tests"
    more = run_transfer(f"resume={done.folder}", "data.W=[0.25,0.75,1]", "dry_run=true")
    assert more.out.splitlines()[0] == "to do: 0 trainings and 2 tests at W = 0.75"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["data.W=0.5"], "all settings fit together"),
        (["-m", "seed=1,2", "data.W=0.5"], "job 2: seed=2\n"),
        (["sweep=search", "hydra.sweeper.n_trials=7"], "search of 7 trials"),
    ],
)
def test_a_dry_run_leaves_nothing(
    run_train: Command, tmp_path: Path, arguments: list[str], shown: str
) -> None:
    done = run_train(*TINY, *arguments, "dry_run=true")
    assert done.status == 0, done.err
    assert shown in done.out
    assert done.out.endswith("nothing was run, since dry_run=true\n")
    assert not (tmp_path / "runs").exists()
    wrong = run_train(*TINY, *arguments, "dry_run=true", "data.label=none")
    assert (wrong.status, wrong.err.count("\n")) == (2, 1)


def test_a_dry_run_of_a_study_leaves_nothing(run_transfer: Command, tmp_path: Path) -> None:
    done = run_transfer(*TINY, "source.W=[0,0.5]", "seeds=3", "data.W=0:1:0.5", "dry_run=true")
    assert done.out.splitlines()[0] == "to do: 6 trainings and 18 tests at W = 0, 0.5, 1"
    assert not (tmp_path / "runs").exists()
