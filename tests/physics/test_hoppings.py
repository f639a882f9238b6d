"""The oracle is the table of the three conventions, thesis Eq. 6 first."""

import numpy as np
import pytest

from sshml.physics import DISORDER_CONVENTIONS, disordered_hoppings, sample_hoppings

# (width of the intracell bonds, width of the intercell bonds) at t2 = 1; the means are t1 and 1.
WIDTHS = {
    "thesis": lambda t1, W: (t1 * W / 2, W),
    "additive": lambda _t1, W: (W / 2, W),
    "mondragon_shem": lambda _t1, W: (W, W / 2),
}
CONVENTIONS = list(WIDTHS)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_conventions_are_the_three_of_the_table():
    assert set(DISORDER_CONVENTIONS) == set(WIDTHS)


@pytest.mark.parametrize("t1", [0.4, 1.7])
@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_given_numbers_land_on_the_bonds_as_the_table_says(disorder, t1):
    W, omega = 0.6, np.array([[-0.5, 0.0, 0.25, 0.5]])
    intracell, intercell = disordered_hoppings(t1, W, omega, omega[:, ::-1], disorder=disorder)
    intracell_width, intercell_width = WIDTHS[disorder](t1, W)
    np.testing.assert_allclose(intracell, t1 + intracell_width * omega, rtol=1e-15)
    np.testing.assert_allclose(intercell, 1 + intercell_width * omega[:, ::-1], rtol=1e-15)


@pytest.mark.parametrize("t1", [0.4, 1.7])
@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_sampled_bonds_are_uniform_within_the_bounds(disorder, t1):
    W, n = 0.8, 100_000
    bonds = sample_hoppings(np.full(n // 100, t1), W, 100, disorder=disorder, rng=rng())
    for values, mean, width in zip(bonds, (t1, 1), WIDTHS[disorder](t1, W), strict=True):
        omega = (values.ravel() - mean) / width
        assert -0.5 - 1e-12 <= omega.min() < -0.4999
        assert 0.4999 < omega.max() <= 0.5 + 1e-12
        assert abs(omega.mean()) < 5 / np.sqrt(12 * n)
        # var(omega²) = 1/180
        assert abs((omega**2).mean() - 1 / 12) < 5 / np.sqrt(180 * n)


@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_all_bonds_are_independent(disorder):
    intracell, intercell = sample_hoppings(np.full(500, 0.9), 1.0, 20, disorder=disorder, rng=rng(1))
    correlations = np.corrcoef(np.hstack([intracell, intercell]), rowvar=False)
    assert np.abs(correlations - np.eye(40)).max() < 5.5 / np.sqrt(500)


def test_thesis_is_the_default_and_multiplicative():
    t1 = np.array([0.0, 0.5, 1.0, 2.0])
    intracell, _ = sample_hoppings(t1, 1.5, 7, rng=rng(2))
    named, _ = sample_hoppings(t1, 1.5, 7, disorder="thesis", rng=rng(2))
    assert np.array_equal(intracell, named)
    omega = (rng(3).random((1, 7)) - 0.5).repeat(4, axis=0)
    intracell, intercell = disordered_hoppings(t1, 1.5, omega, omega)
    np.testing.assert_allclose(intracell, t1[:, None] * intracell[2], rtol=1e-15)
    assert (intercell == intercell[0]).all()


@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_no_disorder_is_exactly_clean(disorder):
    t1 = np.linspace(0, 2, 11)
    intracell, intercell = sample_hoppings(t1, 0.0, 5, disorder=disorder, rng=rng())
    assert np.array_equal(intracell, np.repeat(t1[:, None], 5, axis=1))
    assert (intercell == 1).all()


@pytest.mark.parametrize(
    ("t1", "W", "n"),
    [
        (0.5, 0.2, 1),
        ([0.5], 0.2, 1),
        ([0.5, 0.6, 0.7], 0.2, 3),
        (0.5, [0.1, 0.2, 0.3, 0.4], 4),
        (np.array([0.5, 0.6]), np.array([0.0, 1.0]), 2),
    ],
)
@pytest.mark.parametrize("n_cells", [1, 6])
def test_shapes(t1, W, n, n_cells):
    for bonds in sample_hoppings(t1, W, n_cells, rng=rng()):
        assert bonds.shape == (n, n_cells)
        assert bonds.dtype == np.float64


@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_every_chain_has_its_own_parameters(disorder):
    t1, W = np.array([0.3, 0.3, 1.4]), np.array([0.0, 1.0, 1.0])
    omega, omega_ = rng(4).random((2, 3, 8)) - 0.5
    together = disordered_hoppings(t1, W, omega, omega_, disorder=disorder)
    for i in range(3):
        one = slice(i, i + 1)
        alone = disordered_hoppings(t1[i], W[i], omega[one], omega_[one], disorder=disorder)
        assert np.array_equal(together[0][one], alone[0])
        assert np.array_equal(together[1][one], alone[1])
    assert (together[0][0] == 0.3).all()


def test_a_seed_reproduces_and_seeds_differ():
    first, again, other = (sample_hoppings(0.5, 1.0, 9, rng=rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("W", [0.0, 1.0])
@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_exactly_two_numbers_a_cell_are_drawn(disorder, W):
    # Whatever the parameters, so that a stream stays aligned when only they change.
    used, reference = rng(7), rng(7)
    sample_hoppings(np.ones(3), W, 4, disorder=disorder, rng=used)
    reference.random(2 * 3 * 4)
    assert used.random() == reference.random()


@pytest.mark.parametrize("W", [-0.1, np.nan, np.inf, -np.inf, [0.5, -1.0], [0.5, np.nan]])
def test_bad_disorder_strength(W):
    with pytest.raises(ValueError, match=r"W must be (finite|>= 0), got"):
        sample_hoppings([0.5, 0.6], W, 3, rng=rng())
    with pytest.raises(ValueError, match=r"W must be (finite|>= 0), got"):
        disordered_hoppings([0.5, 0.6], W, np.zeros((2, 3)), np.zeros((2, 3)))


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize("n_cells", [0, -3, 2.5, np.nan, "3", None])
def test_bad_number_of_cells(n_cells):
    with pytest.raises(ValueError, match=f"n_cells must be an integer >= 1, got {n_cells!r}"):
        sample_hoppings(0.5, 0.1, n_cells, rng=rng())


@pytest.mark.usefixtures("_unchecked")
def test_unknown_convention_names_the_known_ones():
    with pytest.raises(ValueError, match=r"thesis.*additive.*mondragon_shem.*got 'anderson'"):
        sample_hoppings(0.5, 0.1, 3, disorder="anderson", rng=rng())
