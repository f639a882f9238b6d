"""Any finite Hamiltonian: against the kernels, closed forms, and what a stranger's file may name."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TINY, Command, one_error, rows
from own_chains import rice_mele, ssh

from sshml.data import CorrelationMatrix, MidGapPair, Split, SSHDataModule
from sshml.physics.hamiltonians import SSH, MatrixHamiltonian
from sshml.physics.profiles import solve_matrices

FUNCTION = "data.hamiltonian.function._target_=own_chains.rice_mele"
OWN = (*TINY, "hamiltonian=matrix", FUNCTION)


def couplings(chain: Any, ratio: np.ndarray, W: float, n_cells: int, disorder: str) -> Any:
    uniforms = np.random.default_rng(0).random((len(ratio), chain.n_random(n_cells)))
    return chain.couplings(ratio, np.full(len(ratio), W), uniforms, disorder)


def test_clean_chains_are_those_of_the_kernels() -> None:
    ratio = np.linspace(0.4, 1.9, 9)
    own, known = MatrixHamiltonian(ssh), SSH()
    dense = couplings(own, ratio, 0.0, 10, "own")
    bonds = couplings(known, ratio, 0.0, 10, "thesis")
    np.testing.assert_allclose(own.density_profiles(dense), known.density_profiles(bonds), atol=1e-6)
    for shown in (CorrelationMatrix(), MidGapPair()):
        np.testing.assert_allclose(shown.images(own, dense), shown.images(known, bonds), atol=1e-6)
    np.testing.assert_allclose(own.matrices(dense), known.matrices(bonds))
    labels = own.labels(ratio, 0 * ratio, dense, "own")["ratio"]
    np.testing.assert_array_equal(labels, known.labels(ratio, 0 * ratio, bonds, "thesis")["ratio"])


def test_energies_of_a_ring_are_those_of_the_bands() -> None:
    t1, t2, delta, M = 0.7, 1.1, 0.4, 12
    ring = np.zeros((2 * M, 2 * M))
    for m in range(M):
        ring[2 * m, 2 * m + 1] = t1
        ring[2 * m + 1, (2 * m + 2) % (2 * M)] = t2
    ring += ring.T + np.diag(delta * (-1.0) ** np.arange(2 * M))
    k = 2 * np.pi * np.arange(M) / M
    band = np.sqrt(delta**2 + t1**2 + t2**2 + 2 * t1 * t2 * np.cos(k))
    energies, states = solve_matrices(ring[None])
    np.testing.assert_allclose(energies[0], np.sort([*band, *-band]), atol=1e-12)
    np.testing.assert_allclose(ring @ states[0], states[0] * energies[0], atol=1e-12)


def test_correlations_are_a_projector_of_half_filling() -> None:
    own = MatrixHamiltonian(rice_mele)
    matrix = CorrelationMatrix().images(own, couplings(own, np.array([0.5, 1.5]), 0.3, 8, "own"))
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-6)
    np.testing.assert_allclose(np.trace(matrix, axis1=1, axis2=2), 8, atol=1e-5)


def test_complex_correlations_are_refused() -> None:
    def twisted(parameters: Any, rng: np.random.Generator) -> np.ndarray:
        matrix = ssh(parameters, rng) * np.exp(0.5j)
        return np.triu(matrix) + np.triu(matrix).conj().T

    own = MatrixHamiltonian(twisted)
    of = couplings(own, np.array([0.5]), 0.0, 4, "own")
    np.testing.assert_allclose(  # a gauge changes no density
        own.density_profiles(of), MatrixHamiltonian(ssh).density_profiles(of), atol=1e-6
    )
    with pytest.raises(ValueError, match="the correlations are not real"):
        CorrelationMatrix().images(own, of)


def test_a_chain_is_the_same_whenever_it_is_asked_for() -> None:
    data = SSHDataModule(hamiltonian=MatrixHamiltonian(rice_mele), W=0.8, n_cells=6, n_test=20)
    samples = data.dataset(Split.TEST)
    together = samples.__getitems__(range(20))["input"]
    assert torch.equal(samples[13]["input"], together[13])
    assert len({image.numpy().tobytes() for image in together}) == 20


def test_three_phases_along_the_ratio() -> None:
    chain = MatrixHamiltonian(ssh, (0.5, 1.5), (2, 0, 1), ("a", "b", "c"))
    ratio = np.array([0.2, 0.9, 1.9])
    assert chain.labels(ratio, ratio, {}, "own")["ratio"].tolist() == [2, 0, 1]
    assert chain.critical_ratios(0.0, "own").tolist() == [0.5, 1.5]
    assert np.isnan(chain.critical_ratios(0.1, "own")).all()


def test_a_function_of_ones_own_is_trained_and_tested(
    run_train: Command, run_transfer: Command
) -> None:
    done = run_train(*OWN, "+data.hamiltonian.function.delta=0.1", "data.W=0.2", "figures=true")
    assert done.status == 0, done.err
    assert (done.folder / "figures" / "maps_test.png").is_file()
    checkpoint = f"checkpoint={done.folder}/checkpoints/best.ckpt"
    refused = one_error(run_transfer(checkpoint, "data.W=[0,1]", "logger=csv"))
    assert "own_chains.rice_mele: is not in sshml" in refused
    assert "add trust=[own_chains]" in refused
    study = run_transfer(checkpoint, "data.W=[0,1]", "logger=csv", "trust=[own_chains]")
    assert study.status == 0, study.err
    found = {row["method"] for row in rows(study)}
    assert found == {"network", "brightest_pixel", "edge_weight", "sublattice_separation"}
    assert {row["accuracy_sample"] for row in rows(study)} == {None}


def test_a_default_may_be_a_number_of_numpy(run_train: Command) -> None:
    done = run_train(*OWN, FUNCTION.replace("rice_mele", "aubry_andre"))
    assert done.status == 0, done.err
    assert f"beta: {(math.sqrt(5) - 1) / 2}" in (done.folder / "config.yaml").read_text()


def test_real_matrices_are_solved_as_real_ones() -> None:
    real = MatrixHamiltonian(ssh)
    complex_ = MatrixHamiltonian(lambda *given: ssh(*given).astype(np.complex128))
    couplings = real.couplings(np.array([0.5]), np.zeros(1), np.zeros((1, 4)), "own")
    assert real.matrices(couplings).dtype == np.float64
    assert complex_.matrices(couplings).dtype == np.complex128


@pytest.mark.parametrize("target", ["os.system", "sshml.files.stored.read_text"])
def test_a_function_that_a_checkpoint_names_is_not_called(
    run_train: Command, run_transfer: Command, tmp_path: Path, target: str
) -> None:
    path = run_train(*OWN).folder / "checkpoints" / "best.ckpt"
    content = torch.load(path, weights_only=True)
    content["hyper_parameters"]["data"]["hamiltonian"]["function"]["_target_"] = target
    torch.save(content, tmp_path / "x.ckpt")
    assert "if it is your own code" in one_error(run_transfer("checkpoint=x.ckpt", "logger=csv"))


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            f"{FUNCTION.replace('rice_mele', 'of_another_shape')}",
            "float64 of shape (3, 3) at ratio = 0.00995,",
        ),
        (f"{FUNCTION.replace('rice_mele', 'not_hermitian')}", "is not finite and Hermitian"),
        (f"{FUNCTION.replace('rice_mele', 'no_such')}", "cannot be used"),
        (f"{FUNCTION.replace('rice_mele', 'of_no_key')}", "KeyError: 'M' ("),
        (f"{FUNCTION.replace('rice_mele', 'of_no_key')}", "own_chains.py, line "),
        (f"{FUNCTION.replace('rice_mele', 'of_numpy')}", "differ between two calls"),
        (f"{FUNCTION.replace('rice_mele', 'of_numpy')}", "function._target_=own_chains.of_numpy"),
        ("~data.hamiltonian.function", "data.hamiltonian.function: missing"),
        ("+data.hamiltonian.function.dleta=1", "did you mean data.hamiltonian.function.delta?"),
        ("data.hamiltonian.phases=[1]", "phases=[1]: expected 2"),
        ("data.hamiltonian.phases=[1,2]", "phases=[1, 2]: expected labels of the classes"),
        (
            "data.hamiltonian.transitions=[1,1] data.hamiltonian.phases=[1,0,1]",
            "transitions=[1, 1]: expected ratios that grow",
        ),
        ("data.label=sample", "label=sample: expected 'ratio'"),
        ("augmentation=zero_modes", "zero_modes: needs chains of SSH"),
        ("augmentation=column_permutation", "column_permutation: needs chiral chains"),
    ],
)
def test_mistakes_are_one_line(run_train: Command, tmp_path: Path, overrides: str, line: str) -> None:
    assert line in one_error(run_train(*OWN, *overrides.split()))
    assert not list(tmp_path.glob("runs/*/*"))


def test_what_a_chain_without_an_invariant_cannot_do_is_one_line(
    run_train: Command, run_transfer: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    from sshml.explain.__main__ import main

    path = f"{run_train(*OWN).folder}/checkpoints/best.ckpt"
    line = one_error(run_transfer(f"checkpoint={path}", "trust=[own_chains]", "phase_diagram=3"))
    assert "phase_diagram=3: needs the exact invariant" in line
    assert main([path, "--trust", "own_chains"]) == 2
    assert "its chains are not chiral" in capfd.readouterr().err
    assert not Path("explain").exists()
