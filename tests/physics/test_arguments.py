"""Arguments that are no physics end in a ValueError of one line, not in 0, 1 or NaN."""

import numpy as np
import pytest
import torch

from sshml.physics import (
    band_gap,
    best_threshold,
    brightest_pixel,
    chiral_blocks,
    critical_ratio,
    density_profiles,
    disordered_hoppings,
    edge_weight,
    energies,
    inverse_participation_ratio,
    lyapunov_exponent,
    sample_hoppings,
    sample_invariant,
    sublattice_separation,
    winding_number,
)
from sshml.physics.disorder import mean_log_hopping

ONES, OMEGA, PROFILE = np.ones((2, 3)), np.zeros((2, 3)), np.full((6, 6), 1 / 6)


def sampled(t1, W):
    return sample_hoppings(t1, W, 3, rng=np.random.default_rng(0))


# A function, and arguments that it takes, scalars or arrays.
FUNCTIONS = {
    "winding_number": (winding_number, (np.array([0.5, 1.5]), 1.0)),
    "band_gap": (band_gap, (np.array([0.5, 1.5]), 1.0)),
    "sample_invariant": (sample_invariant, (ONES, ONES)),
    "mean_log_hopping": (mean_log_hopping, (0.5, np.array([0.5, 1.0]))),
    "lyapunov_exponent": (lyapunov_exponent, (0.5, np.array([0.5, 1.0]))),
    "critical_ratio": (critical_ratio, (np.array([0.5, 1.0]),)),
    "disordered_hoppings": (disordered_hoppings, (np.array([0.5, 1.5]), 0.5, OMEGA, OMEGA)),
    "sample_hoppings": (sampled, (np.array([0.5, 1.5]), 0.5)),
    "chiral_blocks": (chiral_blocks, (ONES, ONES)),
    "energies": (energies, (ONES, ONES)),
    "density_profiles": (density_profiles, (ONES, ONES)),
    "inverse_participation_ratio": (inverse_participation_ratio, (PROFILE,)),
    "brightest_pixel": (brightest_pixel, (PROFILE,)),
    "edge_weight": (edge_weight, (PROFILE,)),
    "sublattice_separation": (sublattice_separation, (PROFILE,)),
    "best_threshold": (best_threshold, (np.array([0.1, 0.9]), np.array([0, 1]))),
}
PLACES = [(name, k) for name, (_, arguments) in FUNCTIONS.items() for k in range(len(arguments))]


def refused(name, arguments):
    """The message of the one line that a call ends in."""
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the lines differ
        FUNCTIONS[name][0](*arguments)
    assert type(error.value) is ValueError
    assert "\n" not in str(error.value)
    return str(error.value)


def changed(name, place, value):
    arguments = list(FUNCTIONS[name][1])
    arguments[place] = value
    return arguments


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_arguments_of_the_table_are_taken(name):
    function, arguments = FUNCTIONS[name]
    assert np.isfinite(function(*arguments)).all()
    assert np.isfinite(function(*(np.asarray(value).tolist() for value in arguments))).all()


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(("name", "place"), PLACES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite(name, place, bad):
    whole = np.array(FUNCTIONS[name][1][place], dtype=np.float64)
    whole.ravel()[-1:] = bad
    message = refused(name, changed(name, place, whole))
    assert "must be finite" in message or "labels must be 0 or 1" in message


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(("name", "place"), PLACES)
def test_numbers_of_another_kind(name, place):
    value = np.asarray(FUNCTIONS[name][1][place])
    kinds = [
        np.full(value.shape, "0.5"),
        np.full(value.shape, "a").tolist(),
        np.full(value.shape, None),
    ]
    # Labels may be of any kind that is 0 or 1.
    if (name, place) != ("best_threshold", 1):
        kinds += [value + 0j, (value + 1j).tolist(), value.astype(bool)]
    for bad in kinds:
        refused(name, changed(name, place, bad))


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("winding_number", ([0.5, 1.5], [1.0, 1.0, 1.0]), "t1 of (2,) and t2 of (3,)"),
        ("band_gap", ([[0.5], [1.0, 2.0]], 1.0), "lists of unequal lengths"),
        ("band_gap", (torch.ones(2, requires_grad=True), 1.0), "array of numbers: Can't call numpy()"),
        ("sample_invariant", (ONES[0], ONES[0]), "equal shape (n, M), got (3,) and (3,)"),
        ("sample_invariant", (ONES, ONES[:, :2]), "got (2, 3) and (2, 2)"),
        ("lyapunov_exponent", ([0.5, 1.5], [1.0, 1.0, 1.0]), "t1 of (2,) and W of (3,)"),
        ("mean_log_hopping", (0.5, -1.0), "W must be >= 0, got -1.0"),
        ("lyapunov_exponent", (0.5, [0.0, -0.5]), "W must be >= 0, got -0.5"),
        ("critical_ratio", (-1e-9,), "W must be >= 0, got -1e-09"),
        ("sample_hoppings", (ONES, 0.5), "t1 must be a number or have shape"),
        ("sample_hoppings", ([0.5, 1.5], [0.5] * 3), "t1 of (2,) and W of (3,)"),
        ("disordered_hoppings", (0.5, 0.5, OMEGA, OMEGA[:1]), "got (2, 3) and (1, 3)"),
        ("disordered_hoppings", (0.5, 0.5, OMEGA[0], OMEGA[0]), "got (3,) and (3,)"),
        ("disordered_hoppings", ([0.5] * 3, 0.5, OMEGA, OMEGA), "t1 must be a number or"),
        ("disordered_hoppings", (0.5, [0.5], OMEGA, OMEGA), "W must be a number or have shape (2,)"),
        ("edge_weight", (np.ones((5, 5)),), "profiles must have shape (..., 2M, 2M), got (5, 5)"),
        ("brightest_pixel", (np.ones((4, 6)),), "got (4, 6)"),
        ("sublattice_separation", (np.ones(6),), "got (6,)"),
        ("inverse_participation_ratio", (np.ones((3, 0, 0)),), "got (3, 0, 0)"),
        ("best_threshold", ([0.1, 0.9], [0, 2]), "labels must be 0 or 1"),
        ("best_threshold", ([0.1, 0.9], [0]), "got (2,) and (1,)"),
        ("best_threshold", ([], []), "n >= 1"),
    ],
)  # fmt: skip
def test_shapes_and_ranges(name, arguments, line):
    assert line in refused(name, arguments)


@pytest.mark.parametrize("disorder", ["thesis", "additive", "mondragon_shem"])
def test_negative_hoppings(disorder):
    # The sign of all intracell bonds is a gauge: psi_B of every cell changes its sign.
    t1 = np.array([0.5, 0.9, 1.5])
    kept, turned = (
        sample_hoppings(t, 0.0, 6, disorder=disorder, rng=np.random.default_rng(1)) for t in (t1, -t1)
    )
    np.testing.assert_array_equal(turned[0], -kept[0])
    np.testing.assert_allclose(density_profiles(*turned), density_profiles(*kept), atol=1e-6)
    assert sample_invariant(*turned).tolist() == winding_number(-t1, 1.0).tolist() == [1, 1, 0]
    assert (lyapunov_exponent(-t1, 0.0, disorder) > 0).tolist() == [True, True, False]
