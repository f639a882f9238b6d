"""train.py against a bare loop over one fixed batch, and what surrounds it."""

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import psutil
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from torch.nn.functional import cross_entropy

from sshml.cam import network_maps
from sshml.config.schema import plain_config
from sshml.data.datamodule import SSHDataModule
from sshml.entry.cli import CONF_DIR
from sshml.files.stored import relocated
from sshml.networks import build_network
from sshml.training.train import train
from tests.benchmarks.measure import median_seconds

# Steps of 100 or 20 images that fit into a round of some seconds on two cores.
RUNS = {"cnn": {"steps": 20, "batch": 100}, "resnet18": {"steps": 5, "batch": 20}}
ROOT = CONF_DIR.parent


class Stopwatch(pl.Callback):
    """Notes when each step of training ended; says when the first one did."""

    ends: list[float] = []  # noqa: RUF012  # of the last run, for whoever started it

    def on_train_epoch_start(self, *_: Any) -> None:
        self.ends.clear()

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.ends.append(time.perf_counter())
        if trainer.global_step == 1:
            print(f"first step: {time.time() - psutil.Process().create_time():.2f}", flush=True)


def settings_of(*overrides: str) -> dict[str, Any]:
    """Resolved configuration of a run of train.py with a folder of its own."""
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        folder = tempfile.mkdtemp()
        return plain_config(compose("train", [f"paths.run={folder}", *overrides]))


def seconds_per_step(settings: dict[str, Any]) -> float:
    """Of train.py's own training, without its first two steps."""
    with contextlib.redirect_stdout(io.StringIO()):
        # A folder with results is not written to again.
        train(relocated(settings, settings["paths"]["run"], tempfile.mkdtemp()))
    ends = Stopwatch.ends[1:]
    return (ends[-1] - ends[0]) / (len(ends) - 1)


class BareLoop:
    """The loop that one would write first, over one batch in memory."""

    def __init__(self, settings: dict[str, Any], *, as_train: bool) -> None:
        layout = (
            torch.channels_last if as_train and settings["channels_last"] else torch.contiguous_format
        )
        self.bfloat16 = as_train and settings["trainer"]["precision"] == "bf16-mixed"
        data = settings["data"]
        size, batch = 2 * data["n_cells"], data["batch_size"]
        self.network = build_network(settings["model"]).to(memory_format=layout)
        self.images = torch.rand(batch, 1, size, size).to(memory_format=layout)
        self.labels = torch.randint(0, 2, (batch,))
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), lr=1e-3, momentum=0.9, weight_decay=0.01
        )

    def step(self) -> None:
        """One step of training."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            loss = cross_entropy(self.network(self.images), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def seconds_per_step(self, steps: int) -> float:
        """Mean over some steps."""
        self.step()
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        return (time.perf_counter() - start) / steps


def throughput(rounds: int = 5) -> list[dict[str, object]]:
    """Images a second of train.py, of the bare loop like it, and of the plain float32 loop."""
    rows: list[dict[str, object]] = []
    for model, run in RUNS.items():
        steps, batch = run["steps"], run["batch"]
        settings = settings_of(
            f"model={model}", "data.W=0.5", f"data.batch_size={batch}", f"data.n_train={steps * batch}",
            "data.n_val=20", "data.n_test=20", "trainer.max_epochs=1",
            "+callbacks.stopwatch._target_=tests.benchmarks.training.Stopwatch",
        )  # fmt: skip
        like_ours, plain = (BareLoop(settings, as_train=kind) for kind in (True, False))
        seen: dict[str, list[float]] = {"ours": [], "bare": [], "plain": []}
        for _ in range(rounds):
            seen["bare"].append(like_ours.seconds_per_step(steps))
            seen["ours"].append(seconds_per_step(settings))
            seen["plain"].append(plain.seconds_per_step(steps))
        step = {name: statistics.median(values) for name, values in seen.items()}
        rows.append(
            {"model": model, "precision": settings["trainer"]["precision"],
             **{f"{name}_images_s": batch / seconds for name, seconds in step.items()},
             "of_bare": step["bare"] / step["ours"], "times_plain": step["plain"] / step["ours"]}
        )  # fmt: skip
    return rows


def evaluation() -> dict[str, float]:
    """The CNN on fresh chains, generation included, and what maps add to a forward pass."""
    settings = settings_of()
    network = build_network(settings["model"]).eval().to(memory_format=torch.channels_last)
    data = SSHDataModule(W=0.5, n_test=3_000)
    images = next(iter(data.test_dataloader()))["input"].to(memory_format=torch.channels_last)

    @torch.no_grad()
    def evaluate() -> None:
        for batch in data.test_dataloader():
            network(batch["input"])

    with torch.no_grad():
        seconds = median_seconds(
            9, forward=lambda: network(images), maps=lambda: network_maps(network, images)
        )
    chain = median_seconds(3, evaluate=evaluate)["evaluate"] / 3_000
    return {
        "maps_over_forward": seconds["maps"] / seconds["forward"],
        "ms_a_chain": chain * 1e3,
        "seconds_for_11_x_6000": chain * 66_000,
        "forward_share": seconds["forward"] / len(images) / chain,
    }


def start_up() -> dict[str, float]:
    """Seconds to `--help` and to the end of the first step of training, caches warm."""

    def command(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, ROOT / "train.py", *arguments],
            cwd=tempfile.mkdtemp(), env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    short = [
        "data.n_train=200", "data.n_val=20", "data.n_test=20", "trainer.max_epochs=1",
        "+callbacks.stopwatch._target_=tests.benchmarks.training.Stopwatch",
    ]  # fmt: skip
    first = [float(command(*short).split("first step: ")[1].split()[0]) for _ in range(3)]
    return {
        "help_s": median_seconds(3, help=lambda: command("--help"))["help"],
        "first_step_s": statistics.median(first),
    }


class Memory(pl.Callback):
    """Resident memory after each epoch, in MB."""

    seen: list[float] = []  # noqa: RUF012  # of the last run

    def on_train_epoch_end(self, *_: Any) -> None:
        self.seen.append(psutil.Process().memory_info().rss / 1e6)


def memory_over_epochs(epochs: int = 200) -> dict[str, float]:
    """Resident memory of a run on new chains every epoch, early and late."""
    Memory.seen.clear()
    settings = settings_of(
        "data.resample=epoch", "data.n_cells=8", "data.n_train=200", "data.n_val=20", "data.n_test=20",
        "model.widths=[4,4]", "model.pool_after=[1]", f"trainer.max_epochs={epochs}", "logger=csv",
        "callbacks.maps.every_n_epochs=10000",
        "+callbacks.memory._target_=tests.benchmarks.training.Memory",
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        train(settings)
    return {"epoch_20_MB": Memory.seen[19], f"epoch_{epochs}_MB": Memory.seen[-1]}
