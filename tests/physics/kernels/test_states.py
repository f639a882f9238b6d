"""The fast kernel against LAPACK, closed forms, and itself in other company."""

import numpy as np
import pytest

from sshml.physics import DISORDER_CONVENTIONS, chiral_blocks, sample_hoppings, solve_profiles
from sshml.physics.kernels.lanes import LANES


def profiles_by_svd(intracell, intercell):
    u, _, vt = np.linalg.svd(chiral_blocks(intracell, intercell))
    n, M, _ = u.shape
    images = np.empty((n, 2 * M, 2 * M))
    images[:, 0::2, :M], images[:, 1::2, :M] = u**2 / 2, vt.transpose(0, 2, 1) ** 2 / 2
    images[:, :, M:] = images[:, :, M - 1 :: -1]
    return images


@pytest.mark.parametrize("disorder", DISORDER_CONVENTIONS)
@pytest.mark.parametrize(
    ("M", "n"), [(2, 300), (3, 300), (7, 300), (LANES - 1, 64), (LANES + 1, 64), (30, 64), (122, 12)]
)
@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 1e-6), (np.float64, 1e-8)])
def test_pixels_are_those_of_the_svd(disorder, M, n, dtype, limit):
    rng = np.random.default_rng(M)
    t1, W = rng.uniform(0, 2, n), rng.choice([0, 0.1, 0.5, 1, 3, 6], n)
    t1[:3] = 1e-1, 1e-4, 1e-9
    bonds = sample_hoppings(t1, W, M, disorder=disorder, rng=rng)
    images, by_svd = solve_profiles(*bonds, dtype)
    np.testing.assert_allclose(images, profiles_by_svd(*bonds), atol=limit, rtol=0)
    assert by_svd.mean() < 0.3


def test_five_hundred_cells():
    rng = np.random.default_rng(0)
    bonds = sample_hoppings([0.02, 0.9, 1.4], [0.0, 0.5, 0.5], 500, rng=rng)
    images, by_svd = solve_profiles(*bonds)
    assert not by_svd[1:].any()
    np.testing.assert_allclose(images, profiles_by_svd(*bonds), atol=1e-6, rtol=0)


@pytest.mark.parametrize("M", [30, 122])
@pytest.mark.parametrize("W", [0.0, 0.25, 0.5, 0.75])
def test_the_chains_of_the_thesis_need_no_svd(M, W):
    rng = np.random.default_rng(1)
    _, by_svd = solve_profiles(*sample_hoppings(rng.uniform(0.01, 2, 200), W, M, rng=rng))
    assert by_svd.mean() <= 0.01


def test_zero_mode_of_a_long_chain_falls_off_as_the_ratio():
    # (t1/t2)^500 = 1e-349 is less than the least float64; the mode is (1 - r²) r^2m, half of it on A.
    M, r = 500, 0.2
    image, by_svd = solve_profiles(np.full((1, M), r), np.ones((1, M - 1)), np.float64)
    expected = (1 - r**2) * r ** (2 * np.arange(M)) / 2
    assert not by_svd[0]
    for column in (M - 1, M):
        np.testing.assert_allclose(image[0, 0::2, column], expected, atol=1e-15)
        np.testing.assert_allclose(image[0, 1::2, column], expected[::-1], atol=1e-15)


def test_zero_mode_of_a_disordered_chain_is_the_product_of_its_ratios():
    # psi_A(m + 1) = -(t1_m / t2_m) psi_A(m), and from the other end for B.
    M = 300
    rng = np.random.default_rng(3)
    t1, t2 = rng.uniform(0.1, 0.4, M), rng.uniform(0.5, 1.5, M - 1)
    image, by_svd = solve_profiles(t1[None], t2[None], np.float64)
    ratios = np.log(t1[:-1] / t2)
    left = np.exp(2 * np.cumsum([0, *ratios]))
    right = np.exp(2 * np.cumsum([0, *np.log(t1[:0:-1] / t2[::-1])]))[::-1]
    assert not by_svd[0]
    np.testing.assert_allclose(image[0, 0::2, M], left / left.sum() / 2, atol=1e-14)
    np.testing.assert_allclose(image[0, 1::2, M], right / right.sum() / 2, atol=1e-14)


@pytest.mark.parametrize(
    ("intracell", "intercell"),
    [
        ([0.5, 0.0, 0.7, 0.3], [1.0, 0.9, 1.1]),  # cut in two
        ([0.5, 0.6, 0.7, 0.3], [1.0, 0.0, 1.1]),
        ([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0]),  # dimers, all alike
        ([1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([1.0, 1e-80, 1.0, 1.0], [1.0, 1.0, 1.0]),
    ],
)
def test_chains_that_fall_apart_are_counted_and_left_to_the_svd(intracell, intercell):
    bonds = np.array([intracell]), np.array([intercell])
    images, by_svd = solve_profiles(*bonds, np.float64)
    assert by_svd[0]
    np.testing.assert_allclose(images, profiles_by_svd(*bonds), atol=1e-12)


def test_two_distant_zero_modes_are_left_to_the_svd():
    # Two topological stretches with a trivial one between: two pairs of energy almost 0.
    M = 90
    t1 = np.full((1, M), 0.2)
    t1[0, 30:60] = 5.0
    images, by_svd = solve_profiles(t1, np.ones((1, M - 1)))
    assert by_svd[0]
    np.testing.assert_allclose(images.sum(axis=2), 1, atol=1e-5)


def test_hoppings_of_any_size_and_sign():
    rng = np.random.default_rng(5)
    t1, t2 = rng.uniform(0.5, 1.5, (4, 20)), rng.uniform(0.5, 1.5, (4, 20))
    expected, _ = solve_profiles(t1, t2)
    for scale in (1e-200, 1e200, 2.0):
        images, by_svd = solve_profiles(scale * t1, scale * t2)
        assert not by_svd.any()
        np.testing.assert_allclose(images, expected, atol=1e-6)
    signs = rng.choice([-1, 1], t1.shape)
    assert np.array_equal(solve_profiles(signs * t1, t2)[0], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_threads_or_company(dtype):
    M, n = 30, 1300  # several shares of a thread, the last of them and its last block not full
    rng = np.random.default_rng(2)
    t1, W = rng.uniform(0, 2, n), rng.choice([0, 0.5, 3], n)
    intracell, intercell = sample_hoppings(t1, W, M, rng=rng)
    expected, by_svd = solve_profiles(intracell, intercell, dtype, threads=1)
    shared, _ = solve_profiles(intracell, intercell, dtype, threads=3)
    assert np.array_equal(shared, expected)
    for i in (0, 15, 16, 555, 1299):
        alone, fell_back = solve_profiles(intracell[[i]], intercell[[i]], dtype)
        assert np.array_equal(alone[0], expected[i])
        assert fell_back[0] == by_svd[i]


def test_other_dtypes():
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got float16"):
        solve_profiles([[0.5]], [[1.0]], np.float16)
