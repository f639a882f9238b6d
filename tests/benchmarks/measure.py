"""What all benchmarks share: contestants in turn, medians, and what they ran on."""

import contextlib
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from threadpoolctl import threadpool_limits

from sshml.files.provenance import git_revision, versions


def median_seconds(rounds: int, **contestants: Callable[[], object]) -> dict[str, float]:
    """Median time of each contestant. They take turns, so that a slow minute hits all of them."""
    for contestant in contestants.values():
        contestant()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Everything on one core: this process's threads, BLAS and torch."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(cores)})
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)


def machine() -> dict[str, object]:
    """The machine and the versions that numbers belong to."""
    with open("/proc/cpuinfo") as lines:  # noqa: PTH123
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    return {
        "cpu": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "git_revision": git_revision(),
        **versions(),
    }
