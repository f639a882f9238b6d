"""Chains and images other than SSH chains' density profiles, from the command line to the pictures."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from conftest import TINY, TINY_TRANSFER, Command, networks, one_error, rows

from sshml import load_classifier
from sshml.explain.__main__ import main as explain
from sshml.uncertainty.__main__ import main as uncertainty


def test_three_phases_from_the_first_epoch_to_a_resumed_run(run_train: Command) -> None:
    chains = ("hamiltonian=extended_ssh", "data.hamiltonian.t3=0.8", "data.W=0.3")
    run = run_train(*TINY, *chains, "callbacks.maps.every_n_epochs=1", "figures=true")
    assert run.status == 0, run.err
    counts = [f"test/count_{true}_{said}" for true in range(3) for said in range(3)]
    assert sum(run.metrics[name] for name in counts) == 20
    of_classes = [run.metrics[f"test/count_{k}_{k}"] for k in range(3)]
    assert sum(of_classes) == pytest.approx(20 * run.metrics["test/accuracy"])
    assert {"confusion_matrix", "maps_epoch_0001", "accuracy_by_ratio"} <= {
        path.stem for path in (run.folder / "figures").glob("*.png")
    }
    network = load_classifier(run.folder / "checkpoints" / "best.ckpt")
    assert network(torch.zeros(2, 1, 16, 16)).shape == (2, 3)
    resumed = run_train(f"ckpt_path={run.folder}/checkpoints/last.ckpt", "trainer.max_epochs=2")
    assert resumed.status == 0, resumed.err
    assert "data.hamiltonian.t3=0.8" in json.dumps(resumed.manifest["overrides"])
    assert "val/macro_accuracy" in (run.folder / "metrics.csv").read_text()


@pytest.mark.parametrize(
    "chains",
    [
        ("hamiltonian=extended_ssh", "data.hamiltonian.t3=0.8"),
        ("hamiltonian=kitaev",),
        ("representation=correlation_matrix",),
        ("representation=mid_gap_pair",),
    ],
)
def test_a_study_of_them_has_every_table_and_picture(
    run_transfer: Command, chains: tuple[str, ...]
) -> None:
    run = run_transfer(*TINY_TRANSFER, *chains, "phase_diagram=5", "figures=true")
    assert run.status == 0, run.err
    found = rows(run)
    three, pair = "extended" in chains[0], "mid_gap" in chains[0]
    two_states = ["edge_weight", "sublattice_separation"]
    detectors = two_states if pair else ["brightest_pixel", *two_states]
    if three or "correlation" in chains[0]:
        detectors = []
    assert {row["method"] for row in found} == {"network", *detectors, "exact_invariant"}
    for row in found:
        names = (
            [name for name in row if name.startswith("count_")] if three else ["tp", "fp", "tn", "fn"]
        )
        assert sum(row[name] for name in names) == row["n"] == 20
        assert (row["accuracy_thermodynamic"] is None) == ("hamiltonian" in chains[0])
        assert ("macro_accuracy" in row) == three
    for name in ("accuracy_by_W", "matrix", "confusion_by_W", "phase_diagram", "maps_W0_seed0_at_W0.5"):
        assert (run.folder / "figures" / f"{name}.png").stat().st_size > 1000
    again = run_transfer(f"resume={run.folder}", "data.W=[0,0.5,1]")
    assert again.status == 0, again.err
    assert [row for row in rows(again) if row["W"] < 1] == found


def test_maps_of_two_phases_are_explained_where_regions_are_known(
    run_train: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = {}
    for name, choice in (
        ("kitaev", "hamiltonian=kitaev"),
        ("pair", "representation=mid_gap_pair"),
        ("three", "hamiltonian=extended_ssh"),
        ("correlations", "representation=correlation_matrix"),
    ):
        run = run_train(*TINY, choice).folder
        arguments = [
            str(run / "checkpoints" / "best.ckpt"),
            "--chains",
            "20",
            "--out",
            f"{tmp_path / name}",
        ]
        capfd.readouterr()
        asked[name] = (explain(arguments), capfd.readouterr().err)
    assert asked["kitaev"] == asked["pair"] == (0, "")
    assert "its chains have 3 phases, but this program compares two" in asked["three"][1]
    assert "whose images have no known regions" in asked["correlations"][1]
    with (tmp_path / "pair" / "scores.csv").open(newline="") as file:
        measures = {row["measure"] for row in csv.DictReader(file)}
    assert "share of the map in the edge pair" in measures
    assert not any("localised" in measure or "flipped" in measure for measure in measures)


def test_networks_of_three_phases_are_uncertain_together(
    run_train: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    # With this t3 no clean chain is of ν = 2.
    chains = ("hamiltonian=extended_ssh", "data.hamiltonian.t3=0.4", "data.n_train=300")
    best = [
        str(run_train(*TINY, *chains, f"seed={seed}").folder / "checkpoints" / "best.ckpt")
        for seed in (0, 1)
    ]
    capfd.readouterr()
    assert uncertainty([*best, "--chains", "40", "--out", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "ensemble.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert all(0 <= float(row["entropy"]) <= math.log(3) for row in table)
    assert (tmp_path / "out" / "uncertainty.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["augmentation=zero_modes", "hamiltonian=kitaev"],
            "augmentation.zero_modes: needs chains of SSH",
        ),
        (
            ["augmentation=site_reversal", "representation=correlation_matrix"],
            "augmentation.site_reversal: needs images whose rows are sites, not data.repr",
        ),
        (
            ["augmentation=column_permutation", "representation=mid_gap_pair"],
            "augmentation.column_permutation: needs images whose columns are states",
        ),
    ],
)
def test_augmentations_are_refused_where_they_are_not_made_for(
    run_train: Command, overrides: list[str], line: str
) -> None:
    assert line in one_error(run_train(*TINY, *overrides))


def test_augmentations_that_do_not_mind_are_taken(run_train: Command) -> None:
    mirrored = run_train(*TINY, "augmentation=site_reversal", "representation=mid_gap_pair")
    permuted = run_train(*TINY, "augmentation=column_permutation", "hamiltonian=extended_ssh")
    assert (mirrored.status, permuted.status) == (0, 0), mirrored.err + permuted.err


def test_another_chain_beside_a_checkpoint_is_refused(
    run_train: Command, run_transfer: Command
) -> None:
    best = run_train(*TINY).folder / "checkpoints" / "best.ckpt"
    line = one_error(run_transfer(f"checkpoint={best}", "logger=csv", "hamiltonian=kitaev"))
    assert line.startswith("error: hamiltonian: the network of checkpoint=")
    assert line.endswith("; omit it")
    other = run_train(*TINY, "hamiltonian=kitaev").folder / "checkpoints" / "best.ckpt"
    line = one_error(run_transfer(*TINY, f"compare={other}", "report=[fig5]"))
    assert line.startswith("error: report=fig5: needs density profiles of SSH chains")


def test_a_network_is_tested_at_another_value_of_the_second_control(
    run_train: Command, run_transfer: Command
) -> None:
    chains = ("hamiltonian=extended_ssh", "data.hamiltonian.t3=0.7")
    best = run_train(*TINY, *chains).folder / "checkpoints" / "best.ckpt"
    other = ("hamiltonian=extended_ssh", "data.hamiltonian.t3=0.2", "data.W=0", "logger=csv")
    run = run_transfer(f"checkpoint={best}", *other)
    assert run.status == 0, run.err
    assert "data.hamiltonian.t3=0.2: the network was trained with 0.7" in run.out
    (row, *_) = networks(run)
    # With t3 = 0.2 clean chains are of ν = 1 below t1 = 0.8, which are 11.4 of 20 on [0, 1.4].
    assert [sum(row[f"count_{true}_{said}"] for said in range(3)) for true in range(3)] == [8, 12, 0]
