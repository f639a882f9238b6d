"""The Kitaev chain, against the Hamiltonian of its fermions."""

import numpy as np
import pytest
from chiral_oracles import drawn, winding_in_real_space

from sshml.physics import density_profiles, disordered_hoppings, sample_invariant
from sshml.physics.hamiltonians.kitaev import Kitaev

DELTAS = (-0.6, 0.3, 0.5, 1.0, 1.4)


def quasiparticle_energies(mu: np.ndarray, delta: float) -> np.ndarray:
    """From the matrix of Bogoliubov and de Gennes in (c, c†), with t = 1/2 so that 2t = 1."""
    M = len(mu)
    hop, pair = np.zeros((M, M)), np.zeros((M, M))
    for j in range(M):
        hop[j, j] = -mu[j]
    for j in range(M - 1):
        hop[j, j + 1] = hop[j + 1, j] = -0.5
        # delta (c_j c_{j+1} + c†_{j+1} c†_j), half of each order of the two.
        pair[j, j + 1], pair[j + 1, j] = -0.5 * delta, 0.5 * delta
    return np.linalg.eigvalsh(np.block([[hop, pair], [-pair.conj(), -hop.conj()]]))


@pytest.mark.parametrize("delta", DELTAS)
def test_energies_are_those_of_the_fermions(delta: float) -> None:
    chain = Kitaev(delta)
    _, _, bonds = drawn(chain, 20, 12, "on_site", high=2)
    for mu, block in zip(bonds["mu"], chain.blocks(bonds), strict=True):
        s = np.linalg.svd(block, compute_uv=False)
        expected = quasiparticle_energies(mu, delta)
        np.testing.assert_allclose(np.sort(np.concatenate([-s, s])), expected, atol=1e-12)


@pytest.mark.parametrize("delta", DELTAS)
def test_the_clean_phase_is_where_the_gap_says(delta: float) -> None:
    chain, ratio = Kitaev(delta), np.linspace(0.013, 2, 60)
    bonds = chain.couplings(ratio, np.zeros(60), np.zeros((60, 40)), "on_site")
    labels = chain.labels(ratio, np.zeros(60), bonds, "on_site")
    np.testing.assert_array_equal(labels["ratio"], ratio < 1)
    np.testing.assert_array_equal(labels["sample"], labels["ratio"])
    assert chain.critical_ratios([0.0, 0.5], "on_site").tolist()[0][0] == 1


@pytest.mark.parametrize("delta", DELTAS)
def test_the_invariant_is_the_winding_number_in_real_space(delta: float) -> None:
    chain = Kitaev(delta)
    ratio, W, _ = drawn(chain, 200, 200, "on_site", high=2)
    W = 3 * W  # as strong as to change the phase of many
    bonds = chain.couplings(ratio, W, np.random.default_rng(1).random((200, 200)), "on_site")
    found = chain.labels(ratio, W, bonds, "on_site")["sample"]
    by_trace = np.array([winding_in_real_space(block) for block in chain.blocks(bonds)])
    certain = np.abs(by_trace - by_trace.round()) < 0.003
    assert certain.sum() > 100
    assert set(found[certain]) == {0, 1}
    np.testing.assert_array_equal(found[certain], np.abs(by_trace[certain].round()))


def test_with_delta_and_t_alike_it_is_an_ssh_chain() -> None:
    chain = Kitaev(1.0)
    ratio, W, bonds = drawn(chain, 50, 10, "on_site", high=2)
    omega = (bonds["mu"] - ratio[:, None]) / W[:, None]
    mapped = disordered_hoppings(ratio, 2 * W, omega, np.zeros_like(omega), disorder="additive")
    np.testing.assert_allclose(
        chain.density_profiles(bonds, np.float64), density_profiles(*mapped, np.float64), atol=1e-8
    )
    found = chain.labels(ratio, W, bonds, "on_site")["sample"]
    np.testing.assert_array_equal(found, sample_invariant(*mapped))


def test_a_chain_without_pairing_is_refused() -> None:
    with pytest.raises(ValueError, match="delta must not be 0"):
        Kitaev(0.0)
