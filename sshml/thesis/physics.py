"""Figs. 1 and 2 of the thesis, which need no network."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sshml.data.representations import DensityProfile
from sshml.figures import image_axes
from sshml.physics import (
    band_gap,
    critical_ratio,
    density_profiles,
    lyapunov_exponent,
    sample_hoppings,
    sample_invariant,
    winding_number,
)

# (t1, t2, W) of Fig. 2a-d.
FIG_2 = ((2.0, 1.0, 0.0), (1.0, 2.0, 0.0), (1.0, 2.0, 0.5), (1.0, 2.0, 5.0))
_STRONGEST = 5.0


def fig1() -> Figure:
    """Gap, as the thesis plots it and as the distance of the bands, and winding number."""
    ratio = np.linspace(0, 2, 401)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    gap = band_gap(1.0, ratio)
    left.plot(ratio, gap, label=r"band gap $2\,|t_1 - t_2|$")
    left.plot(ratio, gap / 2, "--", label=r"$|t_1 - t_2|$, as in Fig. 1b")
    left.set(xlabel="$t_2/t_1$", ylabel="gap ($t_1$)")
    left.legend()
    below, above = ratio[ratio < 1], ratio[ratio > 1]
    for part in (below, above):
        right.plot(part, winding_number(1.0, part), color="tab:blue")
    right.set(xlabel="$t_2/t_1$", ylabel=r"winding number $|\nu|$", yticks=[0, 1])
    for axes in (left, right):
        axes.axvline(1, color="0.6", ls=":")
        axes.grid(alpha=0.3)
    return figure


def fig2(n_cells: int, seed: int) -> Figure:
    """The four density profiles of Fig. 2a-d, saturated as there."""
    rng = np.random.default_rng(seed)
    figure = Figure(figsize=(11.5, 3.3), layout="compressed")
    grid = figure.subplots(1, 4, sharey=True)
    for axes, letter, (t1, t2, W) in zip(grid, "abcd", FIG_2, strict=True):
        # Eq. 6 is multiplicative, so with all hoppings in units of t2 the ratio says it all.
        bonds = sample_hoppings(t1 / t2, W, n_cells, rng=rng)
        image_axes(axes, density_profiles(*bonds)[0], DensityProfile())
        phase = "topological" if lyapunov_exponent(t1 / t2, W) > 0 else "trivial"
        axes.set_title(f"({letter})  $t_1$ = {t1:g}, $t_2$ = {t2:g}, W = {W:g}\n{phase}", fontsize=10)
        axes.set_xlabel("state, by energy")
    grid[0].set_ylabel("site")
    figure.colorbar(grid[0].images[0], ax=grid, label=r"$|\psi|^2$", extend="max", shrink=0.8)
    return figure


def mean_invariant(
    disorder: str, ratios: NDArray[np.float64], strengths: NDArray[np.float64], n_cells: int,
    realisations: int, seed: int,
) -> NDArray[np.float64]:  # fmt: skip
    """Exact invariant averaged over realisations.

    Returns:
        Shape (strengths, ratios), from 0 to 1.
    """
    rng = np.random.default_rng(seed)
    W, t1 = (part.ravel() for part in np.meshgrid(strengths, ratios, indexing="ij"))
    total = np.zeros(len(t1))
    for _ in range(realisations):
        total += sample_invariant(*sample_hoppings(t1, W, n_cells, disorder=disorder, rng=rng))
    return total.reshape(len(strengths), len(ratios)) / realisations


def fig2e(n_cells: int, realisations: int, seed: int) -> Figure:
    """Phase diagrams of the three disorder conventions with their exact critical lines."""
    ratios, strengths = np.linspace(0.01, 2, 100), np.linspace(0, _STRONGEST, 101)
    figure = Figure(figsize=(12, 4), layout="constrained")
    grid = figure.subplots(1, 3, sharey=True)
    for axes, disorder in zip(grid, ("thesis", "additive", "mondragon_shem"), strict=True):
        values = mean_invariant(disorder, ratios, strengths, n_cells, realisations, seed)
        image = axes.pcolormesh(
            ratios, strengths, values, cmap="coolwarm", vmin=0, vmax=1, rasterized=True
        )
        fine = np.linspace(0, _STRONGEST, 401)
        line = [float(critical_ratio(W, disorder)) for W in fine]
        axes.plot(line, fine, "k-", lw=1.5, label="exact, infinite chain")
        axes.add_patch(_worked_area())
        axes.set(title=disorder, xlabel="$t_1/t_2$", xlim=(0, 2), ylim=(0, _STRONGEST))
    grid[0].set_ylabel("disorder strength W")
    grid[0].legend(loc="upper left", fontsize=8)
    label = f"invariant, mean of {realisations} chains of {n_cells} cells"
    figure.colorbar(image, ax=grid, label=label)
    return figure


def _worked_area() -> Rectangle:
    """Where the thesis trains and tests: W up to 0.75."""
    return Rectangle((0, 0), 2, 0.75, fill=False, ls="--", ec="black", lw=1)
