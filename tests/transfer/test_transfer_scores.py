"""Scores against counts by hand and the formula of Wilson's interval."""

import numpy as np
import pytest
import torch

from sshml.data.datamodule import SSHDataModule
from sshml.transfer.columns import COLUMNS
from sshml.transfer.scores import ask, score
from sshml.transfer.table import network_scores


def test_scores_of_six_chains():
    labels = {
        "ratio": np.array([1, 1, 1, 0, 0, 0]),
        "sample": np.array([1, 1, 0, 0, 0, 0]),
        "thermodynamic": np.array([1, 0, 0, 0, 0, 0]),
    }
    row = score(np.array([1, 1, 0, 1, 0, 0]), labels)
    expected = {"n": 6, "tp": 2, "fn": 1, "fp": 1, "tn": 2, "accuracy": 4 / 6, "accuracy_sample": 5 / 6}
    expected |= {"accuracy_thermodynamic": 4 / 6, "ceiling": 5 / 6, "topological_share": 0.5}
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert (row["loss"], row["ece"]) == (None, None)
    assert set(row) == set(COLUMNS[4:-5])  # the last are of a network and its costs


@pytest.mark.parametrize(("right", "n"), [(0, 10), (50, 100), (999, 1000), (6, 6)])
def test_interval_is_wilsons(right, n):
    ratio = np.zeros(n, dtype=int)
    row = score(
        (np.arange(n) >= right).astype(int), dict.fromkeys(("ratio", "sample", "thermodynamic"), ratio)
    )
    p, z = right / n, 1.959963985
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = max(0, centre - half), min(1, centre + half)
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((low, high), abs=1e-9)


def test_loss_and_calibration_of_a_certain_network():
    # Always 90 % sure and right half of the time: off by 0.4; loss -(ln 0.9 + ln 0.1)/2.
    logits = torch.tensor([[0.0, np.log(9.0)]] * 4)
    labels = dict.fromkeys(("ratio", "sample", "thermodynamic"), np.array([1, 0, 1, 0]))
    row = score(np.ones(4, dtype=int), labels, logits)
    assert row["loss"] == pytest.approx(-(np.log(0.9) + np.log(0.1)) / 2, rel=1e-5)
    assert row["ece"] == pytest.approx(0.4, rel=1e-5)


def test_answers_are_in_the_order_of_the_test_set():
    data = SSHDataModule(n_cells=4, W=0.5, n_test=30, batch_size=7)

    class ReadsEnd(torch.nn.Module):
        """Says what the mid-gap pair has on the first site."""

        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, profiles):
            return torch.stack([torch.zeros(len(profiles)), profiles[:, 0, 0, 4]], dim=1)

    answers = ask(ReadsEnd(), data)
    batch = next(iter(SSHDataModule(n_cells=4, W=0.5, n_test=30, batch_size=30).test_dataloader()))
    np.testing.assert_array_equal(answers.logits[:, 1], batch["input"][:, 0, 0, 4])
    np.testing.assert_array_equal(answers.labels["sample"], batch["labels"]["sample"])
    np.testing.assert_allclose(answers.detectors["brightest_pixel"], batch["input"].amax((1, 2, 3)))
    assert set(answers.detectors) == {"brightest_pixel", "edge_weight", "sublattice_separation"}


def test_the_curves_of_several_methods_have_names_of_their_own():
    values = {"accuracy": 0.9, "topological_share": 0.5, "ceiling": 1.0, "loss": 0.1, "ece": 0.0}
    cell = {"train_W": 0.0, "seed": 3, "W": 0.5, **values}
    methods = ("network", "fine_tune", "edge_weight", "exact_invariant")
    found = network_scores([{"method": method, **cell} for method in methods])
    assert [W for W, _ in found] == [0.5, 0.5]  # baselines have none
    assert [name.removesuffix("/ece") for _, scores in found for name in scores if "/ece" in name] == [
        "transfer/trained_at_0.0/seed_3", "transfer/fine_tune/trained_at_0.0/seed_3"
    ]  # fmt: skip
