"""What a density profile costs, against what one would otherwise write, and how exact it is."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import torch

from sshml.data.datamodule import ProfileDataset, SSHDataModule
from sshml.data.streams import Split
from sshml.physics import (
    DISORDER_CONVENTIONS,
    chiral_blocks,
    sample_hoppings,
    solve_profiles,
)
from sshml.physics.kernels.states import draw_profiles
from tests.benchmarks.measure import median_seconds, one_core

BATCH = {30: 100, 122: 32, 500: 16}


def dataset(M: int, W: float) -> ProfileDataset:
    """A training set; asking it for samples is all the work that a batch takes."""
    return SSHDataModule(n_cells=M, W=W, n_train=30_000).dataset(Split.TRAIN)


def dense_hamiltonians(M: int, W: float, n: int) -> np.ndarray:
    """Shape (n, 2M, 2M)."""
    chains = dataset(M, W).ensemble.chains(Split.TRAIN, range(n))
    h = chiral_blocks(*chains.couplings.values())
    zero = np.zeros_like(h)
    return np.block([[zero, h], [h.transpose(0, 2, 1), zero]])


def by_eigh(hamiltonians: np.ndarray) -> list[np.ndarray]:
    """Profiles chain by chain with numpy's dense eigensolver."""
    return [(np.linalg.eigh(H)[1] ** 2).astype(np.float32) for H in hamiltonians]


