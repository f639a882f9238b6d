"""What a run shows while it works, on a terminal and in a pipe."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

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
    assert "hint: all test samples are called the same, as expected after 3 steps" in short.out
    without = run_train(*TINY, "trainer.max_epochs=1", "model=mlp", "optimizer.lr=0")
    assert "hint:" not in without.out


def test_the_smoke_test_shows_that_a_network_learns(run_train: Command) -> None:
    done = run_train("debug=fast", "logger=csv", "figures=false")
    assert done.metrics["test/accuracy"] > 0.9
    assert "hint:" not in done.out
