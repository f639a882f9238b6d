"""Networks of several seeds as one: what they say together, and how sure they are."""

import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc

from sshml.data.ensemble import Label
from sshml.errors import ConfigError
from sshml.explain.checks import check_together
from sshml.files.stored import run_folder_of
from sshml.networks import pools_globally
from sshml.physics.hamiltonians import Hamiltonian
from sshml.trained import TrainedNetwork
from sshml.training.metrics import PhaseMetrics

LABEL: Label = "ratio"
# Of features that are those of the mean chain, so that it has a logarithm.
_LEAST_DISTANCE = 1e-6
# Of a feature, as a part of that of all of them.
_LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Answers:
    """What an ensemble says of the test chains of one strength.

    Attributes:
        labels: of the chains, shape (n,).
        distance: the control minus its critical value nearest to it, of infinite chains of that
            strength, shape (n,); that is 0 where such chains are all of one phase. None where it is
            not known.
        ratio: the control, shape (n,).
        logits: of the members, shape (members, n, C).
        features: of the members, behind the global average pooling, shape (n, K) each.
    """

    labels: Tensor
    distance: NDArray[np.float64] | None
    ratio: NDArray[np.float64]
    logits: Tensor
    features: list[Tensor]

    @property
    def together(self) -> Tensor:
        """Logarithms of the mean probabilities of the members, shape (n, C)."""
        of_members = self.logits.double().log_softmax(dim=-1)
        return of_members.logsumexp(dim=0) - math.log(len(of_members))

    @property
    def entropy(self) -> Tensor:
        """Of the mean probabilities, in nats, shape (n,); at most log C."""
        each: Tensor = torch.special.entr(self.together.exp())
        return each.sum(dim=-1)


def _check_others(networks: Sequence[TrainedNetwork]) -> None:
    """Networks of one training agree with each other more than others do."""
    for first, second in itertools.combinations(networks, 2):
        one, other = first.network.state_dict(), second.network.state_dict()
        alike = one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
        runs = [run_folder_of(os.path.realpath(of.checkpoint)) for of in (first, second)]
        if alike or (runs[0] is not None and runs[0] == runs[1]):
            what = "are the same network" if alike else "are from the same training"
            raise ConfigError(
                f"{first.checkpoint} and {second.checkpoint}: {what}; expected networks trained "
                "with different seeds"
            )


class Ensemble:
    """Networks that are asked about the same chains, those of the first.

    Args:
        networks: two or more, of one kind of chain, disorder and image.
        chains: how many test chains of each strength to ask about.

    Raises:
        ConfigError: if they do not fit together.
    """

    def __init__(self, networks: Sequence[TrainedNetwork], chains: int) -> None:
        if len(networks) < 2:
            raise ConfigError(
                "expected the checkpoints of at least two networks, trained with different seeds"
            )
        check_together(networks, chains)
        _check_others(networks)
        for network in networks:
            if not pools_globally(network.network):
                raise ConfigError(
                    f"{network.checkpoint}: {network.name} has no `features` and linear `head`, from "
                    "which the distance to the training data is computed; choose a network that has "
                    "both"
                )
        self._networks = networks
        self._chains = chains
        self.hamiltonian: Hamiltonian = networks[0].data_module().ensemble.hamiltonian
        self._known = [FamiliarFeatures.of_training(network) for network in networks]

    def ask(self, W: float) -> Answers:
        """The answers of all members on the test chains of a strength."""
        test = self._networks[0].test_chains(W, self._chains)
        ratio = test["parameters"]["ratio"].double().numpy()
        return Answers(
            labels=test["labels"][LABEL],
            distance=self._distance(ratio, W),
            ratio=ratio,
            logits=torch.stack([network.logits(test["input"]) for network in self._networks]),
            features=[network.features(test["input"]) for network in self._networks],
        )

    def _distance(self, ratio: NDArray[np.float64], W: float) -> NDArray[np.float64] | None:
        chain = self.hamiltonian
        disorder = self._networks[0].data["disorder"] or chain.disorders[0]
        lines = chain.critical_ratios(W, disorder)
        if "thermodynamic" in chain.label_kinds:
            lines = np.nan_to_num(lines, nan=0.0)
        lines = lines[np.isfinite(lines)]
        if not len(lines):
            return None
        apart = ratio[:, None] - lines
        nearest = np.abs(apart).argmin(axis=1)[:, None]
        return np.asarray(np.take_along_axis(apart, nearest, axis=1)[:, 0])

    def strangeness(self, answers: Answers) -> Tensor:
        """How far features lie from those of the training, shape (members, n)."""
        pairs = zip(self._known, answers.features, strict=True)
        return torch.stack([known.distance(features) for known, features in pairs])


