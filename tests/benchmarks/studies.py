"""Collecting and drawing many runs."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from sshml.config.programs import CONF_DIR
from sshml.physics.hamiltonians import SSH
from sshml.transfer.phase_diagram import Plane
from sshml.transfer.scores import Answers, score
from sshml.transfer.table import Table
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


def table() -> list[dict[str, object]]:
    """Rows added one cell after another to the table of a study with diagrams of 100 bins."""
    ratio = np.linspace(0, 2, 100, endpoint=False) + 0.01
    exact = (ratio < 1).astype(np.int64)
    logits = torch.nn.functional.one_hot(torch.from_numpy(exact), 2).float()
    answers = Answers({"ratio": ratio}, {"ratio": exact, "sample": exact}, logits, {})
    said = {"network": exact, **answers.baselines}
    scores = {name: score(of, answers.labels) for name, of in said.items()}
    rows, start, begun = [], time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        growing = Table(Path(folder), 2, Plane(SSH(), "thesis", 0, 2, 100))
        for number in range(10_000):
            cell = {"train_W": 0.0, "seed": number // 100, "W": number % 100 / 10}
            growing.add([{"method": name, **cell, **of} for name, of in scores.items()], answers)
            if (number + 1) % 2_500 == 0:
                rows.append(
                    {
                        "rows": 2 * (number + 1),
                        "s": time.perf_counter() - start,
                        "processor_s": time.process_time() - begun,
                    }
                )
        growing.write()
        rows.append(
            {
                "rows": "and in order",
                "s": time.perf_counter() - start,
                "processor_s": time.process_time() - begun,
            }
        )
    return rows


def _times(folder: str) -> tuple[float, float]:
    """Seconds on the clock and of the processor; on a busy machine these differ."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(CONF_DIR.parent)}
    command = [sys.executable, "-m", "sshml.study", "runs"]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
