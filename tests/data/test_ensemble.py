"""Which chain is sample i: reproducible, never shared, as the thesis has it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sshml.data.ensemble import Chains, Ensemble
from sshml.data.streams import Purpose, Split, Streams
from sshml.physics import critical_ratio, sample_invariant

SIZES = {Split.TRAIN: 40, Split.VAL: 12, Split.TEST: 20}


def make(**settings: object) -> Ensemble:
    return Ensemble(SIZES, **{"n_cells": 6, "W": 0.5, **settings})


def everything(ensemble: Ensemble, split: Split) -> Chains:
    return ensemble.chains(split, np.arange(ensemble.sizes[split]))


def test_a_sample_does_not_depend_on_the_order_of_access() -> None:
    whole = everything(make(), Split.TRAIN)
    some = make().chains(Split.TRAIN, [17, 3, 39])
    for name in ("ratio", "W"):
        assert_array_equal(getattr(some, name), getattr(whole, name)[[17, 3, 39]])
    for name, bonds in whole.couplings.items():
        assert_array_equal(some.couplings[name], bonds[[17, 3, 39]])


@pytest.mark.parametrize("W", [0.0, 0.5])
def test_splits_never_share_a_sample(W: float) -> None:
    # Without disorder a chain is its t1 alone, so the grids of the splits have to differ too.
    sizes = {Split.TRAIN: 10_000, Split.VAL: 4_000, Split.TEST: 6_000}
    for seed in range(3):
        ensemble = Ensemble(sizes, n_cells=2, W=W, seed=seed)
        t1 = np.concatenate([everything(ensemble, split).ratio for split in Split])
        assert len(np.unique(t1)) == len(t1)
        assert np.diff(np.sort(t1)).min() > 1e-12


def test_seeds_and_splits_give_different_chains() -> None:
    chains = [everything(make(seed=s), split) for s in (0, 1) for split in Split]
    bonds = np.concatenate([c.couplings["intracell"] for c in chains])
    assert len(np.unique(bonds)) == bonds.size


def test_streams_are_philox_with_the_names_as_its_counter() -> None:
    key = np.random.SeedSequence(5).generate_state(2, np.uint64)
    philox = np.random.Philox(key=key, counter=[0, 7, 3, 4 * Split.TEST + Purpose.SAMPLE])
    expected = np.random.Generator(philox).random(9)
    assert_array_equal(Streams(5).sample_uniforms(Split.TEST, 3, np.array([7]), 9)[0], expected)
    assert_array_equal(Streams(5).generator(Split.TEST, Purpose.SAMPLE, 3, 7).random(9), expected)


@pytest.mark.parametrize("n", [1, 3, 4, 62])
@pytest.mark.parametrize("epoch", [0, 7])
def test_many_samples_have_the_numbers_of_numpys_generator(n: int, epoch: int) -> None:
    streams, index = Streams(12345678901), np.array([0, 1, 9999, 2**40])
    for split in Split:
        numbers = streams.sample_uniforms(split, epoch, index, n)
        for row, i in zip(numbers, index, strict=True):
            one = streams.generator(split, Purpose.SAMPLE, epoch, int(i))
            assert_array_equal(row, one.random(n))


def test_the_even_grid_is_even_shuffled_and_off_the_critical_point() -> None:
    t1 = everything(make(), Split.TRAIN).ratio
    assert_allclose(np.diff(np.sort(t1)), 2 / len(t1), rtol=1e-9)
    assert t1.min() > 0
    assert t1.max() < 2
    assert not (t1 == 1).any()
    assert (np.diff(t1) < 0).any()


def test_uniform_ratios_stay_in_their_range() -> None:
    t1 = everything(make(ratio_grid="uniform", ratio_range=(0.5, 0.7)), Split.TRAIN).ratio
    assert t1.min() >= 0.5
    assert t1.max() < 0.7
    assert np.diff(np.sort(t1)).std() > 1e-4


def test_labels_of_each_kind() -> None:
    ensemble = Ensemble({Split.TRAIN: 2000}, n_cells=6, W=2.0, disorder="mondragon_shem")
    chains = everything(ensemble, Split.TRAIN)
    assert_array_equal(chains.labels["ratio"], chains.ratio < 1)
    assert_array_equal(chains.labels["sample"], sample_invariant(*chains.couplings.values()))
    assert_array_equal(
        chains.labels["thermodynamic"], chains.ratio < critical_ratio(2.0, "mondragon_shem")
    )
    kinds = list(chains.labels.values())
    assert all((a != b).any() for i, a in enumerate(kinds) for b in kinds[:i])


def test_frozen_disorder_is_one_realisation_for_all_splits() -> None:
    ensemble = make(realisations="frozen")
    noise = [
        (chains.couplings["intracell"] / chains.ratio[:, None], chains.couplings["intercell"])
        for chains in (everything(ensemble, split) for split in Split)
    ]
    for intracell, intercell in noise:
        assert_allclose(intracell, np.broadcast_to(noise[0][0][0], intracell.shape))
        assert_array_equal(intercell, np.broadcast_to(noise[0][1][0], intercell.shape))
    assert not np.allclose(
        noise[0][0][0],
        everything(make(realisations="frozen", seed=1), Split.TRAIN).couplings["intracell"][0],
    )


def test_each_epoch_of_a_resampled_training_set_is_new() -> None:
    ensemble = make(resample="epoch")
    first, second = (ensemble.chains(Split.TRAIN, ensemble.order(epoch)) for epoch in (0, 1))
    assert not np.isin(first.couplings["intracell"], second.couplings["intracell"]).any()
    assert not np.isin(first.ratio, second.ratio).any()
    # Its first epoch is the fixed set.
    assert_array_equal(np.sort(first.ratio), np.sort(everything(make(), Split.TRAIN).ratio))


def test_every_epoch_visits_every_sample_once_in_another_order() -> None:
    orders = [make().order(epoch) for epoch in (0, 1)]
    assert (orders[0] != orders[1]).any()
    for order in orders:
        assert_array_equal(np.sort(order), np.arange(SIZES[Split.TRAIN]))


@pytest.mark.parametrize("index", [[-1], [40], [0, 99]])
def test_samples_outside_a_split_are_refused(index: list[int]) -> None:
    with pytest.raises(IndexError, match="0 to 39"):
        make().chains(Split.TRAIN, index)


def test_ratios_of_a_gap_are_left_out_of_training_only():
    sizes = {Split.TRAIN: 400, Split.VAL: 400, Split.TEST: 400}
    for grid in ("even", "uniform"):
        ensemble = Ensemble(sizes, n_cells=4, ratio_gap=(0.8, 1.2), ratio_grid=grid)
        for split in Split:
            t1 = ensemble.chains(split, range(400)).ratio
            inside = ((t1 > 0.8) & (t1 < 1.2)).mean()
            assert inside == (0 if split is not Split.TEST else pytest.approx(0.2, abs=0.07))
            assert t1.min() < 0.02
            assert t1.max() > 1.98
            labels = (t1 < 1).mean()
            assert labels == pytest.approx(0.5, abs=0.08)


def test_a_strength_given_twice_has_twice_the_chains():
    ensemble = Ensemble({Split.TRAIN: 300, Split.VAL: 1, Split.TEST: 1}, n_cells=4, W=[0, 0, 0.5])
    W = ensemble.chains(Split.TRAIN, range(300)).W
    assert np.bincount((W == 0.5).astype(int)).tolist() == [200, 100]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"realisations": "Frozen"}, "realisations=Frozen: expected one of fresh, frozen"),
        ({"ratio_grid": "x"}, "ratio_grid=x: expected one of even, uniform"),
        ({"resample": True}, "resample=True: expected one of never, epoch"),
        ({"ratio_range": (2, 0)}, "expected 0 <= low < high"),
        ({"ratio_range": (-2, 2)}, "expected 0 <= low < high"),
    ],
)
@pytest.mark.usefixtures("_unchecked")
def test_a_choice_that_there_is_not_is_refused(wrong: dict[str, object], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        make(**wrong)