class FamiliarFeatures:
    """The features that a network has of its training chains: a Gaussian a phase, of one covariance.

    The squared Mahalanobis distance to the nearer mean is the out-of-distribution score of Lee et al.
    (arXiv:1807.03888); the covariance is shrunk (Ledoit and Wolf), as some features hardly vary.

    Args:
        features: shape (n, K).
        labels: shape (n,).

    Raises:
        ValueError: if all features of a phase are the same, so that no distance can be measured.
    """

    def __init__(self, features: Tensor, labels: Tensor) -> None:
        values = features.double()
        classes, number = np.unique(labels.numpy(), return_inverse=True)
        self._means = torch.stack([values[labels == label].mean(dim=0) for label in classes.tolist()])
        centred = values - self._means[torch.from_numpy(number)]
        # To the same scale, for the shrinking; what hardly varies in training would be strange at once.
        spread = float(centred.std())
        if spread == 0:
            raise ValueError("all training chains of a phase have the same features")
        self._scale = centred.std(dim=0).clamp(min=_LEAST_SPREAD * spread)
        fitted = LedoitWolf(assume_centered=True).fit((centred / self._scale).numpy())
        self._precision = torch.from_numpy(fitted.precision_)

    @classmethod
    def of_training(cls, network: TrainedNetwork) -> "FamiliarFeatures":
        """Those of the first training chains of a network.

        Raises:
            ConfigError: if they are of one phase, or the network does not tell them apart.
        """
        batch = network.training_chains()
        labels = batch["labels"][LABEL]
        if len(np.unique(labels.numpy())) < 2:
            raise ConfigError(
                f"{network.checkpoint}: trained on chains of one phase (data.ratio_range="
                f"{network.data['ratio_range']}); expected more"
            )
        features = network.features(batch["input"])
        try:
            return cls(features, labels)
        except ValueError as error:
            raise ConfigError(
                f"{network.checkpoint}: {error}; expected a network whose training succeeded"
            ) from error

    def distance(self, features: Tensor) -> Tensor:
        """Squared Mahalanobis distance to the nearer phase, shape (n,)."""
        apart = (features.double().unsqueeze(1) - self._means) / self._scale
        squared = torch.einsum("ncj,jk,nck->nc", apart, self._precision, apart)
        return squared.amin(dim=1).clamp(min=_LEAST_DISTANCE)


def scores(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, cross-entropy and calibration error of logits of shape (n, C)."""
    metrics = PhaseMetrics(logits.shape[1])
    metrics.update(logits, labels)
    found = metrics.compute()
    return {name: float(found[name]) for name in ("accuracy", "loss", "ece")}


def auroc(strange: Tensor, familiar: Tensor) -> float:
    """Chance that one of the strange has a higher score than one of the familiar ones; ties count half.

    Args:
        strange: scores, shape (n,).
        familiar: scores, shape (m,).
    """
    # To ranks, as the function of torchmetrics takes numbers outside [0, 1] for logits, and rounds.
    both = torch.cat([strange, familiar]).double()
    ranks = torch.unique(both, return_inverse=True)[1].double() / len(both)
    target = torch.cat([torch.ones(len(strange)), torch.zeros(len(familiar))]).long()
    return float(binary_auroc(ranks, target))