def by_torch_svd(blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The two halves of profiles with torch's batched singular value decomposition."""
    u, _, vt = torch.linalg.svd(blocks)
    return (u**2 / 2).float(), (vt**2 / 2).float()


def cost() -> list[dict[str, float]]:
    """Milliseconds an image on one core, random numbers and labels included, and the ratios."""
    rows = []
    for M, n in BATCH.items():
        for W in (0.5, 0.0):
            profiles = dataset(M, W)
            H = dense_hamiltonians(M, W, n // 4)
            blocks = torch.from_numpy(H[:, :M, M:].copy())
            with one_core():
                seconds = median_seconds(
                    7,
                    ours=lambda profiles=profiles, n=n: profiles.__getitems__(range(n)),
                    eigh=lambda H=H: by_eigh(H),
                    torch_svd=lambda blocks=blocks: by_torch_svd(blocks),
                )
            ours = seconds["ours"] / n * 1e3
            eigh, svd = (seconds[name] / len(H) * 1e3 for name in ("eigh", "torch_svd"))
            rows.append(
                {"M": M, "W": W, "ours_ms": ours, "eigh_ms": eigh, "torch_svd_ms": svd,
                 "times_eigh": eigh / ours, "times_torch_svd": svd / ours}
            )  # fmt: skip
    return rows


def two_cores() -> list[dict[str, object]]:
    """Throughput of two threads over that of one, images written to memory that is there.

    Beside it what the machine's two cores give a computation that needs no memory at all, SHA-256.
    """
    work: dict[str, Callable[[int], object]] = {}
    block = bytes(1_000_000)
    work["sha256"] = lambda _: [hashlib.sha256(block) for _ in range(20)]
    for M, n in {30: 512, 122: 32, 500: 16}.items():
        chains = dataset(M, 0.5).ensemble.chains(Split.TRAIN, range(n))
        bonds = chains.couplings["intracell"], chains.couplings["intercell"][:, :-1].copy()
        images = [np.ones((n, 2 * M, 2 * M), np.float32) for _ in range(4)]
        work[f"M = {M}"] = lambda i, bonds=bonds, images=images: draw_profiles(*bonds, images[i], 1e-7)
    with ThreadPoolExecutor(2) as pool:
        turns = {
            f"{name}/{way}": lambda do=do, run=run: list(run(do, range(4)))
            for name, do in work.items()
            for way, run in (("one", map), ("two", pool.map))
        }
        seconds = median_seconds(21, **turns)
    return [
        {"work": name, "two_over_one": seconds[f"{name}/one"] / seconds[f"{name}/two"]} for name in work
    ]


def accuracy() -> list[dict[str, float]]:
    """Largest pixel error against LAPACK's SVD over 100 000 chains, float32 images."""
    rng = np.random.default_rng(0)
    rows = []
    for M, n in {2: 30_000, 3: 30_000, 7: 30_000, 30: 9_400, 122: 560, 500: 40}.items():
        error, fallbacks = 0.0, 0
        for disorder in DISORDER_CONVENTIONS:
            # Each convention on its own third; one chain in fifty has a bond that is exactly 0.
            for part in np.array_split(np.arange(n // 3 + 1), max(1, n * M * M // 3_000_000)):
                t1 = rng.uniform(0, 2, len(part)) * rng.choice(
                    [1, 1e-3, 0], len(part), p=[0.97, 0.02, 0.01]
                )
                bonds = sample_hoppings(t1, rng.uniform(0, 6, len(part)), M, disorder=disorder, rng=rng)
                bonds[0][::50, 0] = 0
                images, by_svd = solve_profiles(*bonds)
                u, _, vt = np.linalg.svd(chiral_blocks(*bonds))
                error = max(error, np.abs(images[:, 0::2, :M] - u**2 / 2).max())
                error = max(error, np.abs(images[:, 1::2, :M] - vt.transpose(0, 2, 1) ** 2 / 2).max())
                fallbacks += by_svd.sum()
        rows.append({"M": M, "chains": 3 * (n // 3 + 1), "largest_error": float(error),
                     "svd_share": float(fallbacks) / (3 * (n // 3 + 1))})  # fmt: skip
    return rows


def scaling() -> dict[str, object]:
    """How the time of an image grows with M, and time and memory with the number of chains.

    Images are written to memory that is there: what new memory costs is the operating system's matter.
    """
    by_size, by_number = [], []
    rng = np.random.default_rng(0)
    with one_core():
        for M in (15, 30, 60, 122, 250, 500, 1000):
            n = max(16, 100_000 // M**2)
            intracell, intercell = sample_hoppings(rng.uniform(0.1, 2, n), 0.5, M, rng=rng)
            bonds = intracell, intercell[:, :-1].copy()
            few = bonds[0][: max(1, n // 16)], bonds[1][: max(1, n // 16)]
            H = chiral_blocks(*few)
            dense = np.block([[np.zeros_like(H), H], [H.transpose(0, 2, 1), np.zeros_like(H)]])
            memory = np.ones((n, 2 * M, 2 * M), np.float32)
            seconds = median_seconds(
                3,
                ours=lambda bonds=bonds, memory=memory: draw_profiles(*bonds, memory, 1e-7),
                torch_svd=lambda H=H: by_torch_svd(torch.from_numpy(H)),
                eigh=lambda dense=dense: by_eigh(dense),
                write=lambda images=memory: images.fill(0),
            )
            images = {"ours": n, "write": n, "torch_svd": len(H), "eigh": len(H)}
            by_size.append({"M": M} | {f"{k}_ms": v / images[k] * 1e3 for k, v in seconds.items()})
        profiles = dataset(30, 0.5)
        for n in (1_000, 10_000, 30_000):
            seconds = median_seconds(
                3,
                stream=lambda n=n: [
                    profiles.__getitems__(range(start, start + 100))["input"].mean()
                    for start in range(0, n, 100)
                ],
            )
            resident = psutil.Process().memory_info().rss / 1e6
            by_number.append({"chains": n, "ms": seconds["stream"] / n * 1e3, "resident_MB": resident})
    large = [row for row in by_size if row["M"] >= 60]
    slope = np.polyfit(*(np.log([row[key] for row in large]) for key in ("M", "ours_ms")), 1)[0]
    return {"by_size": by_size, "slope_60_to_1000": float(slope), "by_number": by_number}
