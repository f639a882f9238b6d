"""The rank correlation of map scores with accuracies, on numbers that are known."""

import math

import pytest

from sshml.explain.generalisation import correlations
from sshml.explain.measures import measure_name, of_groups


def rows(group, scores, accuracies):
    """Scores at W = 0 and accuracies at W = 1 of networks of a group."""
    for k, (score, accuracy) in enumerate(zip(scores, accuracies, strict=True)):
        own = {"group": group, "checkpoint": f"{group}{k}", "low": 0.0, "high": 1.0, "chance": None}
        for name in ("share", "pointing", "overlap"):
            measure = measure_name(name, "edge pair")
            of_map = {"chains": "topological", "explanation": "class_activation", "measure": measure}
            yield {**own, **of_map, "W": 0.0, "value": score}
        for W in (0.0, 1.0):
            of_all = {"chains": "all", "explanation": None, "measure": "accuracy"}
            yield {**own, **of_all, "W": W, "value": accuracy if W else 1.0}


def test_scores_in_the_order_of_accuracies_and_against_it():
    up = list(rows("up", [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 60]))
    down = list(rows("down", [1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]))
    found = {(row["group"], row["measure"]): row for row in correlations(up + down, "topological")}
    share = measure_name("share", "edge pair")
    assert found["up", share]["spearman"] == pytest.approx(1)
    assert found["down", share]["spearman"] == pytest.approx(-1)
    assert found["up", share]["networks"] == 6
    assert found["all groups", share]["networks"] == 12
    assert (
        found["all groups", share]["low"]
        <= found["all groups", share]["spearman"]
        <= found["all groups", share]["high"]
    )
    assert {row["W"] for row in correlations(up, "topological")} == {1.0}
    assert {row["group"] for row in correlations(up, "topological")} == {"up"}


def test_what_does_not_vary_has_no_correlation_and_few_networks_have_none():
    (first, *_) = correlations(list(rows("same", [1] * 6, range(6))), "topological")
    assert math.isnan(first["spearman"])
    assert correlations(list(rows("few", range(4), range(4))), "topological") == []


def test_groups_are_means_over_networks():
    means = of_groups(list(rows("g", [0.1, 0.2, 0.6], [0.5, 0.6, 0.7])))
    (share,) = [row for row in means if row["measure"] == measure_name("share", "edge pair")]
    assert share["value"] == pytest.approx(0.3)
    assert share["networks"] == 3
    assert share["low"] < 0.3 < share["high"]
