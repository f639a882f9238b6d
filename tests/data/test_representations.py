"""What a network sees of a chain, against the states of the dense matrix."""

import numpy as np
import pytest
import torch
from chiral_oracles import dense, drawn

from sshml.data.datamodule import SSHDataModule
from sshml.data.representations import DensityProfile, Representation
from sshml.data.representations.correlation_matrix import CorrelationMatrix
from sshml.data.representations.mid_gap_pair import MidGapPair
from sshml.data.streams import Split
from sshml.physics.hamiltonians import SSH, Hamiltonian
from sshml.physics.hamiltonians.extended_ssh import ExtendedSSH
from sshml.physics.hamiltonians.kitaev import Kitaev

CHAINS = (SSH(), ExtendedSSH(), Kitaev())
KINDS = (DensityProfile(), CorrelationMatrix(), MidGapPair())


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: type(chain).__name__)
def test_correlations_are_those_of_the_filled_states(chain: Hamiltonian) -> None:
    _, _, bonds = drawn(chain, 30, 8, chain.disorders[0], high=2)
    images = CorrelationMatrix().images(chain, bonds)
    compared = 0
    for block, image in zip(chain.blocks(bonds), images, strict=True):
        energies, states = np.linalg.eigh(dense(block))
        if np.abs(energies).min() < 1e-6:  # which of the pair is filled is a matter of rounding
            continue
        filled = states[:, energies < 0]
        np.testing.assert_allclose(image, filled @ filled.T, atol=1e-6)
        compared += 1
    assert compared > 20


def test_a_pair_at_zero_energy_adds_no_correlation_between_the_ends() -> None:
    bonds = {"intracell": np.full((1, 40), 0.1), "intercell": np.ones((1, 40))}
    image = CorrelationMatrix().images(SSH(), bonds)[0]
    assert np.abs(image[0, -1]) < 1e-6
    # All other states: the projector has lost half of a state at each end.
    assert np.trace(image @ image) == pytest.approx(40 - 0.5, abs=1e-3)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: type(chain).__name__)
def test_the_mid_gap_pair_is_the_middle_of_the_profile(chain: Hamiltonian) -> None:
    _, _, bonds = drawn(chain, 30, 8, chain.disorders[0], high=2)
    columns = MidGapPair().images(chain, bonds)[:, :, 0]
    profiles = DensityProfile().images(chain, bonds)
    np.testing.assert_array_equal(columns, profiles[:, :, 7])
    np.testing.assert_array_equal(columns, profiles[:, :, 8])
    np.testing.assert_allclose(columns.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_images_have_the_shape_that_is_said(kind: Representation) -> None:
    data = SSHDataModule(n_cells=6, n_train=4, n_val=4, n_test=4, representation=kind)
    batch = data.dataset(Split.TEST).__getitems__(range(4))
    assert batch["input"].shape == (4, 1, *kind.shape(6))
    assert batch["input"].dtype == torch.float32
    assert bool((batch["input"] < 0).any()) == kind.is_signed
