"""pytest-benchmark's view of the same: ``pytest -n0 tests/benchmarks/bench_profiles.py``."""

from collections.abc import Iterator

import pytest
import torch

from sshml.cam import network_maps
from sshml.networks import CNN
from tests.benchmarks.generation import BATCH, by_eigh, by_torch_svd, dataset, dense_hamiltonians
from tests.benchmarks.measure import one_core


@pytest.fixture(autouse=True)
def single_core(_unchecked: None) -> Iterator[None]:
    with one_core():
        yield


@pytest.mark.parametrize("W", [0.0, 0.5])
@pytest.mark.parametrize("M", BATCH)
@pytest.mark.parametrize("method", ["sshml", "eigh", "torch_svd"])
def test_batch_of_profiles(benchmark, method, M, W):
    n = BATCH[M]
    benchmark.group = f"{n} profiles, M = {M}, W = {W}"
    if method == "sshml":
        benchmark(dataset(M, W).__getitems__, range(n))
    elif method == "eigh":
        benchmark(by_eigh, dense_hamiltonians(M, W, n))
    else:
        benchmark(by_torch_svd, torch.from_numpy(dense_hamiltonians(M, W, n)[:, :M, M:].copy()))


@pytest.mark.parametrize("what", ["forward", "maps"])
def test_maps_beside_a_forward_pass(benchmark, what):
    benchmark.group = "CNN, 100 images"
    network = CNN().eval().to(memory_format=torch.channels_last)
    images = torch.rand(100, 1, 60, 60).to(memory_format=torch.channels_last)
    with torch.no_grad():
        benchmark(*((network, images) if what == "forward" else (network_maps, network, images)))
