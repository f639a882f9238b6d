"""Diagrams of answers that are known: the exact invariant's, and steps at known places."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sshml.physics import critical_ratio, sample_hoppings, sample_invariant, winding_number
from sshml.transfer.baselines import BASELINES
from sshml.transfer.phase_diagram import Diagram, Diagrams, binned, boundary, draw, exact_boundary
from sshml.transfer.scores import Answers

STRENGTHS = (0.0, 1.0, 2.0, 3.0, 4.5)
N_CELLS = 400


def answers(W, said):
    """Of something that says of 2000 chains on an even grid what a function makes of their bonds."""
    t1 = np.random.default_rng(0).permutation((np.arange(2000) + 0.5) / 1000)
    bonds = sample_hoppings(t1, W, N_CELLS, disorder="mondragon_shem", rng=np.random.default_rng(1))
    exact = sample_invariant(*bonds)
    predictions = said(t1, exact)
    logits = torch.nn.functional.one_hot(torch.from_numpy(predictions), 2).float()
    labels = {"ratio": winding_number(t1, 1.0), "sample": exact, "thermodynamic": exact}
    detectors = {name: -t1 for name in BASELINES if name != "exact_invariant"}
    return Answers(t1, labels, logits, detectors, dict.fromkeys(detectors, -1.5))


def knows_all(t1, exact):  # noqa: ARG001
    return exact


def knows_clean_chains(t1, exact):  # noqa: ARG001
    return (t1 < 1).astype(int)


def diagram(said):
    found = {W: answers(W, said) for W in STRENGTHS}
    return Diagram("a", "0.0", 0, {W: binned(a, a.predictions, 100) for W, a in found.items()})


def test_the_exact_invariant_scores_full_marks():
    scores = diagram(knows_all).scores("mondragon_shem")
    assert scores["accuracy"] == 1
    assert scores["rmse"] == 0
    # Long chains: the invariant changes close to the line of the infinite one.
    assert scores["boundary"] < 0.04


def test_a_detector_that_knows_only_the_clean_transition():
    found = diagram(knows_clean_chains)
    np.testing.assert_allclose(boundary(found.predicted), 1, atol=0.011)
    scores = found.scores("mondragon_shem")
    line = np.array([critical_ratio(W, "mondragon_shem") for W in STRENGTHS[:-1]] + [0.0])
    # The chains between the lines are those it is wrong on.
    wrong = np.abs(line - 1).mean() / 2
    assert scores["accuracy"] == pytest.approx(1 - wrong, abs=0.02)
    assert scores["rmse"] == pytest.approx(np.sqrt(wrong), abs=0.04)
    assert scores["boundary"] == pytest.approx(np.sqrt(np.mean((line - 1) ** 2)), abs=0.011)


def test_bins_hold_equal_numbers_of_an_even_grid():
    found = answers(0.0, knows_all)
    row = binned(found, found.predictions, 100)
    assert row.predicted.tolist() == row.exact.tolist() == [1.0] * 50 + [0.0] * 50


def test_boundaries_of_steps_of_noise_and_of_none():
    centres = (np.arange(100) + 0.5) / 50
    step = (centres < 0.5).astype(float)
    noisy = step.copy()
    noisy[[10, 60]] = 1 - noisy[[10, 60]]
    found = boundary(np.stack([step, noisy, np.zeros(100), np.ones(100)]))
    np.testing.assert_allclose(found[:2], 0.5, atol=0.011)
    assert found[2:].tolist() == [0, 2]


def test_beyond_the_last_transition_every_chain_is_trivial():
    assert exact_boundary(np.array([0.0, 5.0]), "mondragon_shem").tolist() == [1, 0]


def test_diagrams_are_kept_and_drawn(tmp_path):
    diagrams = Diagrams(tmp_path, 100)
    for seed in (0, 1):
        for W in STRENGTHS:
            diagrams.add("plain", 0.0, seed, W, answers(W, knows_all))
    found = Diagrams(tmp_path, 100).read()  # as a study that is resumed has them
    expected = [(name, seed) for name in ("plain", *BASELINES) for seed in (0, 1)]
    assert [(diagram.method, diagram.seed) for diagram in found] == expected
    assert found[0].strengths.tolist() == list(STRENGTHS)
    # The detectors of these answers know t1 and say "topological" below 1.5; the invariant knows all.
    np.testing.assert_allclose(boundary(found[2].predicted), 1.5, atol=0.011)
    exact = found[-1].scores("mondragon_shem")
    assert (exact["method"], exact["accuracy"], exact["rmse"]) == ("exact_invariant", 1, 0)
    figure = draw(found, "mondragon_shem")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[1] == "plain, 2 seeds\naccuracy 1.000, RMSE 0.000"
    assert [title.split(",")[0] for title in titles[2:]] == [
        "brightest pixel", "edge weight", "sublattice separation"
    ]  # fmt: skip


def test_baselines_of_several_methods_are_those_of_the_first(tmp_path):
    diagrams = Diagrams(tmp_path, 100)
    diagrams.add("plain", 0.0, 0, 1.0, answers(1.0, knows_all))
    of_another = replace(answers(1.0, knows_all), thresholds={"edge_weight": -1.0})
    diagrams.add("other", 0.0, 0, 1.0, of_another)
    found = {diagram.method: diagram for diagram in diagrams.read()}
    assert list(found) == ["other", "plain", *BASELINES]
    np.testing.assert_allclose(boundary(found["edge_weight"].predicted), 1.5, atol=0.011)


def test_diagrams_of_before_the_baselines_are_drawn(tmp_path):
    diagrams = Diagrams(tmp_path, 100)
    for W in STRENGTHS:
        diagrams.add("plain", 0.0, 0, W, answers(W, knows_all))
    path = tmp_path / "phase_diagram.json"
    kept = [row for row in json.loads(path.read_text()) if row["method"] == "plain"]
    path.write_text(json.dumps(kept))
    (found,) = Diagrams(tmp_path, 100).read()
    assert found.method == "plain"
    assert len(draw([found], "mondragon_shem").axes) == 3


def test_what_is_missing_of_a_study_is_said_and_not_drawn(tmp_path):
    diagrams = Diagrams(tmp_path, 100)
    for method, strengths in (("done", STRENGTHS), ("begun", STRENGTHS[:2])):
        for W in strengths:
            diagrams.add(method, 0.0, 0, W, answers(W, knows_all))
    figure = draw(diagrams.read(), "mondragon_shem")
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles[0].endswith("5 strengths")
    assert "begun\nnot all strengths are done" in titles
