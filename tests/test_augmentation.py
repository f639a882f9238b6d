"""Augmentations keep what makes a profile a profile, and never touch what decides its label."""

import numpy as np
import pytest
import torch

from sshml.augmentation import ColumnPermutation, LocalisedStates, SiteReversal, ZeroModes
from sshml.augmentation.zero_modes import _SMALLEST_FALL, zero_modes
from sshml.data.datamodule import SSHDataModule
from sshml.data.streams import Split
from sshml.physics import inverse_participation_ratio
from sshml.physics.detectors import brightest_pixel

M = 12


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="module")
def batch():
    data = SSHDataModule(n_cells=M, n_train=400)
    return data.dataset(Split.TRAIN).__getitems__(range(400))


@pytest.mark.parametrize(
    "augmentation", [SiteReversal(1.0), ColumnPermutation(1.0), LocalisedStates(1.0), ZeroModes(1.0)]
)
def test_states_stay_normalised_chiral_states(augmentation, batch):
    before = batch["input"].clone()
    after = augmentation(batch["input"], batch["label"])
    assert torch.equal(batch["input"], before)
    assert after.shape == before.shape
    assert after.dtype == before.dtype
    assert (after >= 0).all()
    # Half of every state on either sublattice; mirror states are alike.
    half = torch.full((400, 2 * M), 0.5)
    for sublattice in (0, 1):
        torch.testing.assert_close(after[:, 0, sublattice::2].sum(dim=1), half)
    assert torch.equal(after, after.flip(-1))


def test_a_reversed_chain_is_the_chain_itself(batch):
    # h of the clean chain from the other end is its transpose: sublattices change places.
    after = SiteReversal(1.0)(batch["input"], batch["label"])
    torch.testing.assert_close(after, batch["input"], atol=2e-5, rtol=0)


def test_a_permutation_keeps_every_state_and_the_place_of_the_mid_gap_pair(batch):
    after = ColumnPermutation(1.0)(batch["input"], batch["label"])
    middle = slice(M - 1, M + 1)
    assert torch.equal(after[..., middle], batch["input"][..., middle])
    for image in range(3):
        columns = [set(map(tuple, p[image, 0].T.tolist())) for p in (after, batch["input"])]
        assert columns[0] == columns[1]


def test_localisation_is_no_cue_any_more(batch):
    after = LocalisedStates(1.0)(batch["input"], batch["label"])
    topological = batch["label"] == 1
    middle = slice(M - 1, M + 1)
    assert torch.equal(after[topological][..., middle], batch["input"][topological][..., middle])
    changed = (after != batch["input"]).any(dim=2)[:, 0]
    assert changed[~topological][:, middle].float().mean() > 0.5

    # The brightest pixel tells the phases of clean chains apart, but no longer these.
    def best_accuracy(profiles):
        bright = torch.from_numpy(brightest_pixel(profiles[:, 0].numpy()))
        order = topological[bright.argsort()]
        return max(
            float((~order[:k]).sum() + order[k:].sum()) / len(order) for k in range(len(order) + 1)
        )

    assert best_accuracy(batch["input"]) > 0.98
    assert best_accuracy(after) < 0.75


def test_localisation_lengths_are_as_asked():
    # Of the replaced states only; a length of a tenth of a cell is one site of either sublattice.
    profiles, labels = torch.zeros(200, 1, 2 * M, 2 * M), torch.zeros(200)
    short = LocalisedStates(1.0, shortest=0.1, longest=0.1, scatter=0.0)(profiles, labels)
    long = LocalisedStates(1.0, shortest=1e4, longest=1e4, scatter=0.0)(profiles, labels)
    ratios = []
    for images in (short, long):
        replaced = images[:, 0].sum(dim=1) > 0
        ratios.append(torch.from_numpy(inverse_participation_ratio(images[:, 0].numpy()))[replaced])
    assert ratios[0].mean() > 0.45  # 1/2 on two sites
    assert ratios[1].mean() < 4 / (2 * M)  # a speckle of normal numbers: 3 times that of a plane wave


def test_shares_are_as_asked(batch):
    for augmentation in (
        SiteReversal(0.3), ColumnPermutation(0.3), LocalisedStates(0.3), ZeroModes(0.3)
    ):  # fmt: skip
        # Not of chains that are symmetric, as clean ones are to reversal up to rounding.
        images = torch.rand_like(batch["input"])
        images = images + images.flip(-1)
        after = augmentation(images, torch.zeros(len(images)))
        share = (after != images).any(dim=(1, 2, 3)).float().mean()
        assert share == pytest.approx(0.3, abs=0.1)


