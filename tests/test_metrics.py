import numpy as np
import pytest
import torch

from sshml.training.metrics import PhaseMetrics, count_names, names


def test_more_than_two_classes_against_their_definitions() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(600, 3)), rng.integers(0, 3, 600)
    labels[labels == 2] *= rng.random((labels == 2).sum()) < 0.5  # classes of different sizes
    metrics = PhaseMetrics(3)
    metrics.update(torch.tensor(logits), torch.tensor(labels))
    values = {name: float(value) for name, value in metrics.compute().items()}
    predicted = logits.argmax(axis=1)
    counts = np.reshape([values[name] for name in count_names(3)], (3, 3))
    expected = [[((labels == i) & (predicted == j)).sum() for j in range(3)] for i in range(3)]
    np.testing.assert_array_equal(counts, expected)
    assert values["accuracy"] == pytest.approx(np.trace(counts) / 600)
    assert values["macro_accuracy"] == pytest.approx(np.mean(np.diag(counts) / counts.sum(axis=1)))
    assert values.keys() == set(names(3))


def test_loss_counts_accuracy_and_calibration_against_their_definitions() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(500, 2)), rng.integers(0, 2, 500)
    logits[:100] = rng.random((100, 2))  # which could be probabilities
    metrics = PhaseMetrics()
    for part in np.array_split(np.arange(500), 10):
        metrics.update(torch.tensor(logits[part]), torch.tensor(labels[part]))
    values = {name: float(value) for name, value in metrics.compute().items()}
    predicted = logits.argmax(axis=1)
    assert values["tp"] == ((predicted == 1) & (labels == 1)).sum()
    assert values["fp"] == ((predicted == 1) & (labels == 0)).sum()
    assert values["tn"] == ((predicted == 0) & (labels == 0)).sum()
    assert values["fn"] == ((predicted == 0) & (labels == 1)).sum()
    assert values["accuracy"] == pytest.approx((predicted == labels).mean())
    # Guo et al. 2017: bins of confidence, mean |accuracy - confidence| weighted by their share.
    confidence = 1 / (1 + np.exp(-np.abs(logits[:, 0] - logits[:, 1])))
    bins = np.minimum((confidence * 15).astype(int), 14)
    ece = sum(
        abs((predicted == labels)[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    )
    assert values["ece"] == pytest.approx(ece, abs=1e-6)
    right = logits[np.arange(500), labels]
    loss = (np.logaddexp(logits[:, 0], logits[:, 1]) - right).mean()
    assert values["loss"] == pytest.approx(loss, abs=1e-6)
    assert values.keys() == set(names(2))
