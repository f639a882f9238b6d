"""Collecting and drawing many runs."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sshml.config.programs import CONF_DIR
from tests.study.synthetic import write_run

# A grid of 10 strengths, 5 learning rates, 2 networks, 2 schedules and 5 seeds has 1000 runs.
STRENGTHS = np.linspace(0, 1, 10).round(3)
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def _grid(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number, (W, lr, model, scheduler, seed) in enumerate(
        (W, lr, model, scheduler, seed)
        for W in STRENGTHS
        for lr in RATES
        for model in ("cnn", "resnet18")
        for scheduler in ("none", "cosine")
        for seed in range(5)
    ):
        overrides = [f"model={model}", f"scheduler={scheduler}", f"data.W={W}", f"optimizer.lr={lr}"]
        accuracy = 0.98 - 0.3 * W**2 - 0.05 * abs(np.log10(lr) + 2.5) + 0.01 * rng.uniform(-1, 1)
        write_run(folder / f"{number:08x}", [*overrides, f"seed={seed}"], accuracy, epochs=30)


def _search(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(1000):
        lr, decay, dropout = 10 ** rng.uniform(-4, -1), 10 ** rng.uniform(-5, -1), rng.uniform(0, 0.5)
        overrides = [
            f"optimizer.lr={lr}",
            f"optimizer.weight_decay={decay}",
            f"model.dropout={dropout}",
        ]
        accuracy = 0.95 - 0.1 * (np.log10(lr) + 2.5) ** 2 - 0.1 * dropout
        write_run(folder / f"{number:08x}", overrides, accuracy, epochs=30)


def collecting() -> list[dict[str, object]]:
    """``python -m sshml.study`` for 1000 runs of 30 epochs, start to end: medians of three."""
    rows = []
    for name, write in (("grid", _grid), ("search", _search)):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder, "runs"))
            times = sorted(_times(folder) for _ in range(3))
        rows.append({"1000 runs": name, "s": times[1][0], "processor_s": times[1][1]})
    return rows


def _times(folder: str) -> tuple[float, float]:
    """Seconds on the clock and of the processor; on a busy machine these differ."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(CONF_DIR.parent)}
    command = [sys.executable, "-m", "sshml.study", "runs"]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