def test_lengths_that_are_none():
    with pytest.raises(ValueError, match="shortest"):
        LocalisedStates(shortest=2.0, longest=1.0)


def mid_gap_pairs(log_t1, log_t2):
    """Densities, shape (n, 2M), and energies, shape (n,), by exact diagonalisation."""
    n, n_cells = log_t1.shape
    hopping = np.zeros((n, n_cells, n_cells))  # rows B, columns A
    cells = np.arange(n_cells)
    hopping[:, cells, cells] = np.exp(log_t1)
    hopping[:, cells[:-1], cells[1:]] = np.exp(log_t2)
    b, energies, a = np.linalg.svd(hopping)
    density = np.stack([a[:, -1, :] ** 2, b[:, :, -1] ** 2], axis=2).reshape(n, -1) / 2
    return density, energies[:, -1]


def test_zero_modes_are_those_of_exact_diagonalisation():
    generator = np.random.default_rng(0)
    n, n_cells = 1000, 25
    drift = generator.uniform(-0.5, 0.5, size=(n, 1))
    log_t1 = generator.normal(size=(n, n_cells)) + drift
    log_t2 = generator.normal(size=(n, n_cells - 1))
    exact, energy = mid_gap_pairs(log_t1, log_t2)
    pairs, fall = zero_modes(torch.from_numpy(log_t1), torch.from_numpy(log_t2))
    assert torch.allclose(pairs.sum(dim=1), torch.ones_like(fall))
    overlap = np.sqrt(pairs.numpy() * exact).sum(axis=1)
    is_topological = (log_t1[:, :-1] - log_t2).sum(axis=1) < 0
    for of_phase in (is_topological, ~is_topological):
        far = of_phase & (fall.numpy() > 10)
        assert far.sum() > 100
        assert np.quantile(overlap[far], 0.1) > 0.99
    far = fall.numpy() > 10
    np.testing.assert_allclose(-2 * np.log(energy)[far], fall.numpy()[far], atol=3)


@pytest.mark.parametrize("n_cells", [25, 60])
def test_pairs_as_they_are_drawn_are_close_to_exact_diagonalisation(n_cells):
    labels = torch.arange(2000) % 2
    log_t1, log_t2 = ZeroModes()._hoppings(labels, n_cells)
    # What the label says of the chain is so, whatever was drawn.
    rise = (log_t1[:, :-1] - log_t2).sum(dim=1)
    assert torch.equal(rise < 0, labels == 1)
    pairs, fall = zero_modes(log_t1.double(), log_t2.double())
    exact = mid_gap_pairs(log_t1.double().numpy(), log_t2.double().numpy())[0]
    overlap = np.sqrt(pairs.numpy() * exact).sum(axis=1)
    for label in (0, 1):
        taken = (labels == label).numpy() & (fall > _SMALLEST_FALL).numpy()
        assert taken.sum() > 400
        assert np.quantile(overlap[taken], 0.1) > 0.9


def test_zero_modes_fall_in_topological_chains_and_rise_in_trivial_ones(batch):
    images, labels = batch["input"], batch["label"]
    after = ZeroModes(1.0)(images, labels)
    assert torch.equal(after[..., : M - 1], images[..., : M - 1])
    cells = torch.arange(M, dtype=torch.float32)
    a, b = (2 * after[:, 0, s::2, M - 1] @ cells for s in (0, 1))
    changed = (after != images).any(dim=(1, 2, 3))
    topological, trivial = (changed & (labels == label) for label in (1, 0))
    # A is left of B in both, as at the walls of a domain; from end to end in topological chains only.
    assert (b > a)[changed].float().mean() > 0.95
    assert (b - a)[topological].median() > M / 2 > 2 * (b - a)[trivial].median()
    # Nearly as many of either phase, though chains are short.
    assert topological.sum() > 0.85 * (labels == 1).sum()
    assert trivial.sum() > 0.7 * (labels == 0).sum()
    peaks = after[topological, 0, 0::2, M - 1].argmax(dim=1)
    assert 0.1 < (peaks > 0).float().mean() < 0.9


def test_zero_modes_of_even_steps_are_those_of_clean_chains(batch):
    ratio = batch["parameters"]["ratio"]
    topological = (batch["label"] == 1) & (ratio < 0.6) & (ratio > 0.2)
    ratio = ratio[topological]
    pairs, _ = zero_modes(ratio.log().unsqueeze(1).expand(-1, M), torch.zeros(len(ratio), M - 1))
    own = batch["input"][topological, 0, :, M - 1]
    torch.testing.assert_close(pairs, own, atol=2e-3, rtol=0)
