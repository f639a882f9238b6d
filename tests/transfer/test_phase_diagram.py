"""Diagrams of answers that are known: the exact invariant's, and steps at known places."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sshml.physics import critical_ratio, sample_hoppings, sample_invariant, winding_number
from sshml.physics.hamiltonians import SSH
from sshml.physics.hamiltonians.extended_ssh import ExtendedSSH
from sshml.transfer.baselines import BASELINES
from sshml.transfer.figures import phase_diagrams
from sshml.transfer.phase_diagram import Diagram, Plane, diagrams_of
from sshml.transfer.scores import Answers, score
from sshml.transfer.table import Table, read_lines

STRENGTHS = (0.0, 1.0, 2.0, 3.0, 4.5)
N_CELLS = 400
PLANE = Plane(SSH(), "mondragon_shem", 0, 2, 100)


def answers(W, said):
    """Of something that says of 2000 chains on an even grid what a function makes of their bonds."""
    t1 = np.random.default_rng(0).permutation((np.arange(2000) + 0.5) / 1000)
    bonds = sample_hoppings(t1, W, N_CELLS, disorder="mondragon_shem", rng=np.random.default_rng(1))
    exact = sample_invariant(*bonds)
    predictions = said(t1, exact)
    logits = torch.nn.functional.one_hot(torch.from_numpy(predictions), 2).float()
    labels = {"ratio": winding_number(t1, 1.0), "sample": exact, "thermodynamic": exact}
    detectors = {name: -t1 for name in BASELINES if name != "exact_invariant"}
    return Answers({"ratio": t1}, labels, logits, detectors, dict.fromkeys(detectors, -1.5))


def knows_all(t1, exact):  # noqa: ARG001
    return exact


def knows_clean_chains(t1, exact):  # noqa: ARG001
    return (t1 < 1).astype(int)


def diagram(said):
    found = {W: answers(W, said) for W in STRENGTHS}
    return Diagram("a", "0.0", 0, {W: PLANE.line(a, a.predictions) for W, a in found.items()}, PLANE)


def add(table, method, W, found, seed=0):
    """The rows of a network and the baselines, as a study adds them."""
    cell = {"train_W": 0.0, "seed": seed, "W": W}
    said = {method: found.predictions, **found.baselines}
    rows = [{"method": name, **cell, **score(of, found.labels)} for name, of in said.items()]
    table.add(rows, found)


def test_the_exact_invariant_scores_full_marks():
    scores = diagram(knows_all).scores()
    assert scores["accuracy"] == 1
    assert scores["rmse"] == 0
    # Long chains: the invariant changes close to the line of the infinite one.
    assert scores["boundary"] < 0.04


def test_a_detector_that_knows_only_the_clean_transition():
    found = diagram(knows_clean_chains)
    np.testing.assert_allclose(PLANE.boundaries(found.predicted)[0], 1, atol=0.011)
    scores = found.scores()
    line = np.array([critical_ratio(W, "mondragon_shem") for W in STRENGTHS[:-1]] + [0.0])
    # The chains between the lines are those it is wrong on.
    wrong = np.abs(line - 1).mean() / 2
    assert scores["accuracy"] == pytest.approx(1 - wrong, abs=0.02)
    assert scores["rmse"] == pytest.approx(np.sqrt(wrong), abs=0.04)
    assert scores["boundary"] == pytest.approx(np.sqrt(np.mean((line - 1) ** 2)), abs=0.011)


def test_bins_hold_equal_numbers_of_an_even_grid():
    found = answers(0.0, knows_all)
    row = PLANE.line(found, found.predictions)
    assert row.predicted.tolist() == row.exact.tolist() == [[1.0] * 50 + [0.0] * 50]


def test_boundaries_of_steps_of_noise_and_of_none():
    centres = (np.arange(100) + 0.5) / 50
    step = (centres < 0.5).astype(float)
    noisy = step.copy()
    noisy[[10, 60]] = 1 - noisy[[10, 60]]
    (found,) = PLANE.boundaries(np.stack([step, noisy, np.zeros(100), np.ones(100)])[:, None])
    np.testing.assert_allclose(found[:2], 0.5, atol=0.011)
    assert found[2:].tolist() == [0, 2]


def test_beyond_the_last_transition_every_chain_is_trivial():
    trivial = np.zeros((2, 1, 100))
    assert PLANE.exact_boundaries(np.array([0.0, 5.0]), trivial).tolist() == [[1, 0]]


def test_diagrams_are_kept_and_drawn(tmp_path):
    table = Table(tmp_path, 2, PLANE)
    for seed in (0, 1):
        for W in STRENGTHS:
            add(table, "plain", W, answers(W, knows_all), seed)
    # As a study that is resumed has them.
    found = diagrams_of(Table(tmp_path, 2, PLANE).lines, PLANE)
    expected = [(name, seed) for name in ("plain", *BASELINES) for seed in (0, 1)]
    assert [(diagram.method, diagram.seed) for diagram in found] == expected
    assert found[0].strengths.tolist() == list(STRENGTHS)
    # The detectors of these answers know t1 and say "topological" below 1.5; the invariant knows all.
    np.testing.assert_allclose(PLANE.boundaries(found[2].predicted), 1.5, atol=0.011)
    exact = found[-1].scores()
    assert (exact["method"], exact["accuracy"], exact["rmse"]) == ("exact_invariant", 1, 0)
    figure = phase_diagrams(found)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[1] == "plain, 2 seeds\naccuracy 1.000, RMSE 0.000"
    assert [title.split(",")[0] for title in titles[2:]] == [
        "brightest pixel", "edge weight", "sublattice separation"
    ]  # fmt: skip


def test_baselines_of_several_methods_are_those_of_the_first(tmp_path):
    table = Table(tmp_path, 2, PLANE)
    add(table, "plain", 1.0, answers(1.0, knows_all))
    of_another = replace(answers(1.0, knows_all), thresholds={"edge_weight": -1.0})
    add(table, "other", 1.0, of_another)
    found = {diagram.method: diagram for diagram in diagrams_of(table.lines, PLANE)}
    assert list(found) == ["other", "plain", *BASELINES]
    np.testing.assert_allclose(PLANE.boundaries(found["edge_weight"].predicted), 1.5, atol=0.011)


def test_diagrams_of_before_the_baselines_are_drawn(tmp_path):
    table = Table(tmp_path, 2, PLANE)
    for W in STRENGTHS:
        add(table, "plain", W, answers(W, knows_all))
    path = tmp_path / "phase_diagram.json"
    kept = [row for row in json.loads(path.read_text()) if row["method"] == "plain"]
    path.write_text(json.dumps(kept))
    (found,) = diagrams_of(read_lines(tmp_path, PLANE), PLANE)
    assert found.method == "plain"
    assert len(phase_diagrams([found]).axes) == 3


def test_what_is_missing_of_a_study_is_said_and_not_drawn(tmp_path):
    table = Table(tmp_path, 2, PLANE)
    for method, strengths in (("done", STRENGTHS), ("begun", STRENGTHS[:2])):
        for W in strengths:
            add(table, method, W, answers(W, knows_all))
    figure = phase_diagrams(diagrams_of(table.lines, PLANE))
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles[0].endswith("5 strengths")
    assert "begun\nsome strengths are missing" in titles


THREE = Plane(ExtendedSSH(t3=0.7), "thesis", 0, 2, 100)


def three_phases(ratio):
    """Winding numbers of the clean chain with t3 = 0.7 by the zeros of its polynomial."""
    zeros = np.array([np.roots([0.7, 1, t1]) for t1 in ratio])
    return (np.abs(zeros) < 1).sum(axis=1)


def test_three_phases_have_two_boundaries():
    assert THREE.phases == (1, 2, 0)
    # |t1 + t3| = t2 and t1 = t3, where a zero passes z = -1 and a pair passes the circle.
    np.testing.assert_allclose(
        THREE.critical_lines(np.array([0.0, 0.5])), [[0.3, np.nan], [0.7, np.nan]]
    )
    ratio = (np.arange(2000) + 0.5) / 1000
    exact = three_phases(ratio)
    labels = {"ratio": exact, "sample": exact}
    logits = torch.nn.functional.one_hot(torch.from_numpy(exact), 3).float()
    found = Answers({"ratio": ratio}, labels, logits, {})
    line = THREE.line(found, found.predictions)
    np.testing.assert_allclose(THREE.boundaries(line.predicted[None]), [[0.3], [0.7]], atol=0.011)
    # One that takes ν = 1 for ν = 2 does not see the first transition, and sees the second.
    blind = THREE.line(found, np.where(exact == 1, 2, exact))
    np.testing.assert_allclose(THREE.boundaries(blind.predicted[None]), [[0], [0.7]], atol=0.011)
    scores = Diagram("a", "0.0", 0, {0.0: blind}, THREE).scores()
    assert scores["accuracy"] == pytest.approx(0.85, abs=0.001)
    assert scores["boundary"] == pytest.approx(0.3 / np.sqrt(2), abs=0.011)


@pytest.mark.parametrize(
    ("t3", "high", "phases", "lines"),
    [(-1.5, 3, (2, 1, 0), [0.5, 2.5]), (-3, 5, (2, 1, 0), [2, 4]), (0.3, 1.4, (1, 0), [0.7])],
)
def test_transitions_of_clean_chains_are_where_zeros_pass_the_circle(t3, high, phases, lines):
    plane = Plane(ExtendedSSH(t3=t3), "thesis", 0, high, 10)
    ratio = np.linspace(0.01, high, 500)
    zeros = np.array([np.abs(np.roots([t3, 1, t1])) for t1 in ratio])
    inside = (zeros < 1).sum(axis=1)
    assert plane.phases == phases == tuple(inside[np.flatnonzero(np.diff(inside, prepend=-1))])
    np.testing.assert_allclose(plane.critical_lines(np.zeros(1))[:, 0], lines)


def test_diagrams_of_three_phases_are_kept_and_drawn(tmp_path):
    table = Table(tmp_path, 3, THREE)
    ratio = (np.arange(2000) + 0.5) / 1000
    exact = three_phases(ratio)
    logits = torch.nn.functional.one_hot(torch.from_numpy(exact), 3).float()
    found = Answers({"ratio": ratio}, {"ratio": exact, "sample": exact}, logits, {})
    for W in (0.0, 0.1, 0.2):
        cell = {"train_W": 0.0, "seed": 0, "W": W}
        own = {"a": found.predictions, **found.baselines}
        table.add(
            [
                {"method": name, **cell, **score(said, found.labels, n_classes=3)}
                for name, said in own.items()
            ],
            found,
        )
    again = Table(tmp_path, 3, THREE)
    assert again.rows == table.rows
    (row, *_) = again.rows
    assert (row["macro_accuracy"], row["count_2_2"], row["tp"]) == (1, 400, None)
    figure = phase_diagrams(diagrams_of(again.lines, THREE))
    assert figure.axes[-1].get_yticklabels()[2].get_text() == "ν = 2"  # noqa: RUF001
