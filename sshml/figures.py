"""The pictures of a run. Each function returns a matplotlib Figure and touches no global state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sshml import intervals
from sshml.data.representations import DensityProfile, Representation
from sshml.data.samples import Parameter
from sshml.physics import profile_maxima

# A picture has no more points than this a side; of a larger profile it shows the brightest in each.
_POINTS = 130
# Parameters of a sample that have room beside its picture.
_PARAMETERS = 4
_COLOURS_OF_SHARES = ("tab:green", "tab:purple", "tab:orange", "tab:blue", "tab:brown", "tab:pink")
_COLOURS = {"train": "tab:blue", "val": "tab:orange"}


@dataclass(frozen=True)
class Example:
    """A sample, what a network says of it, and where it looks.

    Attributes:
        image: what the network sees, shape (H, W); of several channels the first.
        n_channels: how many the network sees.
        maps: raw maps of each class, shape (C, h, w).
        of_maps: what a pixel of them is, as TeX.
        label: its class.
        probabilities: of the C classes, by the network.
        classes: their names.
        parameters: what is known of the sample beside its label, such as t1/t2.
        representation: what the image is.
    """

    image: NDArray[np.float32]
    n_channels: int
    maps: NDArray[np.float32]
    of_maps: str
    label: int
    probabilities: Sequence[float]
    classes: Sequence[str]
    parameters: Mapping[Parameter, float]
    representation: Representation

    @property
    def prediction(self) -> int:
        """The class with the highest probability."""
        return int(np.argmax(self.probabilities))

    @property
    def true(self) -> str:
        """Name of its class."""
        return self.classes[self.label]

    @property
    def predicted(self) -> str:
        """Name of the predicted class."""
        return self.classes[self.prediction]


def image_axes(
    axes: Axes,
    image: NDArray[np.floating],
    representation: Representation,
    shape: tuple[int, int] | None = None,
    **style: object,
) -> None:
    """Show what a network sees, or a map stretched over an image of a shape."""
    height, width = shape or image.shape
    axes.set(xticks=_ticks(width), yticks=_ticks(height))
    style = {**image_style(representation, image), **style}
    aspect = "equal" if height == width else "auto"
    axes.imshow(_strongest(image), extent=(0, width, height, 0), aspect=aspect, **style)  # type: ignore[arg-type]


def image_style(representation: Representation, images: NDArray[np.floating]) -> dict[str, Any]:
    """Colours of images of shape (..., H, W): what has a sign is centred at 0."""
    low, high = representation.scale(images)
    colours = "RdBu_r" if representation.is_signed else "afmhot"
    return {"cmap": colours, "vmin": low, "vmax": high, "interpolation": "nearest"}


def _ticks(size: int) -> list[int]:
    return [0, size // 2, size] if size > 1 else []


def _strongest(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """An image of at most _POINTS a side: a single column must not get lost between pixels."""
    factor = -(-max(image.shape) // _POINTS)
    if factor == 1:
        return image
    padded = np.pad(image, [(0, -size % factor) for size in image.shape], mode="edge")
    height, width = (size // factor for size in padded.shape)
    blocks = padded.reshape(height, factor, width, factor)
    high, low = blocks.max(axis=(1, 3)), blocks.min(axis=(1, 3))
    return np.asarray(np.where(high >= -low, high, low))


def sample_images(
    images: NDArray[np.float32],
    labels: Sequence[int],
    parameters: Mapping[Parameter, Sequence[float]],
    classes: Sequence[str],
    representation: Representation,
    n_channels: int = 1,
) -> Figure:
    """What a network sees of some samples, side by side.

    Args:
        images: shape (n, H, W); of several channels the first.
        labels: of each.
        parameters: of each.
        classes: names of the phases.
        representation: of the images.
        n_channels: how many a network sees.
    """
    columns = min(4, len(images))
    rows = -(-len(images) // columns)
    width, height = 2.5 * columns + 1.7, 2.7 * rows + 0.4
    figure = Figure(figsize=(width, height))
    # Fixed margins, in inches: a layout engine takes most of a second for so many axes.
    margins = {"left": 0.6 / width, "right": 1 - 1.1 / width, "bottom": 0.5 / height, "wspace": 0.15}
    grid = figure.subplots(
        rows,
        columns,
        squeeze=False,
        sharex=True,
        sharey=True,
        gridspec_kw={**margins, "top": 1 - 0.5 / height, "hspace": 0.3},
    )
    for axes in grid.flat[len(images) :]:
        axes.remove()
    style = image_style(representation, images)
    for number, (axes, shown, label) in enumerate(zip(grid.flat, images, labels, strict=False)):
        image_axes(axes, shown, representation, **style)
        known = (f"{p.symbol} = {of[number]:.3g}" for p, of in parameters.items())
        axes.set_title("\n".join(filter(None, [", ".join(known), classes[label]])), fontsize=9)
    for axes in grid[:, 0]:
        axes.set_ylabel(representation.rows)
    for axes in grid[-1]:
        axes.set_xlabel(representation.columns)
    image = grid[0, 0].images[0]
    bar = figure.add_axes((1 - 0.95 / width, 0.2, 0.15 / width, 0.6))
    figure.colorbar(
        image,
        cax=bar,
        label=representation.quantity + _first_of(n_channels),
        extend=_extend(images, style),
    )
    return figure


def _first_of(n_channels: int) -> str:
    return f"\nchannel 1 of {n_channels}" if n_channels > 1 else ""


def _extend(images: NDArray[np.floating], style: Mapping[str, Any]) -> str:
    """The end of a colour bar beyond which there are values of images."""
    return "max" if images.max() > style["vmax"] else "neither"


def learning_curves(rows: Sequence[Mapping[str, float]], best_epoch: int) -> Figure:
    """Loss and accuracy of training and validation against epochs.

    Args:
        rows: of ``metrics.csv``.
        best_epoch: whose checkpoint was kept as the best.
    """
    figure = Figure(figsize=(9, 3.6))
    margins = {"left": 0.1, "right": 0.985, "bottom": 0.14, "top": 0.96, "wspace": 0.22}
    for axes, (name, scale, unit) in zip(
        figure.subplots(1, 2, gridspec_kw=margins),
        (("loss", 1, "cross-entropy loss"), ("accuracy", 100, "accuracy (%)")),
        strict=True,
    ):
        for stage, title in (("train", "training"), ("val", "validation")):
            points = [
                (r["epoch"], scale * r[f"{stage}/{name}"]) for r in rows if f"{stage}/{name}" in r
            ]
            marker = "o" if len(points) < 30 else None
            axes.plot(
                *zip(*points, strict=True), color=_COLOURS[stage], label=title, marker=marker, ms=3
            )
        axes.axvline(best_epoch, color="0.6", ls=":", label="best checkpoint")
        axes.set(xlabel="epoch", ylabel=unit, xlim=(0, max(r["epoch"] for r in rows) + 1))
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    losses = [value for row in rows for name, value in row.items() if name.endswith("loss")]
    if any(0 < loss < np.inf for loss in losses):  # not so in a run that diverged
        figure.axes[0].set_yscale("log")
    figure.axes[0].legend()
    return figure


def confusion_matrix(counts: NDArray[np.integer], classes: Sequence[str]) -> Figure:
    """Counts of the test set.

    Args:
        counts: shape (C, C), rows true classes, columns predicted ones.
        classes: their names; of two the second is called positive.
    """
    n = len(classes)
    signs = ("TN\n", "FP\n", "FN\n", "TP\n") if n == 2 else ("",) * n**2
    figure = Figure(figsize=(2.4 + n, 1.8 + n), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), sign in zip(np.ndindex(n, n), signs, strict=True):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{sign}{counts[row, column]:,}\n{100 * share:.2f} %".replace(",", "\N{THIN SPACE}"),
            ha="center",
            va="center",
            color="white" if share > 0.5 else "black",
        )
    axes.set(xticks=range(n), yticks=range(n), xlabel="predicted", ylabel="true")
    axes.set_xticklabels(classes)
    axes.set_yticklabels(classes, rotation=90, va="center")
    figure.colorbar(image, label="fraction of the true phase (%)")
    return figure


def accuracy_by_parameter(
    values: NDArray[np.floating],
    symbol: str,
    labels: NDArray[np.integer],
    predictions: NDArray[np.integer],
    classes: Sequence[str],
    critical: Sequence[float] = (),
) -> Figure:
    """Accuracy, and the share called by each class (of two the second), against a parameter.

    Args:
        values: of each test sample, shape (n,).
        symbol: of the parameter, as TeX.
        labels: shape (n,).
        predictions: shape (n,).
        classes: their names.
        critical: the values in the thermodynamic limit where the phase changes, as far as known.
    """
    # Enough samples in each bin for a share to mean something.
    n_bins = int(np.clip(len(values) / 25, 1, 20))
    edges = np.linspace(values.min(), values.max(), n_bins + 1)
    bins = np.clip(np.digitize(values, edges) - 1, 0, n_bins - 1)
    centres = (edges[:-1] + edges[1:]) / 2
    if len(known := np.unique(values)) <= n_bins:  # a parameter of a few values has one bin each
        centres, bins = known, np.searchsorted(known, values)
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    shares = {"accuracy": predictions == labels}
    shares |= {
        f"fraction predicted {name}": predictions == number
        for number, name in enumerate(classes)
        if number > 0 or len(classes) > 2
    }
    for (title, of_samples), colour in zip(shares.items(), _COLOURS_OF_SHARES, strict=False):
        points = []
        for b in np.unique(bins):
            inside = of_samples[bins == b]
            interval = intervals.of_share(int(inside.sum()), len(inside))
            points.append(100 * np.array([centres[b] / 100, inside.mean(), *interval]))
        x, y, low, high = np.transpose(points)
        axes.plot(x, y, "o-", ms=3, color=colour, label=title)
        axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
    for value in critical:
        label = f"critical {symbol} = {value:.4f}"
        axes.axvline(value, color="0.5", ls="--", label=label)
    axes.set(xlabel=symbol, ylabel="fraction of the test samples in the bin (%)", ylim=(-4, 104))
    axes.grid(alpha=0.3)
    axes.legend(title="bands: 95 % interval", fontsize=9)
    return figure


def map_panel(examples: Sequence[Example], title: str) -> Figure:
    """Images, maxima of profiles and raw maps of all classes, a row an example, right ones first.

    Args:
        examples: at least one, of one kind of image and chain.
        title: of the figure.
    """
    rows = sorted(examples, key=lambda e: (e.prediction != e.label, e.label))
    representation, classes = examples[0].representation, examples[0].classes
    heads = [representation.title + _first_of(examples[0].n_channels)]
    heads += ["maximum of each state"] * isinstance(representation, DensityProfile)
    n_images, height, width = len(heads), 1.75 * len(rows) + 1.2, 3.3 + 1.95 + 2.7 * len(classes)
    figure = Figure(figsize=(width, height))
    figure.suptitle(title, y=1 - 0.15 / height)
    # Fixed margins, in inches: a layout engine takes seconds for so many axes.
    margins = {"left": 2.2 / width, "right": 1 - 0.78 / width, "bottom": 0.5 / height}
    ratios = (*(1,) * n_images, *(0.35, 1) * len(classes))
    layout = figure.add_gridspec(
        len(rows), len(ratios), width_ratios=ratios, top=1 - 0.7 / height, **margins
    )
    columns = (*range(n_images), *range(n_images + 1, len(ratios), 2))
    grid = np.array([[figure.add_subplot(layout[r, c]) for c in columns] for r in range(len(rows))])
    heads += [f"map: {name}" for name in classes]
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=10)
    for row, example in zip(grid, rows, strict=True):
        shown = [example.image, *([profile_maxima(example.image)] if n_images == 2 else [])]
        for axes, image in zip(row, shown, strict=False):
            image_axes(axes, image, representation)
        row[0].set_ylabel(representation.rows)
        for axes, activation in zip(row[n_images:], example.maps, strict=True):
            # A scale of its own: the classes differ by more than the places within a class.
            limits = {"vmin": activation.min(), "vmax": activation.max(), "cmap": "viridis"}
            image_axes(axes, activation, representation, example.image.shape, **limits)
        for axes in row[1:]:
            axes.tick_params(labelleft=False)
        for axes in row[n_images - 1 :]:
            bar = axes.inset_axes((1.05, 0.0, 0.05, 1.0))
            of_images = axes is row[n_images - 1]
            style = image_style(representation, example.image)
            extend = _extend(example.image, style) if of_images else "neither"
            figure.colorbar(axes.images[0], cax=bar, extend=extend)
            bar.set_title(representation.quantity if of_images else example.of_maps, fontsize=9)
            bar.tick_params(labelsize=8)
            bar.yaxis.set_major_locator(MaxNLocator(4))
        describe(row[0], example)
    for axes in grid[:-1].flat:
        axes.tick_params(labelbottom=False)
    for axes in grid[-1]:
        axes.set_xlabel(representation.columns)
    return figure


def image_picture(example: Example) -> Figure:
    """What the network sees alone, for a table."""
    return _picture(_strongest(example.image), image_style(example.representation, example.image))


def map_picture(example: Example) -> Figure:
    """The map of the predicted class alone, for a table."""
    return _picture(example.maps[example.prediction], {"cmap": "viridis"})


def _picture(image: NDArray[np.floating], style: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(1.6, 1.6))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.imshow(image, aspect="auto", **style)
    return figure


def describe(axes: Axes, example: Example) -> None:
    """Write beside the first picture of a row what it is and what the network says of it."""
    right = example.prediction == example.label
    named = zip(example.classes, example.probabilities, strict=True)
    shown = list(named)[len(example.classes) == 2 :]  # of two the second says it
    probabilities = "".join(f"p({name}) = {p:.3f}\n" for name, p in shown)
    parameters = [f"{known.symbol} = {value:.4g}" for known, value in example.parameters.items()]
    text = (
        f"{'right' if right else 'WRONG'}\n"
        f"true: {example.true}\n"
        f"predicted: {example.predicted}\n"
        f"{probabilities}"
    ) + "\n".join(parameters[:_PARAMETERS] + ["…"] * (len(parameters) > _PARAMETERS))
    axes.annotate(
        text,
        xy=(0, 0.5),
        xycoords="axes fraction",
        xytext=(-39, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=9,
        color="black" if right else "tab:red",
    )
