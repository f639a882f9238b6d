"""Oracles: dense diagonalisation, pythtb, and closed forms of clean chains."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from threadpoolctl import threadpool_info, threadpool_limits

from sshml.physics import (
    chiral_blocks,
    density_profiles,
    energies,
    profile_maxima,
    sample_hoppings,
)


def hamiltonian(intracell, intercell):
    """One open chain: bond j joins sites j and j + 1, t1 where j is even."""
    bonds = np.empty(2 * len(intracell) - 1)
    bonds[0::2], bonds[1::2] = intracell, intercell[: len(intracell) - 1]
    return np.diag(bonds, 1) + np.diag(bonds, -1)


def clean(t1, M, t2=1.0):
    return np.full((1, M), float(t1)), np.full((1, M - 1), float(t2))


def disordered(n, M, W=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return sample_hoppings(rng.uniform(0.2, 2, n), W, M, rng=rng)


@st.composite
def chains(draw, bond):
    """Bonds (n, M) and (n, M - 1) or (n, M)."""
    n, M = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    closing = draw(st.integers(0, 1))
    return draw(arrays(float, (n, M), elements=bond)), draw(
        arrays(float, (n, M - 1 + closing), elements=bond)
    )


@settings(deadline=None, max_examples=100)
@given(chains(st.floats(-3, 3)))
def test_images_are_doubly_stochastic_and_mirror_symmetric(bonds):
    # Also where states are degenerate: zero bonds, or all bonds equal in size.
    images = density_profiles(*bonds, dtype=np.float64)
    n, M = bonds[0].shape
    assert images.shape == (n, 2 * M, 2 * M)
    assert (images >= 0).all()
    # States may be off by 1e-9, and their sum over a row by a few times that.
    np.testing.assert_allclose(images.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(images.sum(axis=2), 1, atol=1e-8)
    assert np.array_equal(images, images[:, :, ::-1])
    np.testing.assert_allclose(images[:, 0::2].sum(axis=1), 0.5, atol=1e-8)


@settings(deadline=None, max_examples=100)
@given(chains(st.integers(-3000, 3000).map(lambda bond: bond / 1000)))
def test_energies_are_the_eigenvalues(bonds):
    # Bonds of 1e-144 beside 1 would be no fair trial: eigvalsh squares them, and is then off by 1e-7.
    spectra = energies(*bonds)
    for spectrum, intracell, intercell in zip(spectra, *bonds, strict=True):
        expected = np.linalg.eigvalsh(hamiltonian(intracell, intercell))
        np.testing.assert_allclose(spectrum, expected, atol=1e-12)
    assert np.array_equal(spectra, -spectra[:, ::-1])


@settings(deadline=None, max_examples=100)
@given(chains(st.floats(0.2, 2)))
def test_densities_are_those_of_the_eigenvectors(bonds):
    images = density_profiles(*bonds, dtype=np.float64)
    for image, intracell, intercell in zip(images, *bonds, strict=True):
        values, states = np.linalg.eigh(hamiltonian(intracell, intercell))
        assume(np.diff(values).min() > 1e-4)  # else the states are not unique
        np.testing.assert_allclose(image, states**2, atol=1e-9)


def test_block_is_the_hamiltonian_between_the_sublattices():
    intracell, intercell = disordered(3, 5)
    for block, *bonds in zip(chiral_blocks(intracell, intercell), intracell, intercell, strict=True):
        assert np.array_equal(block, hamiltonian(*bonds)[0::2, 1::2])


def test_clean_chain_agrees_with_pythtb():
    pythtb = pytest.importorskip("pythtb")
    bulk = pythtb.tb_model(1, 1, [[1.0]], [[0.0], [0.5]])
    bulk.set_hop(0.8, 0, 1, [0])
    bulk.set_hop(1.0, 1, 0, [1])
    values, states = bulk.cut_piece(30, 0).solve_all(eig_vectors=True)
    np.testing.assert_allclose(energies(*clean(0.8, 30))[0], values, atol=1e-12)
    image = density_profiles(*clean(0.8, 30), dtype=np.float64)[0]
    np.testing.assert_allclose(image, np.abs(states.T) ** 2, atol=1e-9)


def test_given_bonds_agree_with_pythtb():
    pythtb = pytest.importorskip("pythtb")
    M = 12
    intracell, intercell = disordered(1, M, W=0.7, seed=3)
    chain = pythtb.tb_model(0, 1, [[1.0]], [[site / 2] for site in range(2 * M)])
    for m in range(M):
        chain.set_hop(intracell[0, m], 2 * m, 2 * m + 1)
        if m < M - 1:
            chain.set_hop(intercell[0, m], 2 * m + 1, 2 * m + 2)
    values, states = chain.solve_all(eig_vectors=True)
    np.testing.assert_allclose(energies(intracell, intercell)[0], values, atol=1e-12)
    image = density_profiles(intracell, intercell, dtype=np.float64)[0]
    np.testing.assert_allclose(image, np.abs(states.T) ** 2, atol=1e-9)


@pytest.mark.parametrize("M", [1, 2, 30, 122])
def test_uniform_chain_is_a_particle_in_a_box(M):
    N = 2 * M
    k = np.arange(1, N + 1)
    np.testing.assert_allclose(energies(*clean(1, M))[0], -2 * np.cos(np.pi * k / (N + 1)), atol=1e-12)
    box = 2 / (N + 1) * np.sin(np.pi * np.outer(k, k) / (N + 1)) ** 2
    image = density_profiles(*clean(1, M), dtype=np.float64)[0]
    np.testing.assert_allclose(image, box, atol=1e-11)


@pytest.mark.parametrize("t1", [0.3, 1.0, 1.9])
def test_one_and_two_cells(t1):
    assert np.array_equal(density_profiles(*clean(t1, 1)), np.full((1, 2, 2), 0.5))
    np.testing.assert_allclose(energies(*clean(t1, 1)), [[-t1, t1]])
    root = np.sqrt(0.25 + t1**2)
    np.testing.assert_allclose(
        energies(*clean(t1, 2)), [[-root - 0.5, 0.5 - root, root - 0.5, root + 0.5]]
    )


@pytest.mark.parametrize("M", [30, 122])
@pytest.mark.parametrize(("offset", "n_edge"), [(-0.1, 2), (-1e-6, 2), (1e-6, 0), (0.7, 0)])
def test_edge_pair_exists_below_m_over_m_plus_1(M, offset, n_edge):
    t1 = M / (M + 1) + offset
    assert np.sum(np.abs(energies(*clean(t1, M))) < abs(1 - t1)) == n_edge


@pytest.mark.parametrize(("t1", "t2", "M"), [(0.8, 1, 30), (0.5, 1, 20), (0.6, 1.2, 20), (0.9, 1, 60)])
def test_splitting_of_the_edge_pair(t1, t2, M):
    splitting = energies(*clean(t1, M, t2))[0, M]
    assert splitting == pytest.approx((t2 - t1**2 / t2) * (t1 / t2) ** M, rel=1e-3)


def test_splitting_at_the_value_of_the_table():
    assert energies(*clean(0.8, 30))[0, 30] == pytest.approx(4.457e-4, abs=5e-8)


@pytest.mark.parametrize(("t1", "M"), [(0.01, 10), (0.3, 30), (0.3, 122)])
def test_edge_pair_sits_on_the_ends(t1, M):
    # The zero mode falls off as (-t1/t2)^m, so an end carries 1/2 (1 - (t1/t2)²), with t1 << t2 1/2.
    # At M = 122 the pair is degenerate in float64: only the chiral gauge gives this image.
    image = density_profiles(*clean(t1, M), dtype=np.float64)[0]
    ends = image[[0, -1]][:, [M - 1, M]]
    np.testing.assert_allclose(ends, (1 - t1**2) / 2, atol=1e-9)
    assert np.delete(image[[0, -1]], [M - 1, M], axis=1).max() < 2 / M


@pytest.mark.parametrize("M", [30, 122])
def test_brightest_pixel_of_a_clean_bulk_is_one_over_m(M):
    assert density_profiles(*clean(1.8, M)).max() == pytest.approx(1 / M, rel=0.05)


@pytest.mark.parametrize("M", [5, 30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_the_other_chains(M, dtype):
    intracell, intercell = disordered(70, M)  # more than two of the internal batches
    together = density_profiles(intracell, intercell, dtype=dtype)
    for i in (0, 31, 32, 63, 64, 69):
        alone = density_profiles(intracell[[i]], intercell[[i]], dtype=dtype)
        assert np.array_equal(together[[i]], alone)
    assert np.array_equal(density_profiles(intracell[::-1], intercell[::-1], dtype), together[::-1])


def test_bits_do_not_depend_on_blas_threads():
    bonds = disordered(2, 122)
    images = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            images.append(density_profiles(*bonds, dtype=np.float64))
    assert np.array_equal(*images)


def test_bits_do_not_depend_on_python_threads():
    # The number of BLAS threads is the process's: whoever set it, and whoever computes at the same
    # time, an image is computed with one, and the caller's number is there again afterwards.
    intracell, intercell = disordered(8, 122)
    expected = density_profiles(intracell, intercell, dtype=np.float64)
    with threadpool_limits(2, user_api="blas"):
        before = threadpool_info()
        with ThreadPoolExecutor(4) as pool:
            one_by_one = pool.map(
                lambda i: density_profiles(intracell[[i]], intercell[[i]], dtype=np.float64), range(8)
            )
            assert np.array_equal(np.concatenate(list(one_by_one)), expected)
        assert threadpool_info() == before


def test_dtype_rounds_and_does_not_change_the_computation():
    bonds = disordered(3, 6)
    single, double = (density_profiles(*bonds, dtype=dtype) for dtype in (np.float32, np.float64))
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert density_profiles(*bonds).dtype == np.float32
    assert np.array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize("M", [1, 2, 7])
def test_bond_that_closes_the_ring_is_not_used(M):
    intracell, intercell = disordered(2, M)
    for function in (density_profiles, energies, chiral_blocks):
        closed = function(intracell, intercell)
        assert np.array_equal(closed, function(intracell, intercell[:, :-1]))


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize("function", [density_profiles, energies, chiral_blocks])
@pytest.mark.parametrize(
    ("intracell", "intercell"),
    [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (2, 4)), ((2, 3), (1, 3)), ((), ())],
)
def test_wrong_shapes(function, intracell, intercell):
    with pytest.raises(ValueError, match=r"shape \(n, M\) and intercell \(n, M\) or \(n, M - 1\)"):
        function(np.ones(intracell), np.ones(intercell))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 1])
def test_hoppings_must_be_finite(value, where):
    bonds = clean(0.5, 4)
    bonds[where][0, 1] = value
    with pytest.raises(ValueError, match=f"{('intracell', 'intercell')[where]} must be finite, got"):
        density_profiles(*bonds)


def test_maxima_keep_the_brightest_site_of_every_state():
    image = np.array([[0.1, 0.6], [0.9, 0.4]])
    expected = np.array([[0.0, 0.6], [0.9, 0.0]])
    assert np.array_equal(profile_maxima(image), expected)
    assert np.array_equal(profile_maxima(np.stack([image] * 3)), np.stack([expected] * 3))


def test_maxima_of_disordered_chains_are_one_site_a_state():
    images = density_profiles(*disordered(2, 9))
    maxima = profile_maxima(images)
    assert maxima.shape == images.shape
    assert ((maxima > 0).sum(axis=1) == 1).all()
    assert np.array_equal(maxima.max(axis=1), images.max(axis=1))
