"""The SSH chain with hoppings to the cell after the next."""

import numpy as np
import pytest
from chiral_oracles import dense, drawn, winding_in_real_space

from sshml.physics.hamiltonians.extended_ssh import ExtendedSSH

T3 = (0.3, 0.7, 1.2)


@pytest.mark.parametrize("t3", T3)
def test_the_clean_winding_number_is_the_number_of_zeros_in_the_unit_circle(t3: float) -> None:
    chain, ratio = ExtendedSSH(t3), np.linspace(0.013, 2, 60)
    zeros = np.array([np.abs(np.roots([t3, 1, t1])) < 1 for t1 in ratio]).sum(axis=1)
    bonds = chain.couplings(ratio, np.zeros(60), np.zeros((60, 90)), "thesis")
    labels = chain.labels(ratio, np.zeros(60), bonds, "thesis")
    np.testing.assert_array_equal(labels["ratio"], zeros)
    # A ring without disorder has the invariant of the infinite chain.
    np.testing.assert_array_equal(labels["sample"], zeros)


@pytest.mark.parametrize("t3", T3)
def test_critical_ratios_are_where_the_clean_phase_changes(t3: float) -> None:
    chain = ExtendedSSH(t3)
    critical = chain.critical_ratios(0.0, "thesis")
    for ratio in critical[np.isfinite(critical)]:
        sides = np.array([ratio - 1e-6, ratio + 1e-6])
        bonds = chain.couplings(sides, np.zeros(2), np.zeros((2, 30)), "thesis")
        below, above = chain.labels(sides, np.zeros(2), bonds, "thesis")["ratio"]
        assert below != above
    grid = np.linspace(0.001, 2, 4001)
    bonds = chain.couplings(grid, np.zeros(4001), np.zeros((4001, 12)), "thesis")
    changes = np.diff(chain.labels(grid, np.zeros(4001), bonds, "thesis")["ratio"]) != 0
    assert changes.sum() == np.isfinite(critical).sum()
    assert np.isnan(chain.critical_ratios([0.5], "thesis")).all()


@pytest.mark.parametrize("disorder", ExtendedSSH.disorders)
def test_profiles_are_those_of_exact_diagonalisation(disorder: str) -> None:
    chain = ExtendedSSH(0.7)
    _, _, bonds = drawn(chain, 40, 9, disorder, high=2)
    profiles = chain.density_profiles(bonds, np.float64)
    for block, profile in zip(chain.blocks(bonds), profiles, strict=True):
        energies, states = np.linalg.eigh(dense(block))
        if np.diff(energies).min() < 1e-6:  # an edge pair, whose states eigh may mix
            continue
        np.testing.assert_allclose(profile, states**2, atol=1e-7)
    np.testing.assert_allclose(profiles.sum(axis=1), 1)
    np.testing.assert_allclose(profiles.sum(axis=2), 1)


@pytest.mark.parametrize("disorder", ExtendedSSH.disorders)
@pytest.mark.parametrize("t3", T3)
def test_the_invariant_is_the_winding_number_in_real_space(disorder: str, t3: float) -> None:
    chain = ExtendedSSH(t3)
    ratio, W, bonds = drawn(chain, 150, 200, disorder, high=2)
    found = chain.labels(ratio, W, bonds, disorder)["sample"]
    by_trace = np.array([winding_in_real_space(block) for block in chain.blocks(bonds)])
    # Close to a transition states are longer than the chain, and the trace is far from whole.
    certain = np.abs(by_trace - by_trace.round()) < 0.003
    assert certain.sum() > 80
    np.testing.assert_array_equal(found[certain], by_trace[certain].round())


def test_two_edge_states_at_an_end_are_sorted_by_their_place() -> None:
    chain = ExtendedSSH(0.9)
    bonds = chain.couplings(np.array([0.2]), np.zeros(1), np.zeros((1, 3 * 60)), "thesis")
    profile = chain.density_profiles(bonds, np.float64)[0]
    cells = np.arange(60)
    for sublattice, end in ((0, 0), (1, 59)):
        inner, outer = (2 * profile[sublattice::2, column] for column in (58, 59))
        distance = np.abs(cells - end)
        assert distance @ outer < distance @ inner < 10
    np.testing.assert_allclose(profile.sum(axis=1), 1)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="t3 must be finite, got nan"):
        ExtendedSSH(float("nan"))
