"""Batches: the same bits however they are asked for, and little memory."""

import hashlib
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader

from sshml.data.datamodule import SSHDataModule
from sshml.data.loading import _made_ahead
from sshml.data.samples import Batch
from sshml.data.streams import Split
from sshml.networks import CNN
from sshml.physics import density_profiles


def small(**settings: object) -> SSHDataModule:
    sizes = {"n_train": 30, "n_val": 12, "n_test": 10, "batch_size": 8}
    return SSHDataModule(**{"n_cells": 30, "W": 0.5, **sizes, **settings})


def hashes(loader: DataLoader[Batch]) -> dict[int, str]:
    """Digest of every sample of a loader, by its number."""
    found = {}
    for batch in loader:
        for i, index in enumerate(batch["index"].tolist()):
            content = b"".join(values[i].numpy().tobytes() for values in tree_leaves(batch))
            found[index] = hashlib.sha256(content).hexdigest()
    return found


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_samples_are_the_same_bits_for_any_workers_and_batch_size(split: str) -> None:
    loaders = [
        getattr(small(num_workers=workers, batch_size=size), f"{split}_dataloader")()
        for workers, size in ((0, 8), (1, 8), (2, 8), (0, 3), (2, 64))
    ]
    expected, *others = map(hashes, loaders)
    assert len(set(expected.values())) == len(expected) == {"train": 30, "val": 12, "test": 10}[split]
    assert all(other == expected for other in others)


def test_samples_are_the_same_bits_in_a_fresh_process_with_other_threads() -> None:
    script = textwrap.dedent("""
        import hashlib
        from sshml.data.ensemble import Ensemble
        from sshml.data.streams import Split
        from sshml.physics import density_profiles
        ensemble = Ensemble({Split.TRAIN: 4}, n_cells=122, W=0.5, seed=11)
        chains = ensemble.chains(Split.TRAIN, range(4))
        profiles = density_profiles(*chains.couplings.values())
        print(hashlib.sha256(profiles.tobytes()).hexdigest())
    """)
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True, text=True, check=True,
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_a_batch_carries_its_parameters() -> None:
    data = small(W=[0.0, 2.0], label="sample")
    batch = next(iter(data.val_dataloader()))
    assert batch["input"].shape == (8, 1, 60, 60)
    assert batch["input"].dtype == torch.float32
    assert torch.equal(batch["label"], batch["labels"]["sample"])
    assert torch.equal(batch["labels"]["ratio"], (batch["parameters"]["ratio"] < 1).long())
    assert batch["parameters"]["W"].tolist() == [0, 2] * 4
    chains = data.ensemble.chains(Split.VAL, range(8))
    expected = torch.from_numpy(density_profiles(*chains.couplings.values()))
    assert torch.equal(batch["input"][:, 0], expected)


def test_one_sample_is_its_row_of_the_batch() -> None:
    dataset = small().dataset(Split.TEST)
    single, batch = dataset[3], dataset.__getitems__([1, 3])
    assert all(torch.equal(a, b[1]) for a, b in zip(*map(tree_leaves, (single, batch)), strict=True))


def test_memory_at_the_thesis_sizes_is_bounded() -> None:
    # A whole process, since memory that others have freed would hide what this one takes.
    script = textwrap.dedent("""
        import itertools, resource
        import torch
        from sshml.data.datamodule import SSHDataModule
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        fixed_batch = torch.rand(100, 1, 244, 244)
        before = peak()
        data = SSHDataModule(n_cells=122, W=0.5, resample="epoch")
        for loader in (data.train_dataloader(), data.val_dataloader()):
            for batch in itertools.islice(loader, 3):
                assert batch["input"].shape == fixed_batch.shape
        print(peak() - before)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 700


class _Counted(list):
    """Batches that count how many of them were made."""

    made = 0

    def __getitem__(self, index: int) -> object:
        self.made += 1
        return super().__getitem__(index)


def test_a_thread_makes_two_batches_ahead_and_no_more() -> None:
    source = _Counted(range(1, 8))
    made = [(batch, source.made) for batch in _made_ahead(source[i] for i in range(7))]
    assert [batch for batch, _ in made] == list(range(1, 8))
    # When batch k is handed out, k + 1 and k + 2 may have been made, but not k + 3.
    assert all(batch <= count <= batch + 2 for batch, count in made)


def test_an_error_in_the_thread_reaches_the_training_loop() -> None:
    def batches() -> Iterator[int]:
        yield 1
        raise RuntimeError("no more")

    ahead = _made_ahead(batches())
    assert next(ahead) == 1
    with pytest.raises(RuntimeError, match="no more"):
        next(ahead)


def test_a_loop_that_stops_early_leaves_no_thread() -> None:
    loop = iter(small().train_dataloader())
    next(loop)
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "profiles")
    del loop
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_lightning_of_the_other_name_takes_the_loaders() -> None:
    lightning = pytest.importorskip("lightning")

    class Model(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = CNN(widths=(4,), pool_after=())

        def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:  # noqa: ARG002
            return cross_entropy(self.network(batch["input"]), batch["label"])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def trainer() -> object:
        quiet = dict.fromkeys(
            ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
        )
        return lightning.Trainer(max_epochs=1, accelerator="cpu", **quiet)

    data = small(n_cells=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match=r"pass the loaders instead: trainer\.fit"):
            trainer().fit(Model(), datamodule=data)
        fitted = trainer()
        fitted.fit(Model(), data.train_dataloader())
    assert fitted.global_step == 4
