"""Ensembles of answers that are known, and features of known distributions."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

pytest.importorskip("sklearn")
from sshml.uncertainty.ensemble import Answers, FamiliarFeatures, auroc


def test_together_is_the_mean_of_probabilities_not_of_logits():
    probability = torch.tensor([[[0.9, 0.1]], [[0.2, 0.8]]])
    one = torch.zeros(1)
    said = Answers(one.long(), one.numpy(), one.numpy(), probability.log(), [])
    torch.testing.assert_close(said.together.exp().float(), torch.tensor([[0.55, 0.45]]))
    expected = -(0.55 * math.log(0.55) + 0.45 * math.log(0.45))
    assert float(said.entropy[0]) == pytest.approx(expected)


def test_answers_beyond_doubt_have_no_entropy_and_a_finite_logarithm():
    one = torch.zeros(1)
    said = Answers(one.long(), one.numpy(), one.numpy(), torch.tensor([[[0.0, -300.0]]] * 2), [])
    assert float(said.entropy[0]) == pytest.approx(0)
    assert said.together[0].tolist() == pytest.approx([0, -300])


def test_distance_is_the_mahalanobis_distance_to_the_nearer_phase():
    generator = np.random.default_rng(0)
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    means = np.array([[0.0, 0.0], [10.0, -3.0]])
    labels = np.repeat([0, 1], 40_000)
    features = generator.multivariate_normal([0, 0], covariance, len(labels)) + means[labels]
    known = FamiliarFeatures(torch.from_numpy(features), torch.from_numpy(labels))
    points = generator.normal(0, 10, (20, 2))
    expected = cdist(points, means, "mahalanobis", VI=np.linalg.inv(covariance)).min(axis=1) ** 2
    np.testing.assert_allclose(known.distance(torch.from_numpy(points)), expected, rtol=0.05)


def test_auroc_is_that_of_mann_and_whitney():
    generator = torch.Generator().manual_seed(0)
    strange, familiar = torch.randn(50, generator=generator) + 1, torch.randn(70, generator=generator)
    statistic = mannwhitneyu(strange, familiar).statistic
    assert auroc(100 * strange, 100 * familiar) == pytest.approx(statistic / (50 * 70))
    assert auroc(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1
    assert auroc(torch.ones(4), torch.ones(3)) == 0.5
