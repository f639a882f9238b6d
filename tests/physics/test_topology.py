"""Oracles: integrals, the definitions of the invariants, and the table of critical ratios."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import polar
from scipy.optimize import brentq

from sshml.physics import (
    band_gap,
    critical_ratio,
    lyapunov_exponent,
    sample_hoppings,
    sample_invariant,
    winding_number,
)
from sshml.physics.disorder import mean_log_hopping

CLEAN = [
    (0.0, 1.0),
    (0.3, 1.0),
    (0.95, 1.0),
    (1.05, 1.0),
    (2.0, 1.0),
    (1.0, 2.0),
    (-0.4, 1.0),
    (1.5, -1.0),
    (-1.5, 1.0),
    (0.5, -1.0),
]
CONVENTIONS = ["thesis", "additive", "mondragon_shem"]
TABLE_W = [0.25, 0.5, 0.75, 1, 2]
TABLE = {
    "thesis": [0.99804, 0.99203, 0.98160, 0.96598, 0.76980],
    "additive": [0.99804, 0.99207, 0.98182, 0.96672, 0.79382],
    "mondragon_shem": [1.00196, 1.00786, 1.01784, 1.03211, 1.14227],
}


def mean_log(t, W):
    """E ln|t + W omega| by quadrature, told where the integrand is singular."""
    singular = [-t / W] if abs(t) < W / 2 else None
    return quad(lambda w: np.log(abs(t + W * w)), -0.5, 0.5, points=singular, epsabs=1e-11)[0]


def lyapunov_by_quadrature(t1, W, disorder):
    if disorder == "thesis":
        return mean_log(1, W) - np.log(abs(t1)) - mean_log(1, W / 2)
    W1, W2 = (W / 2, W) if disorder == "additive" else (W, W / 2)
    return mean_log(1, W2) - mean_log(t1, W1)


# Clean chain


@pytest.mark.parametrize(("t1", "t2"), CLEAN)
def test_winding_number_is_the_winding_of_h(t1, t2):
    # Eq. 5: 1/(2 pi i) times the integral of d ln h; its sign is a convention.
    k = np.linspace(0, 2 * np.pi, 4096, endpoint=False)
    h = t1 + t2 * np.exp(-1j * k)
    integral = np.mean(-1j * t2 * np.exp(-1j * k) / h) / 1j
    assert winding_number(t1, t2) == pytest.approx(abs(integral), abs=1e-9)


@pytest.mark.parametrize(("t1", "t2"), CLEAN)
def test_band_gap_is_that_of_the_bands(t1, t2):
    k = np.linspace(-np.pi, np.pi, 2001)  # holds 0 and pi
    assert band_gap(t1, t2) == pytest.approx(2 * np.abs(t1 + t2 * np.exp(-1j * k)).min(), abs=1e-12)


def test_clean_functions_broadcast():
    t1 = np.linspace(0, 2, 5)
    assert winding_number(t1, 1).tolist() == [1, 1, 0, 0, 0]
    np.testing.assert_allclose(band_gap(t1, 1), [2, 1, 0, 1, 2])
    assert band_gap(t1[:, None], t1[:3]).shape == winding_number(t1[:, None], t1[:3]).shape == (5, 3)


# One disordered chain


def test_sample_invariant_is_the_winding_of_the_ring():
    # The definition: how often det h winds around 0 while a flux quantum threads the ring.
    M, n_flux = 6, 400
    rng = np.random.default_rng(0)
    intracell, intercell = sample_hoppings(rng.uniform(0.3, 2, 200), 3, M, rng=rng)
    distance = np.log(np.abs(intercell / intracell)).sum(axis=1)
    clear = np.abs(distance) > 0.1
    assert clear.sum() > 150
    flux = np.exp(1j * np.linspace(0, 2 * np.pi, n_flux + 1))
    for t1, t2 in zip(intracell[clear], intercell[clear], strict=True):
        h = np.zeros((n_flux + 1, M, M), dtype=complex)
        h[:] = np.diag(t1) + np.diag(t2[:-1], -1)
        h[:, 0, -1] = t2[-1] * flux
        determinant = np.linalg.det(h)
        turns = np.angle(determinant[1:] / determinant[:-1]).sum() / (2 * np.pi)
        assert sample_invariant(t1[None], t2[None])[0] == pytest.approx(abs(turns), abs=1e-9)


@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_sample_invariant_is_the_real_space_winding_number(disorder):
    # Tr{Q_BA [X, Q_AB]} per cell over the central half of the open chain.
    M = 160
    t1 = np.repeat([0.2, 0.4, 1.8, 2.5], 3)
    intracell, intercell = sample_hoppings(t1, 1.5, M, disorder=disorder, rng=np.random.default_rng(1))
    x, centre = np.arange(M), slice(M // 4, 3 * M // 4)
    winding = []
    for a, b in zip(intracell, intercell, strict=True):
        flattened, _ = polar(np.diag(a) + np.diag(b[:-1], -1))  # Q_AB of Q = sign(H)
        commutator = x[:, None] * flattened - flattened * x
        winding.append(abs(np.diag(flattened.T @ commutator)[centre].mean()))
    np.testing.assert_allclose(winding, sample_invariant(intracell, intercell), atol=0.02)
    assert set(np.round(winding)) == {0, 1}


def test_ring_closing_bond_counts():
    intracell = [[1.0, 1.0], [1.0, 1.0]]
    assert sample_invariant(intracell, [[0.5, 3.0], [0.5, 1.5]]).tolist() == [1, 0]
    assert sample_invariant(intracell, [[3.0, 0.5], [1.5, 0.5]]).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"equal shape \(n, M\), got \(2, 2\) and \(2, 1\)"):
        sample_invariant(intracell, [[0.5], [0.5]])


def test_sample_invariant_at_zero_negative_and_tiny_bonds():
    assert sample_invariant([[0.0, 9.0]], [[0.1, 0.1]]).tolist() == [1]
    assert sample_invariant([[0.1, 0.1]], [[0.0, 9.0]]).tolist() == [0]
    assert sample_invariant([[0.5, -0.5]], [[-1.0, 1.0]]).tolist() == [1]
    # Products would underflow to 0 here.
    assert sample_invariant([[1e-200] * 9], [[2e-200] * 9]).tolist() == [1]


@pytest.mark.parametrize(
    ("W", "M", "n", "share"),
    [(0.5, 30, 60_000, 0.0121), (1, 30, 60_000, 0.0278), (1, 122, 20_000, 0.0189)],
)
def test_share_of_samples_that_differ_from_the_ratio_label(W, M, n, share):
    rng = np.random.default_rng(2)
    t1 = rng.uniform(0, 2, n)
    differ = np.mean(sample_invariant(*sample_hoppings(t1, W, M, rng=rng)) != winding_number(t1, 1))
    assert abs(differ - share) < 4 * np.sqrt(share * (1 - share) / n)


# Thermodynamic limit


@pytest.mark.parametrize("disorder", CONVENTIONS)
@pytest.mark.parametrize("t1", [0.1, 0.9, 1.6, -0.1, -0.9, -1.6])
@pytest.mark.parametrize("W", [0.005, 0.3, 1.0, 2.0, 3.3, 6.0])
def test_lyapunov_exponent_is_the_integral(t1, W, disorder):
    expected = lyapunov_by_quadrature(t1, W, disorder)
    assert lyapunov_exponent(t1, W, disorder) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("disorder", CONVENTIONS)
@pytest.mark.parametrize(("t1", "W"), [(0.7, 0.5), (1.2, 3.0), (-0.7, 3.0)])
def test_lyapunov_exponent_is_the_mean_over_samples(t1, W, disorder):
    bonds = sample_hoppings(t1, W, 200_000, disorder=disorder, rng=np.random.default_rng(3))
    log_ratio = np.log(np.abs(bonds[1] / bonds[0]))
    error = log_ratio.std() / np.sqrt(log_ratio.size)
    assert abs(log_ratio.mean() - lyapunov_exponent(t1, W, disorder)) < 5 * error


@pytest.mark.parametrize("t1", [0.5, 1.0, 2.0])
def test_lyapunov_exponent_is_smooth_at_small_disorder(t1):
    # g(W) = -sum_n (W/2)^2n / (2n (2n + 1)) holds on both sides of the switch between two formulas.
    W = np.geomspace(1e-5, 0.5, 300)
    n = 2 * np.arange(1, 40)[:, None]

    def g(width):
        return -np.sum((width / 2) ** n / (n * (n + 1)), axis=0)

    thesis = g(W) - np.log(t1) - g(W / 2)
    np.testing.assert_allclose(lyapunov_exponent(t1, W), thesis, rtol=0, atol=1e-12)
    shem = g(W / 2) - np.log(t1) - g(W / t1)
    np.testing.assert_allclose(lyapunov_exponent(t1, W, "mondragon_shem"), shem, rtol=0, atol=1e-12)


def test_lyapunov_exponent_of_clean_chains_and_shapes():
    t1, W = np.array([[0.5], [1.0], [2.0]]), np.zeros(4)
    for disorder in CONVENTIONS:
        gamma = lyapunov_exponent(t1, W, disorder)
        assert gamma.shape == (3, 4)
        np.testing.assert_allclose(gamma, np.broadcast_to(-np.log(t1), (3, 4)), atol=1e-15)


@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_lyapunov_exponent_without_intracell_bonds(disorder):
    assert lyapunov_exponent(0.0, 0.0, disorder) == np.inf
    # Only multiplicative disorder leaves a bond of 0 at 0.
    assert np.isinf(lyapunov_exponent(0.0, 1.0, disorder)) == (disorder == "thesis")


@given(
    st.floats(-1e300, 1e300), st.floats(0, 1e300), st.sampled_from(CONVENTIONS)
)  # fmt: skip
def test_lyapunov_exponent_is_never_without_a_value(t1, W, disorder):
    gamma = lyapunov_exponent(t1, W, disorder)
    assert not np.isnan(gamma)
    assert gamma == lyapunov_exponent(-t1, W, disorder)


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e200])
@pytest.mark.parametrize(("t", "W"), [(1, 0.001), (1, 1.5), (0.3, 2), (-0.3, 2), (0, 1)])
def test_mean_log_hopping_shifts_by_the_logarithm_of_the_unit(scale, t, W):
    expected = np.log(scale) + mean_log(t, W)
    assert mean_log_hopping(scale * t, scale * W) == pytest.approx(expected, abs=1e-8)


def test_lyapunov_exponent_of_fig_2d():
    assert lyapunov_exponent(1 / 2, 5) == pytest.approx(1.10, abs=0.005)


@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_critical_ratio_of_the_table(disorder):
    np.testing.assert_allclose(critical_ratio(TABLE_W, disorder), TABLE[disorder], atol=5.01e-6)


@pytest.mark.parametrize("disorder", CONVENTIONS)
@pytest.mark.parametrize("W", [0.02, 1.5, 3.0, 3.7])
def test_critical_ratio_is_the_root_of_the_integral(W, disorder):
    root = brentq(lyapunov_by_quadrature, 1e-6, 5, args=(W, disorder), xtol=1e-12)
    assert critical_ratio(W, disorder) == pytest.approx(root, abs=1e-7)


def test_thesis_line_has_its_minimum_at_4_over_root_3():
    W = 4 / np.sqrt(3)
    assert critical_ratio(W) == pytest.approx(1 / np.sqrt(2), abs=1e-12)
    assert (critical_ratio(W + np.array([-1, -0.1, -0.01, 0.01, 0.1, 1, 3])) > 1 / np.sqrt(2)).all()


def test_mondragon_shem_line_has_a_maximum_and_an_end():
    W = np.linspace(2, 4, 401)[:-1]
    line = critical_ratio(W, "mondragon_shem")
    assert line.max() == pytest.approx(4 / 3, abs=1e-3)
    assert W[line.argmax()] == pytest.approx(2.98, abs=0.02)
    assert critical_ratio(4, "mondragon_shem") == pytest.approx(0, abs=1e-6)
    assert np.isnan(critical_ratio([4.01, 5, 20], "mondragon_shem")).all()


@pytest.mark.parametrize("disorder", CONVENTIONS)
def test_critical_ratio_shapes_and_clean_limit(disorder):
    assert critical_ratio(0, disorder) == pytest.approx(1, abs=1e-12)
    assert np.shape(critical_ratio(0.5, disorder)) == ()
    assert critical_ratio(np.zeros((2, 3)), disorder).shape == (2, 3)


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize("function", [critical_ratio, lambda W, *rest: lyapunov_exponent(1, W, *rest)])
def test_errors(function):
    for W in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"W must be (finite|>= 0), got"):
            function(W)
    with pytest.raises(ValueError, match="disorder must be one of"):
        function(1, "anderson")
