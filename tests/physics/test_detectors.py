"""The one-number detectors against the figures that an independent Monte Carlo gave (see each test)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshml.physics import (
    best_threshold,
    brightest_pixel,
    density_profiles,
    edge_weight,
    inverse_participation_ratio,
    sample_hoppings,
    sample_invariant,
    sublattice_separation,
)


def ensemble(W, n, seed, M=30):
    rng = np.random.default_rng(seed)
    t1 = 2 * (np.arange(n) + rng.random()) / n
    bonds = sample_hoppings(t1, W, M, rng=rng)
    return density_profiles(*bonds), (t1 < 1).astype(int), sample_invariant(*bonds)


# Accuracy in % at M = 30, threshold fitted at W = 0, 20 000 chains a point.
@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        (brightest_pixel, {0: 100, 0.25: 50, 0.5: 50, 0.75: 50}),
        (edge_weight, {0: 100, 0.25: 99.1, 0.5: 97.4, 0.75: 94.4}),
        (sublattice_separation, {0: 100, 0.5: 98.7}),
    ],
)
def test_accuracy_of_the_detectors(detector, expected):
    images, labels, _ = ensemble(0, 2000, 0)
    threshold = best_threshold(detector(images), labels)
    for W, accuracy in expected.items():
        images, labels, _ = ensemble(W, 2000, 1)
        measured = 100 * np.mean((detector(images) > threshold) == labels)
        sigma = 100 * np.sqrt(0.97 * 0.03 / 2000)
        assert measured == pytest.approx(accuracy, abs=3.5 * sigma)


def test_edge_weight_of_dimers_and_of_their_ends():
    # At t1 << t2 an edge state of the chiral gauge has half of its weight on either end.
    images = density_profiles(np.full((1, 6), 1e-3), np.ones((1, 6)), np.float64)
    assert edge_weight(images)[0] == pytest.approx(1, abs=1e-5)


# The same against the exact invariant of each chain.
@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        (edge_weight, {0.5: 98.0, 0.75: 95.1, 1: 93.3}),
        (sublattice_separation, {0.5: 99.6, 0.75: 99.2, 1: 98.8}),
    ],
)
def test_agreement_of_the_detectors_with_the_invariant(detector, expected):
    images, labels, _ = ensemble(0, 2000, 0)
    threshold = best_threshold(detector(images), labels)
    for W, accuracy in expected.items():
        images, _, invariant = ensemble(W, 2000, 1)
        measured = 100 * np.mean((detector(images) > threshold) == invariant)
        sigma = np.sqrt(accuracy * (100 - accuracy) / 2000)
        # The threshold of one training set moves it, too.
        assert measured == pytest.approx(accuracy, abs=4 * sigma + 0.2)


def separation_by_hand(intracell, intercell):
    """The definition, of the two middle states of the dense Hamiltonian."""
    M = len(intracell)
    H = np.zeros((2 * M, 2 * M))
    for m in range(M):
        H[2 * m, 2 * m + 1] = H[2 * m + 1, 2 * m] = intracell[m]
    for m in range(M - 1):
        H[2 * m + 1, 2 * m + 2] = H[2 * m + 2, 2 * m + 1] = intercell[m]
    _, states = np.linalg.eigh(H)
    density = (states[:, M - 1 : M + 1] ** 2).sum(axis=1)
    mean = {
        name: sum(m * density[2 * m + site] for m in range(M))
        / sum(density[2 * m + site] for m in range(M))
        for name, site in (("A", 0), ("B", 1))
    }
    return 2 * (mean["B"] - mean["A"]) / M


@pytest.mark.parametrize("M", [1, 2, 7, 20])
def test_separation_is_that_of_dense_diagonalisation(M):
    t1 = np.array([0.2, 0.6, 0.95, 1.05, 1.6])
    intracell, intercell = sample_hoppings(t1, 1.0, M, rng=np.random.default_rng(4))
    found = sublattice_separation(density_profiles(intracell, intercell, np.float64))
    expected = [separation_by_hand(*bonds) for bonds in zip(intracell, intercell, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("t1", [0.0, 0.1, 0.4, -0.4])
def test_separation_of_an_exponential_edge_state(t1):
    # |psi_A(m)|² falls as x^m from the left end, x = (t1 / t2)², and <m> is x / (1 - x); B mirrors it.
    M, x = 30, t1**2
    images = density_profiles(np.full((1, M), t1), np.ones((1, M)), np.float64)
    expected = 2 * (M - 1 - 2 * x / (1 - x)) / M
    assert sublattice_separation(images)[0] == pytest.approx(expected, abs=1e-7)


def pair(a, b):
    """A profile of six cells with the mid-gap pair on A of one cell and on B of another."""
    image = np.full((12, 12), 1 / 12)
    image[:, 5:7] = 0
    image[2 * a, 5:7] += 0.5
    image[2 * b + 1, 5:7] += 0.5
    return image


def test_separation_is_positive_with_a_on_the_left():
    found = sublattice_separation(np.stack([pair(0, 5), pair(5, 0), pair(3, 3), pair(1, 4)]))
    np.testing.assert_allclose(found, [10 / 6, -10 / 6, 0, 1], atol=1e-15)
    # Turning a chain round exchanges both the sides and the sublattices.
    np.testing.assert_allclose(sublattice_separation(pair(0, 5)[::-1]), 10 / 6)
    assert sublattice_separation(np.full((12, 12), 1 / 12)) == pytest.approx(0, abs=1e-15)


def test_separation_of_a_pair_that_is_given_one_state_an_end():
    # As a solver may return a degenerate pair: all of A in one column, all of B in the other.
    image = np.zeros((12, 12))
    image[0, 5] = image[11, 6] = 1
    assert sublattice_separation(image) == pytest.approx(10 / 6)


def test_separation_of_a_sublattice_without_weight():
    image = np.zeros((12, 12))
    assert sublattice_separation(image) == 0
    image[0, 5] = 1  # A in the first cell, 2.5 cells from the middle
    assert sublattice_separation(image) == pytest.approx(2 * 2.5 / 6)


def test_participation_of_one_site_and_of_all():
    image = np.array([[1, 0.25, 0.5, 0], [0, 0.25, 0.5, 0], [0, 0.25, 0, 0], [0, 0.25, 0, 1]])
    np.testing.assert_allclose(inverse_participation_ratio(image), [1, 0.25, 0.5, 1])


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=1, max_size=12))
def test_threshold_is_the_best_there_is(samples):
    values, labels = np.array(samples, dtype=float).T
    found = best_threshold(values, labels)
    accuracy = np.mean((values > found) == labels)
    assert accuracy == max(np.mean((values > t) == labels) for t in (-1, *np.unique(values)))
