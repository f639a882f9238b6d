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
)


def ensemble(W, n, seed, M=30):
    rng = np.random.default_rng(seed)
    t1 = 2 * (np.arange(n) + rng.random()) / n
    return density_profiles(*sample_hoppings(t1, W, M, rng=rng)), (t1 < 1).astype(int)


# Accuracy in % at M = 30, threshold fitted at W = 0, 20 000 chains a point.
@pytest.mark.parametrize(
    ("detector", "expected"),
    [
        (brightest_pixel, {0: 100, 0.25: 50, 0.5: 50, 0.75: 50}),
        (edge_weight, {0: 100, 0.25: 99.1, 0.5: 97.4, 0.75: 94.4}),
    ],
)
def test_accuracy_of_the_detectors(detector, expected):
    images, labels = ensemble(0, 2000, 0)
    threshold = best_threshold(detector(images), labels)
    for W, accuracy in expected.items():
        images, labels = ensemble(W, 2000, 1)
        measured = 100 * np.mean((detector(images) > threshold) == labels)
        sigma = 100 * np.sqrt(0.97 * 0.03 / 2000)
        assert measured == pytest.approx(accuracy, abs=3.5 * sigma)


def test_edge_weight_of_dimers_and_of_their_ends():
    # At t1 << t2 an edge state of the chiral gauge has half of its weight on either end.
    images = density_profiles(np.full((1, 6), 1e-3), np.ones((1, 6)), np.float64)
    assert edge_weight(images)[0] == pytest.approx(1, abs=1e-5)


def test_participation_of_one_site_and_of_all():
    image = np.array([[1, 0.25], [0, 0.25], [0, 0.25], [0, 0.25]])
    np.testing.assert_allclose(inverse_participation_ratio(image), [1, 0.25])


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=1, max_size=12))
def test_threshold_is_the_best_there_is(samples):
    values, labels = np.array(samples, dtype=float).T
    found = best_threshold(values, labels)
    accuracy = np.mean((values > found) == labels)
    assert accuracy == max(np.mean((values > t) == labels) for t in (-1, *np.unique(values)))
