"""Fine-tuning changes what it may, and helps."""

import pytest
import torch

from sshml.data.datamodule import SSHDataModule
from sshml.errors import ConfigError
from sshml.networks import CNN
from sshml.transfer.methods import FineTune, ZeroShot
from sshml.transfer.scores import ask, score


def network():
    torch.manual_seed(0)
    return CNN(widths=[8, 8], pool_after=[1]).eval()


def data(**settings):
    return SSHDataModule(**{"n_cells": 8, "W": 0.3, "n_train": 100, "n_test": 200, **settings})


def changed(before, after):
    pairs = zip(before.state_dict().items(), after.state_dict().values(), strict=True)
    return {name for (name, old), new in pairs if not torch.equal(old, new)}


def test_zero_shot_is_the_network_itself():
    before = network()
    assert ZeroShot().adapt(before, data(), 0) is before


def test_only_what_is_not_frozen_changes():
    before = network()
    tuned = FineTune(n_samples=20, epochs=1, freeze=["features"]).adapt(before, data(), 0)
    assert changed(before, tuned) == {"head.weight", "head.bias"}
    assert not tuned.training
    tuned = FineTune(n_samples=20, epochs=1).adapt(before, data(), 0)
    assert changed(before, tuned) == set(before.state_dict())


def test_a_few_labelled_samples_help():
    before, target = network(), data()
    method = FineTune(n_samples=100, epochs=15, lr=0.01)
    after = method.adapt(before, target, 0)
    accuracies = []
    for tested in (before, after):
        answers = ask(tested, target.test_dataloader())
        accuracies.append(score(answers.predictions, answers.labels)["accuracy"])
    assert accuracies[1] > 0.65 > accuracies[0]


def test_the_same_seed_tunes_to_the_same_network():
    before = network()
    method = FineTune(n_samples=30, epochs=2)
    first, second, other = (method.adapt(before, data(), seed) for seed in (1, 1, 2))
    assert not changed(first, second)
    assert changed(first, other)


@pytest.mark.parametrize(
    ("freeze", "message"),
    [(["feature"], "no such part"), (["features", "head"], "leaves nothing to train")],
)
def test_parts_that_cannot_be_frozen(freeze, message):
    with pytest.raises(ConfigError, match=message):
        FineTune(freeze=freeze).check(network(), {"n_train": 100})
