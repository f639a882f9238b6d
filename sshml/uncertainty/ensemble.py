"""Networks of several seeds as one: what they say together, and how sure they are."""

import math
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
from sshml.explain.subject import Subject, check_together
from sshml.training.metrics import PhaseMetrics
from sshml.transfer.phase_diagram import exact_boundary

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
        distance: t1/t2 minus the critical ratio of an infinite chain of that strength, shape (n,); that
            is 0 where such chains of every ratio are trivial.
        ratio: t1/t2, shape (n,).
        logits: of the members, shape (members, n, 2).
        features: of the members, behind the global average pooling, shape (n, K) each.
    """

    labels: Tensor
    distance: NDArray[np.float64]
    ratio: NDArray[np.float64]
    logits: Tensor
    features: list[Tensor]

    @property
    def together(self) -> Tensor:
        """Logarithms of the mean probabilities of the members, shape (n, 2)."""
        of_members = self.logits.double().log_softmax(dim=-1)
        return of_members.logsumexp(dim=0) - math.log(len(of_members))

    @property
    def entropy(self) -> Tensor:
        """Of the mean probabilities, in nats, shape (n,); at most log 2."""
        each: Tensor = torch.special.entr(self.together.exp())
        return each.sum(dim=-1)


class Ensemble:
    """Networks that are asked about the same chains, those of the first.

    Args:
        subjects: two or more, of one size of images and one convention of disorder.

    Raises:
        ConfigError: if they do not fit together.
    """

    def __init__(self, subjects: Sequence[Subject]) -> None:
        if len(subjects) < 2:
            raise ConfigError("expected the checkpoints of at least two networks, of other seeds")
        check_together([(subject.checkpoint, subject.data) for subject in subjects], subjects[0].chains)
        self.subjects = subjects
        self._known = [FamiliarFeatures.of_training(subject) for subject in subjects]

    def ask(self, W: float) -> Answers:
        """The answers of all members on the test chains of a strength."""
        test = self.subjects[0].test(W)
        ratio = test["parameters"]["ratio"].double().numpy()
        return Answers(
            labels=test["labels"][LABEL],
            distance=ratio - float(exact_boundary(np.array([W]), self.subjects[0].data["disorder"])[0]),
            ratio=ratio,
            logits=torch.stack([subject.logits(test["input"]) for subject in self.subjects]),
            features=[subject.features(test["input"]) for subject in self.subjects],
        )

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
        self._means = torch.stack([values[labels == label].mean(dim=0) for label in (0, 1)])
        centred = values - self._means[labels]
        # To the same scale, for the shrinking; what hardly varies in training would be strange at once.
        spread = float(centred.std())
        if spread == 0:
            raise ValueError("the features of all training chains of a phase are the same")
        self._scale = centred.std(dim=0).clamp(min=_LEAST_SPREAD * spread)
        fitted = LedoitWolf(assume_centered=True).fit((centred / self._scale).numpy())
        self._precision = torch.from_numpy(fitted.precision_)

    @classmethod
    def of_training(cls, subject: Subject) -> "FamiliarFeatures":
        """Those of the first training chains of a network.

        Raises:
            ConfigError: if they are of one phase, or the network does not tell them apart.
        """
        batch = subject.training_chains()
        if not 0 < int(batch["labels"][LABEL].sum()) < len(batch["labels"][LABEL]):
            raise ConfigError(
                f"{subject.checkpoint}: trained on chains of one phase (data.ratio_range="
                f"{subject.data['ratio_range']}); expected both"
            )
        features = subject.features(batch["input"])
        try:
            return cls(features, batch["labels"][LABEL])
        except ValueError as error:
            raise ConfigError(
                f"{subject.checkpoint}: {error}; expected the network of a training that worked"
            ) from error

    def distance(self, features: Tensor) -> Tensor:
        """Squared Mahalanobis distance to the nearer phase, shape (n,)."""
        apart = (features.double().unsqueeze(1) - self._means) / self._scale
        squared = torch.einsum("ncj,jk,nck->nc", apart, self._precision, apart)
        return squared.amin(dim=1).clamp(min=_LEAST_DISTANCE)


def scores(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, cross-entropy and calibration error of logits of shape (n, 2)."""
    metrics = PhaseMetrics()
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
