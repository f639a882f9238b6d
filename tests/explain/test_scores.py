"""Scores of maps that are known, on regions that are known."""

import pytest
import torch

from sshml.data.datamodule import SSHDataModule
from sshml.data.representations.states import edge_pair, localised_states
from sshml.data.streams import Split
from sshml.explain.counterfactuals import (
    erased_edge_pair,
    erased_localised_pair,
    pasted_localised_states,
    swapped_mid_gap_pair,
)
from sshml.explain.scores import score

M = 8


@pytest.fixture(scope="module")
def clean():
    data = SSHDataModule(n_cells=M, n_train=40, ratio_range=(0.1, 0.3))
    return data.dataset(Split.TRAIN).__getitems__(range(40))["input"]


@pytest.fixture(scope="module")
def disordered():
    data = SSHDataModule(n_cells=M, n_train=40, W=1.5, ratio_range=(1.2, 2.0))
    return data.dataset(Split.TRAIN).__getitems__(range(40))["input"]


def test_the_edge_pair_of_short_localisation_lengths_lies_on_the_end_sites(clean):
    pixels = edge_pair(clean[:, 0])
    # At t1/t2 < 0.3 the weight falls below a tenth within one cell of one sublattice.
    expected = torch.zeros(2 * M, 2 * M, dtype=torch.bool)
    expected[[0, -1], M - 1 : M + 1] = True
    assert torch.equal(pixels, expected.expand(40, -1, -1))


def test_localised_states_are_the_ones_with_the_most_concentrated_density(disordered):
    profiles = disordered[:, 0]
    pixels = localised_states(profiles, pairs=2)
    columns = pixels.any(dim=1)
    assert torch.equal(columns, columns.flip(-1))
    assert (columns.sum(dim=1) == 4).all()
    assert not columns[:, M - 1 : M + 1].any()
    peak = (profiles**2).sum(dim=1)
    peak[:, M - 1 : M + 1] = 0
    for chosen, ratios in zip(columns, peak, strict=True):
        assert ratios[chosen].min() >= ratios[~chosen].max()


def test_maps_that_show_the_region_and_nothing_else_score_full_marks():
    region = torch.zeros(2, 16, 16, dtype=torch.bool)
    region[:, :4, 4:8] = True  # one cell of a 4×4 map
    maps = -torch.ones(2, 4, 4)
    maps[0, 0, 1], maps[1, 3, 3] = 2.0, 2.0
    found = score(maps, region)
    assert found.area.tolist() == [1 / 16] * 2
    assert found.share.tolist() == found.pointing.tolist() == found.overlap.tolist() == [1, 0]


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_maps_of_noise_score_as_chance(rows):
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(60_000, 7, 7, generator=generator)
    region = torch.zeros(60_000, 7, 7, dtype=torch.bool)
    region[:, :rows, 2] = True
    found = score(maps, region)
    assert found.share.mean() == pytest.approx(rows / 49, abs=0.003)
    assert found.pointing.mean() == pytest.approx(rows / 49, abs=0.005)
    # Of the mean overlap, not the overlap of the mean: of one cell 1/49, not 1/97.
    assert found.overlap.mean() == pytest.approx(float(found.chance_overlap[0]), abs=0.002)
    if rows == 1:
        assert float(found.chance_overlap[0]) == pytest.approx(1 / 49)


def test_a_map_without_a_positive_value_points_nowhere():
    found = score(-torch.ones(1, 4, 4), torch.ones(1, 8, 8, dtype=torch.bool))
    assert found.share.isnan().all()
    assert found.pointing.isnan().all()


def test_counterfactuals_change_the_columns_they_say(clean, disordered):
    middle = slice(M - 1, M + 1)
    others = [c for c in range(2 * M) if c not in (M - 1, M)]
    erased = erased_edge_pair(clean)
    assert torch.equal(erased[..., others], clean[..., others])
    assert (erased[..., middle] == 1 / (2 * M)).all()
    control = erased_localised_pair(disordered)
    columns = localised_states(disordered[:, 0], pairs=1).any(dim=1)
    assert torch.equal((control != disordered).any(dim=2)[:, 0], columns)
    assert (control.transpose(2, 3)[:, 0][columns] == 1 / (2 * M)).all()
    swapped = swapped_mid_gap_pair(clean, disordered)
    assert torch.equal(swapped[..., others], clean[..., others])
    assert torch.equal(swapped[..., middle], disordered[..., middle])
    pasted = pasted_localised_states(clean, disordered, pairs=2)
    changed = (pasted != clean).any(dim=2)[:, 0]
    assert torch.equal(changed, localised_states(disordered[:, 0], 2).any(dim=1))
    torch.testing.assert_close(pasted.sum(dim=2), torch.ones(40, 1, 2 * M))
