"""What a sweep of many small jobs costs besides composing their configurations and training."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hydra._internal.config_loader_impl
import psutil
import pytorch_lightning as pl
from hydra.core.plugins import Plugins

import sshml.entry.sweep
from sshml.entry.cli import run

_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
JOBS = 1000
TINY = (
    "data.n_cells=4", "data.n_train=20", "data.n_val=10", "data.n_test=10", "data.batch_size=10",
    "model.widths=[2]", "model.pool_after=[]", "trainer.max_epochs=1", "trainer.accelerator=cpu",
    "logger=csv", "figures=false",
)  # fmt: skip


class Stopwatch:
    """Time spent in some functions of others, and in whole jobs."""

    def __init__(self) -> None:
        self.elsewhere = 0.0
        self.jobs = [0.0]  # the first: what comes before the jobs, for all of them
        self.memory_mb: list[float] = []
        self.open_files: list[int] = []

    @contextlib.contextmanager
    def watching(self, owner: Any, name: str) -> Iterator[None]:
        """Count the time of a function of Hydra or Lightning."""
        function = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.elsewhere += time.perf_counter() - start

        with replaced(owner, name, timed):
            yield

    def own(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function; its time is ours, but for that spent elsewhere."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            start, before = time.perf_counter(), self.elsewhere
            try:
                return function(*args, **kwargs)
            finally:
                self.jobs[-1] += time.perf_counter() - start - (self.elsewhere - before)

        return timed

    @contextlib.contextmanager
    def watching_jobs(self) -> Iterator[None]:
        """Count what a job takes besides; look at the process after it."""
        # Hydra loads its plugins again, so the module of that name is another one.
        names = Plugins.instance().class_name_to_class[_LAUNCHER].launch.__globals__
        function = names["run_job"]

        def watched(task_function: Callable[..., Any], **kwargs: Any) -> Any:
            self.jobs.append(0.0)
            result = function(task_function=self.own(task_function), **kwargs)
            process = psutil.Process()
            self.memory_mb.append(process.memory_info().rss / 1e6)
            self.open_files.append(process.num_fds())
            return result

        names["run_job"] = watched
        loader = hydra._internal.config_loader_impl.ConfigLoaderImpl
        try:
            with (
                self.watching(loader, "load_sweep_config"),
                replaced(sshml.entry.sweep, "checked_jobs", self.own(sshml.entry.sweep.checked_jobs)),
            ):
                yield
        finally:
            names["run_job"] = function


@contextlib.contextmanager
def replaced(owner: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Have another function in a place for a while."""
    before = getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, before)


def overhead() -> dict[str, object]:
    """A job's time besides composition and Lightning's; memory and files of the process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from tests.benchmarks.sweeps import sweep; sweep()"]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, "RUNS": folder}
        )
    names = ("jobs", "median_ms", "MB_after_a_tenth", "MB", "files_after_a_tenth", "files")
    return dict(zip(names, map(float, done.stdout.split("\n")[-2].split()), strict=True))


def sweep() -> None:
    """Run it in this process, and print what was seen on the last line."""
    import train

    watch, runs = Stopwatch(), Path(os.environ["RUNS"])
    sys.argv = ["train.py", "-m", *TINY, f"seed=range({JOBS})", f"paths.runs={runs}"]
    with (
        watch.watching(pl.Trainer, "__init__"),
        watch.watching(pl.Trainer, "fit"),
        watch.watching(pl.Trainer, "test"),
        watch.watching_jobs(),
    ):
        status = run(train.main)
    if status:
        sys.exit(status)
    before, *jobs = watch.jobs
    print(
        len(jobs), 1000 * (before / len(jobs) + statistics.median(jobs)),
        watch.memory_mb[JOBS // 10], watch.memory_mb[-1],
        watch.open_files[JOBS // 10], watch.open_files[-1],
    )  # fmt: skip
