"""Methods change what they may, use what they say, and help."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from sshml.data.datamodule import SSHDataModule
from sshml.data.streams import Split
from sshml.errors import ConfigError
from sshml.networks import CNN, GlobalAveragePoolingNetwork
from sshml.transfer.methods import BatchNormStatistics, DomainAdversarial, FineTune, ZeroShot
from sshml.transfer.methods.domain_adversarial import _ReversedGradient
from sshml.transfer.scores import ask, score

# Trained networks differ between processors about as much as between seeds. So what training does is
# asserted of means over seeds; beside each bound stands how many standard deviations of the mean it is
# away.
SEEDS = range(4)


def network(seed=0):
    torch.manual_seed(seed)
    return CNN(widths=[8, 8], pool_after=[1]).eval()


def data(**settings):
    return SSHDataModule(**{"n_cells": 8, "W": 0.3, "n_train": 100, "n_test": 200, **settings})


def changed(before, after):
    pairs = zip(before.state_dict().items(), after.state_dict().values(), strict=True)
    return {name for (name, old), new in pairs if not torch.equal(old, new)}


def test_zero_shot_is_the_network_itself():
    before = network()
    assert ZeroShot().adapt(before, data(W=0.0), data(), 0) is before


def test_only_what_is_not_frozen_changes():
    before = network()
    tuned = FineTune(n_samples=20, epochs=1, freeze=["features"]).adapt(before, data(W=0.0), data(), 0)
    assert changed(before, tuned) == {"head.weight", "head.bias"}
    assert not tuned.training
    tuned = FineTune(n_samples=20, epochs=1).adapt(before, data(W=0.0), data(), 0)
    assert changed(before, tuned) == set(before.state_dict())


def test_a_few_labelled_samples_help():
    method = FineTune(n_samples=100, epochs=15, lr=0.01)
    accuracies = []
    for seed in SEEDS:
        target = data(seed=seed)
        accuracies.append(accuracy(method.adapt(network(seed), data(W=0.0), target, seed), target))
    assert np.mean(accuracies) > 0.55  # by chance 0.5; measured 0.745 +- 0.032: 6


def accuracy(tested, module):
    answers = ask(tested, module)
    return score(answers.predictions, answers.labels)["accuracy"]


def test_replay_keeps_what_was_learned():
    # A target of topological chains alone has nothing to say of trivial ones.
    options = {"n_samples": 40, "epochs": 10, "lr": 0.01}
    learned, kept = [], []
    for seed in SEEDS:
        source = data(W=0.0, n_train=200, seed=seed)
        target = data(ratio_range=(0.0, 0.9), seed=seed)
        before = FineTune(n_samples=200, epochs=15, lr=0.01).adapt(network(seed), target, source, seed)
        learned.append(accuracy(before, source))
        without, with_replay = (
            accuracy(FineTune(**options, replay=n).adapt(before, source, target, seed), source)
            for n in (0, 1)
        )
        kept.append(with_replay - without)
    assert np.mean(learned) > 0.9  # measured 0.979 +- 0.007: 11
    assert np.mean(kept) > 0.1  # measured 0.367 +- 0.045: 6


def test_the_same_seed_tunes_to_the_same_network():
    before = network()
    method = FineTune(n_samples=30, epochs=2)
    first, second, other = (method.adapt(before, data(W=0.0), data(), seed) for seed in (1, 1, 2))
    assert not changed(first, second)
    assert changed(first, other)


@pytest.mark.parametrize(
    ("freeze", "message"),
    [(["feature"], "no such part"), (["features", "head"], "freezes everything")],
)
def test_parts_that_cannot_be_frozen(freeze, message):
    with pytest.raises(ConfigError, match=message):
        FineTune(freeze=freeze).check(network(), SSHDataModule(n_train=100, n_cells=8))


def test_batch_norms_get_the_statistics_of_the_target():
    before, target = network(), data(W=2.0)
    after = BatchNormStatistics(n_samples=60, batch_size=60).adapt(before, data(W=0.0), target, 0)
    assert not after.training
    norms = {f"{name}.{part}" for name, m in before.named_modules() if isinstance(m, nn.BatchNorm2d)
             for part in ("running_mean", "running_var", "num_batches_tracked")}  # fmt: skip
    assert changed(before, after) == norms
    # Of the first layer they can be had without it.
    seen = before.features[0](target.dataset(Split.TRAIN).__getitems__(range(60))["input"])
    statistics = after.features[1]
    torch.testing.assert_close(statistics.running_mean, seen.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(statistics.running_var, seen.var(dim=(0, 2, 3)))


def test_the_reversed_gradient_is_minus_the_gradient():
    features = torch.tensor([1.0, 2.0], requires_grad=True)
    said = _ReversedGradient.apply(features, 0.5)
    assert torch.equal(said, features)
    (said**2).sum().backward()
    torch.testing.assert_close(features.grad, torch.tensor([-1.0, -2.0]))


def separable(net, source, target):
    """How well a linear reading of the features tells target from source: area under the ROC curve.

    With the batch norms' statistics of either, as in training.
    """
    net = copy.deepcopy(net).train()
    features = []
    for module in (source, target):
        profiles = module.dataset(Split.TEST).__getitems__(range(200))["input"]
        with torch.no_grad():
            features.append(net.features(profiles).mean(dim=(2, 3)))
    x = torch.cat(features)
    x = torch.cat([(x - x.mean(0)) / x.std(0), torch.ones(len(x), 1)], dim=1)
    y = torch.cat([torch.zeros(200), torch.ones(200)])
    score = x @ torch.linalg.lstsq(x, y.unsqueeze(1)).solution[:, 0]
    return float((score[y == 1].unsqueeze(1) > score[y == 0]).float().mean())


def test_adversarial_training_hides_the_target_from_the_features():
    hidden = []
    for seed in range(5):
        source, target = (data(W=W, n_train=400, seed=seed) for W in (0.0, 1.0))
        alone, adversarial = (
            DomainAdversarial(n_samples=400, epochs=30, weight=weight).adapt(
                network(seed), source, target, seed
            )
            for weight in (0.0, 1.0)
        )
        hidden.append(separable(alone, source, target) - separable(adversarial, source, target))
    assert np.mean(hidden) > 0  # measured 0.075 +- 0.014: 5


def test_what_methods_use_of_the_target():
    assert (ZeroShot().labelled, ZeroShot().unlabelled) == (0, 0)
    assert (FineTune(n_samples=7).labelled, FineTune().unlabelled) == (7, 0)
    assert (BatchNormStatistics().labelled, BatchNormStatistics(n_samples=9).unlabelled) == (0, 9)
    assert (DomainAdversarial().labelled, DomainAdversarial(n_samples=9).unlabelled) == (0, 9)


def test_a_network_without_batch_norm_is_refused():
    bare = GlobalAveragePoolingNetwork(nn.Conv2d(1, 4, 3), n_features=4)
    for method in (BatchNormStatistics(), DomainAdversarial(batch_norm=True)):
        with pytest.raises(ConfigError, match="no batch norm"):
            method.check(bare, SSHDataModule(n_train=5000, n_cells=8))
