"""Images, labels and parameters have the bits that earlier versions gave them."""

import hashlib
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from sshml.data.datamodule import SSHDataModule
from sshml.data.streams import Split
from sshml.physics import solve_profiles

HASHES = Path(__file__).with_name("bits.json")
# 40 samples each; 122 cells are the thesis' largest chain.
SETTINGS = [
    {"disorder": disorder, "n_cells": n_cells, "W": W}
    for disorder, n_cells, W in product(
        ("thesis", "additive", "mondragon_shem"), (2, 8, 30, 61), (0.0, 0.5, [0.25, 2.0], "0.5..4")
    )
] + [
    {"n_cells": 122, "W": 0.5},
    {"n_cells": 122, "W": 0.0},
    {"realisations": "frozen", "W": 0.75},
    {"ratio_grid": "uniform", "W": 0.75},
    {"resample": "epoch", "ratio_gap": [0.8, 1.2]},
    {"label": "sample", "ratio_range": [0.5, 1.5], "W": 1.0},
    {"seed": 7, "label": "thermodynamic", "W": 3.0},
]  # fmt: skip


def name(settings: dict[str, object]) -> str:
    return json.dumps(settings, sort_keys=True)


def digest(settings: dict[str, object]) -> str:
    """Of the first samples of every split, but for the pixels of images that LAPACK helped with."""
    data = SSHDataModule(**settings, n_train=40, n_val=20, n_test=20)  # type: ignore[arg-type]
    found = hashlib.sha256()
    for split in Split:
        dataset = data.dataset(split)
        batch = dataset.__getitems__(range(0, len(dataset), 2 if split is Split.TRAIN else 1))
        chains = dataset.ensemble.chains(split, batch["index"].numpy())
        _, by_lapack = solve_profiles(*chains.couplings.values())
        images = batch["input"].numpy()[~by_lapack]
        labels = np.stack(
            [batch["label"], *(batch["labels"][kind] for kind in ("ratio", "sample", "thermodynamic"))]
        )
        ratio, W = (batch["parameters"][name].numpy() for name in ("ratio", "W"))
        for values in (images, labels, ratio, W, by_lapack):
            found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_samples_have_the_bits_they_had(settings: dict[str, object]) -> None:
    assert digest(settings) == json.loads(HASHES.read_text())[name(settings)]
