"""The picture of what an ensemble knows of its own doubt."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor

from sshml import intervals
from sshml.physics.hamiltonians import Hamiltonian
from sshml.uncertainty.ensemble import Answers

_BINS = 24
_RELIABILITY_BINS = 10
# Chains of a bin, below which its share says nothing.
_FEWEST = 10


def uncertainty(
    answers: Mapping[float, Answers], strangeness: Mapping[float, Tensor], hamiltonian: Hamiltonian
) -> Figure:
    """Calibration, entropy against the distance from the critical line, strangeness, and features.

    Args:
        answers: of an ensemble, by strength.
        strangeness: likewise, shape (members, n).
        hamiltonian: of the chains.

    Returns:
        The figure, six parts. The features are those of the first network.
    """
    figure = Figure(figsize=(14, 8.6), layout="constrained")
    axes = figure.subplots(2, 3)
    n_classes = len(hamiltonian.classes)
    places = {W: answer.distance for W, answer in answers.items() if answer.distance is not None}
    of_line = len(places) == len(answers)
    positions = np.linspace(0.1, 0.85, len(answers))
    colours = {W: colormaps["viridis"](x) for W, x in zip(answers, positions, strict=True)}
    for W, answer in answers.items():
        style = {"color": colours[W], "label": f"W = {W:g}"}
        _reliability(axes[0, 0], answer, style)
        _by_place(axes[0, 1], places[W] if of_line else answer.ratio, answer.entropy.numpy(), style)
        logarithm = strangeness[W].log10().mean(dim=0).numpy()
        axes[0, 2].hist(logarithm, bins=40, histtype="step", density=True, lw=1.6, **style)
    axes[0, 0].plot([1 / n_classes, 1], [1 / n_classes, 1], "k:", lw=1)
    axes[0, 0].set(
        xlabel="ensemble confidence", ylabel="accuracy",
        title=f"calibration, 95 % intervals\n(bins of {_FEWEST} chains or more)",
        xlim=(1 / n_classes, 1), ylim=(0, 1.02),
    )  # fmt: skip
    if of_line:
        axes[0, 1].axvline(0, color="k", lw=1, ls=":")
    axes[0, 1].set(
        xlabel=f"{hamiltonian.symbol} minus its critical value" if of_line else hamiltonian.symbol,
        ylabel="predictive entropy (nats)",
        title="predictive entropy against\ndistance from criticality"
        if of_line
        else "predictive entropy against the control",
        ylim=(0, 1.05 * np.log(n_classes)),
    )
    axes[0, 2].set(
        xlabel="log$_{10}$ of the squared Mahalanobis distance", ylabel="density of chains",
        title="feature distance from the training data\n(mean over networks)",
    )  # fmt: skip
    for ax in axes[0]:
        ax.legend(fontsize=9)
    _features(figure, axes[1], answers, colours, hamiltonian)
    return figure


def _reliability(axes: Axes, answers: Answers, style: Mapping[str, object]) -> None:
    confidence, predicted = answers.together.exp().max(dim=1)
    right = (predicted == answers.labels).double().numpy()
    lowest = 1 / answers.together.shape[1]
    place = (confidence.numpy() - lowest) / (1 - lowest) * _RELIABILITY_BINS
    bins = place.clip(0, _RELIABILITY_BINS - 1).astype(int)
    points = []
    for k in range(_RELIABILITY_BINS):
        own = right[bins == k]
        if len(own) >= _FEWEST:
            share, (low, high) = own.mean(), intervals.of_share(int(own.sum()), len(own))
            points.append((confidence.numpy()[bins == k].mean(), share, share - low, high - share))
    x, y, *error = np.transpose(points) if points else np.empty((4, 0))
    axes.errorbar(x, y, yerr=error, marker="o", ms=4, lw=1, capsize=2, **style)  # type: ignore[arg-type]


def _by_place(
    axes: Axes,
    place: NDArray[np.float64],
    entropy: NDArray[np.floating],
    style: Mapping[str, object],
) -> None:
    edges = np.linspace(place.min(), place.max() + 1e-9, _BINS + 1)
    bins = np.digitize(place, edges) - 1
    known = [k for k in range(_BINS) if (bins == k).any()]
    middle = (edges[:-1] + edges[1:])[known] / 2
    axes.plot(middle, [entropy[bins == k].mean() for k in known], lw=1.6, **style)  # type: ignore[arg-type]


def _features(
    figure: Figure,
    axes: "np.ndarray[tuple[int], np.dtype[np.object_]]",
    answers: Mapping[float, Answers],
    colours: Mapping[float, object],
    hamiltonian: Hamiltonian,
) -> None:
    """Principal components of the features, by the control, by W and by the answer."""
    strengths = list(answers)
    features = torch.cat([answers[W].features[0] for W in strengths]).double().numpy()
    if features.shape[1] == 1:  # of a network with one channel
        features = np.pad(features, ((0, 0), (0, 1)))
    fitted = PCA(n_components=2).fit(features)
    points = fitted.transform(features)
    ratio = np.concatenate([answers[W].ratio for W in strengths])
    of_strength = np.concatenate([np.full(len(answers[W].ratio), W) for W in strengths])
    probabilities = torch.cat([answers[W].logits[0].softmax(dim=1) for W in strengths])
    # Dark in the middle of their scales: what is close to the transition is to be seen.
    dots = {"s": 5, "alpha": 0.7, "linewidths": 0}
    image = axes[0].scatter(*points.T, c=ratio, cmap="berlin_r", **dots)
    figure.colorbar(image, ax=axes[0], label=hamiltonian.symbol)
    for W in strengths:
        own = of_strength == W
        axes[1].scatter(*points[own].T, color=colours[W], label=f"W = {W:g}", **dots)
    axes[1].legend(fontsize=9, markerscale=2)
    classes = hamiltonian.classes
    if len(classes) == 2:
        image = axes[2].scatter(
            *points.T, c=probabilities[:, 1].numpy(), cmap="berlin", vmin=0, vmax=1, **dots
        )
        figure.colorbar(image, ax=axes[2], label=f"probability of {classes[1]}")
    else:
        for number, name in enumerate(classes):
            called = (probabilities.argmax(dim=1) == number).numpy()
            axes[2].scatter(*points[called].T, label=f"predicted {name}", **dots)
        axes[2].legend(fontsize=9, markerscale=2)
    shares = 100 * fitted.explained_variance_ratio_
    for ax, by in zip(axes, ("ratio", "disorder", "prediction"), strict=True):
        ax.set(
            xlabel=f"first component ({shares[0]:.0f} % of the variance)",
            ylabel=f"second component ({shares[1]:.0f} %)",
            title=f"features of one network,\ncoloured by {by}",
        )
