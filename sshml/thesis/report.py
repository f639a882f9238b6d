"""The page: published, measured, difference and why, for every result asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sshml.config.build import TARGET, hamiltonian, representation
from sshml.data.representations import DensityProfile
from sshml.errors import ConfigError
from sshml.files.page import Section, html, markdown, pictures
from sshml.files.provenance import git_revision, versions
from sshml.files.run_folder import write_atomically
from sshml.networks import pools_globally
from sshml.physics import band_gap, lyapunov_exponent, winding_number
from sshml.physics.hamiltonians import SSH
from sshml.thesis import maps, physics
from sshml.thesis.published import FIG_7, FIG_7_W, SECTION_4_1
from sshml.trained import TrainedNetwork
from sshml.transfer.baselines import BASELINES, EXACT
from sshml.transfer.checks import empty_network
from sshml.transfer.columns import Row
from sshml.transfer.figures import accuracy_curve, by_strength
from sshml.transfer.plan import Plan
from sshml.transfer.summary import of_method
from sshml.transfer.table import Table

_HEAD = ("what", "published", "measured", "difference", "why")


@dataclass(frozen=True)
class Results:
    """What the sections are made from.

    Attributes:
        rows: of the study.
        shown: networks trained on clean chains whose maps are shown, maybe none.
        n_cells: of the chains.
        seed: of what is random in the figures without a network.
        network: name of the study's network.
    """

    rows: Sequence[Row]
    shown: Sequence[TrainedNetwork]
    n_cells: int
    seed: int
    network: str


def _fig1(_: Results) -> Section:
    section = Section("Fig. 1b, c: gap and winding number", figures={"fig1": physics.fig1()})
    ratio = np.linspace(0, 2, 2001)
    closes = float(ratio[band_gap(1.0, ratio).argmin()])
    numbers = " and ".join(str(winding_number(1.0, r)) for r in (0.5, 1.5))
    section.rows = [
        ("gap closes at t2/t1", "1", f"{closes:g}", f"{closes - 1:+g}",
         "the band gap is twice Fig. 1b's"),
        ("winding number below and above", "0 and 1", numbers, "-",
         "absolute value; Eqs. 4-5 as printed give -1 above"),
    ]  # fmt: skip
    return section


def _fig2(results: Results) -> Section:
    section = Section("Fig. 2a-d: density profiles")
    section.figures = {"fig2": physics.fig2(results.n_cells, results.seed)}
    section.text = [
        "Saturated, about as in the thesis. Under Eq. 6 the Lyapunov exponent of chain (d) is "
        f"{float(lyapunov_exponent(0.5, 5.0)):+.2f}: positive, so it is topological, although its "
        "profile hardly shows it."
    ]
    return section


def _fig2e(results: Results) -> Section:
    section = Section("Fig. 2e: phase diagrams")
    section.figures = {"fig2e": physics.fig2e(50, 20, results.seed)}
    section.text = [
        "The thesis' diagram, adapted from PRL 113, 046802, is the convention mondragon_shem; its "
        "own Eq. 6 is the convention thesis. Dashed: the disorder strengths it uses."
    ]
    return section


_NO_NETWORK = "No network of this study was trained at W = 0; add one with compare=CHECKPOINT."


def _of_networks(
    name: str, draw: Callable[[TrainedNetwork], Figure], results: Results
) -> dict[str, Figure]:
    """A figure of each network that is shown, by a name of its own."""
    return {
        f"{name}_{number}_{shown.name}" if number else f"{name}_{shown.name}": draw(shown)
        for number, shown in enumerate(results.shown)
    }


def _fig5(results: Results) -> Section:
    section = Section("Fig. 5: where networks look on clean chains")
    section.figures = _of_networks("fig5", maps.fig5, results)
    section.text = [_NO_NETWORK] * (not results.shown)
    return section


def _fig6(results: Results) -> Section:
    section = Section("Fig. 6: where networks look on disordered chains")
    section.figures = _of_networks("fig6", maps.fig6, results)
    section.text = [_NO_NETWORK] * (not results.shown)
    return section


def _c2(results: Results) -> Section:
    section = Section("Claim: ResNet18's map is more precise")
    section.text = [
        "Fraction of the positive part of the map of the topological class that lies in the outer "
        "eighth of the sites at each end and the middle eighth of the states, on clean topological "
        "test chains. The chance level is the fraction of the area."
    ]
    gains = {}
    for shown in results.shown:
        found = maps.precision(shown)
        if not found.n:
            section.text.append(f"No map of {shown.name} has a positive part.")
            continue
        gains[shown.name] = found.mean / found.area
        section.rows.append((
            shown.name, "detects the edges", f"{found.mean:.1%} ± {found.interval:.1%}",
            f"{found.mean / found.area:.1f} times the chance level of {found.area:.1%}",
            f"{found.n} chains; maps of one network",
        ))  # fmt: skip
    if len(results.shown) < 2:
        section.text.append("There is only one network; add the other with compare=CHECKPOINT.")
    if gains.keys() == {"CNN", "ResNet18"}:
        holds = "holds" if gains["ResNet18"] > gains["CNN"] else "does not hold"
        section.text.append(
            f"The claim {holds} here: {gains['ResNet18']:.1f} times chance for ResNet18, "
            f"{gains['CNN']:.1f} times for the CNN."
        )
    return section


def _accuracies(results: Results, train_W: float, W: float) -> list[Row]:
    return [row for row in of_method(results.rows) if (row["train_W"], row["W"]) == (train_W, W)]


def _row(
    what: str, published: float, found: Sequence[Row], rows: Sequence[Row]
) -> tuple[str, str, str, str, str]:
    """A row of published and measured accuracy in %, mean and spread over seeds."""
    if not found:
        return (what, f"{published:g} %", "not measured", "-", "not part of this study, or failed")
    values = [100 * row["accuracy"] for row in found]
    mean = float(np.mean(values))
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return (
        what,
        f"{published:g} %",
        f"{mean:.2f}{spread} %",
        f"{mean - published:+.2f}",
        _why(published, found, rows),
    )


def _why(published: float, found: Sequence[Row], rows: Sequence[Row]) -> str:
    """What the other rows and columns say of a difference."""
    values = [100 * row["accuracy"] for row in found]
    ceiling, called = (
        100 * float(np.mean([row[key] for row in found])) for key in ("ceiling", "topological_share")
    )
    error = 196 * (published / 100 * (1 - published / 100) / found[0]["n"]) ** 0.5
    if abs(np.mean(values) - published) <= max(0.1, error):
        return f"within the sampling error of {found[0]['n']} chains"
    reasons = []
    if published > ceiling:
        reasons.append(
            f"on fresh chains even the exact invariant reaches only {ceiling:.1f} %, so no network "
            "can reach the published value"
        )
    if max(values) - min(values) > 1:
        inside = min(values) <= published <= max(values)
        reasons.append(
            f"{'depends on the training: ' * inside}seeds range from {min(values):.1f} to "
            f"{max(values):.1f} %"
        )
    reasons += [
        f"the networks predict the same as the {name.replace('_', ' ')}, to within 2 % of the chains"
        for name in BASELINES
        if name != EXACT and all(_counts_agree(row, of_method(rows, name)) for row in found)
    ] or [f"{called:.0f} % are predicted topological"]
    return "; ".join(reasons)


def _counts_agree(network: Row, detector: Sequence[Row]) -> bool:
    """Whether a detector in the network's place is right and wrong as often, to 2 % of the chains."""
    cell = ("train_W", "seed", "W")
    return any(
        abs(network["tp"] - row["tp"]) + abs(network["tn"] - row["tn"]) <= 0.02 * row["n"]
        for row in detector
        if all(row[key] == network[key] for key in cell)
    )


def _section_4_1(results: Results) -> Section:
    section = Section("Section 4.1: trained on clean chains, tested on disordered ones")
    for W, published in SECTION_4_1.items():
        found = _accuracies(results, 0.0, W)
        section.rows.append(_row(f"accuracy at W = {W:g}", published, found, results.rows))
        if found:
            counts = " / ".join(
                f"{np.mean([row[k] for row in found]):.0f}" for k in ("tp", "fp", "tn", "fn")
            )
            called = 100 * float(np.mean([row["topological_share"] for row in found]))
            published_share = "almost all" if W else "-"
            section.rows.append((
                f"predicted topological at W = {W:g}", published_share, f"{called:.1f} %", "-",
                f"tp / fp / tn / fn = {counts}, mean over {len(found)} seed(s)",
            ))  # fmt: skip
    return section


_FIG_7_TRIED = (
    "The thesis does not say whether each chain of a data set has its own disorder realisation, as "
    "here; with data.realisations=frozen all chains share one, which a network can learn."
)


def _fig7(name: str) -> Callable[[Results], Section]:
    train_W, published = FIG_7[name]

    def section_of(results: Results) -> Section:
        section = Section(f"Fig. 7{name[-1]}: trained at W = {train_W:g}")
        for W, value in zip(FIG_7_W, published, strict=True):
            found = _accuracies(results, train_W, W)
            section.rows.append(_row(f"W = {W:g}", value, found, results.rows))
        own = [row for row in results.rows if row["train_W"] == train_W]
        if own:
            points = {f"thesis, Fig. 7{name[-1]} (read off)": (FIG_7_W, published)}
            section.figures = {name: accuracy_curve(own, points)}
        section.text = [_FIG_7_TRIED]
        return section

    return section_of


def _x3(results: Results) -> Section:
    """Strong to weak against weak to strong, over the range between."""
    section = Section("Claim: strong to weak transfers better than weak to strong")
    means = {}
    networks = of_method(results.rows)
    measured = [{r["W"] for r in networks if r["train_W"] == train_W} for train_W, _ in FIG_7.values()]
    # The same strengths for both, and for what is published.
    strengths = set(FIG_7_W[1:-1]) & measured[0] & measured[1]
    for name, (train_W, published) in FIG_7.items():
        own = [r for r in networks if r["train_W"] == train_W and r["W"] in strengths]
        if own:
            means[name] = 100 * float(by_strength(own)[1].mean())
            others = [v for W, v in zip(FIG_7_W, published, strict=True) if W in strengths]
            expected = float(np.mean(others))
            section.rows.append((
                f"trained at W = {train_W:g}, mean over the {len(strengths)} strengths in between",
                f"{expected:.1f} %",
                f"{means[name]:.1f} %", f"{means[name] - expected:+.1f}", "over seeds and strengths",
            ))  # fmt: skip
    if len(means) == 2:
        holds = "holds" if means["fig7b"] > means["fig7a"] else "does not hold"
        section.text = [f"The claim {holds} here, by {means['fig7b'] - means['fig7a']:+.1f} points."]
    return section


SECTIONS: dict[str, Callable[[Results], Section]] = {
    "fig1": _fig1,
    "fig2": _fig2,
    "fig2e": _fig2e,
    "section4_1": _section_4_1,
    "fig5": _fig5,
    "fig6": _fig6,
    "fig7a": _fig7("fig7a"),
    "fig7b": _fig7("fig7b"),
    "c2": _c2,
    "x3": _x3,
}
# Those that show class activation maps.
_OF_MAPS = ("fig5", "fig6", "c2")


def check_report(names: Sequence[str], data: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Check that there is a section for each result, and that a study is of the thesis' chains.

    Args:
        names: of the sections.
        data: settings of the data that networks are tested on.
        model: node of the network.

    Raises:
        ConfigError: if not.
    """
    alike = (
        "hamiltonian" in data
        and isinstance(hamiltonian(data), SSH)
        and isinstance(representation(data), DensityProfile)
    )
    if names and not alike:
        raise ConfigError(
            f"report={names[0]}: needs density profiles of SSH chains, as in the thesis, from this "
            "study and the network of compare; omit it"
        )
    for name in names:
        if name not in SECTIONS:
            raise ConfigError(f"report={name}: no such result; expected some of {', '.join(SECTIONS)}")
        if name in _OF_MAPS and not pools_globally(empty_network(model)):
            raise ConfigError(
                f"report={name}: shows class activation maps, which {model[TARGET]} does not have; "
                "omit it"
            )


def report_of_study(
    settings: Mapping[str, Any], folder: Path, plan: Plan, table: Table
) -> dict[str, Figure]:
    """Write the page of the results that ``report`` names, beside a study.

    Maps are those of its first network of clean chains, and of the checkpoint ``compare``.

    Args:
        settings: of the study.
        folder: of its run.
        plan: of the study.
        table: what it has found.

    Returns:
        The figures by name.
    """
    rows = table.rows
    trained = [
        network
        for network in plan.networks
        if (network.methods[0].name, network.train_W, network.seed, None) not in table.failed
    ]
    checkpoints = [network.checkpoint for network in trained if network.train_W == 0][:1]
    checkpoints += [Path(settings["compare"])] if settings["compare"] else []
    shown = [TrainedNetwork(path, plan.trust) for path in checkpoints]
    data = plan.networks[0].tested_on
    name = TrainedNetwork(trained[0].checkpoint, plan.trust).name if trained else "physics"
    parts = [f"M = {data['n_cells']}"]
    if settings["checkpoint"] is not None:
        parts.append(f"the network of {settings['checkpoint']}")
    elif trained:
        epochs = settings["trainer"]["max_epochs"]
        parts.append(f"{epochs} epochs of {data['n_train']} chains (the thesis: 100 of 10000)")
    if rows:
        seeds = len({row["seed"] for row in rows})
        sizes = " or ".join(sorted({str(row["n"]) for row in rows}))
        parts.append(f"{seeds} seed{'s' if seeds > 1 else ''}, tests of {sizes} chains")
    origin = (
        f"{', '.join(parts)}. sshml {versions()['sshml']}, git {git_revision()}; settings in "
        "config.yaml, all rows in transfer.csv."
    )
    results = Results(rows, shown, data["n_cells"], settings["seed"], name)
    return _write(folder, settings["report"], results, origin)


def _write(folder: Path, names: Sequence[str], results: Results, origin: str) -> dict[str, Figure]:
    """Write the page of some results, ``report.md`` and ``report.html``, and ``figures/``.

    Args:
        folder: of the run.
        names: of the sections, keys of :data:`SECTIONS`.
        results: to make them from.
        origin: a line that says what made the page.

    Returns:
        The figures by name.
    """
    sections = [replace(SECTIONS[name](results), head=_HEAD) for name in names]
    drawn = pictures(sections)
    for name, png in drawn.items():
        (folder / "figures" / f"{name}.png").write_bytes(png)
    title = f"Reproduction report: the thesis and {results.network}"
    write_atomically(folder / "report.md", markdown(title, origin, sections))
    write_atomically(folder / "report.html", html(title, origin, sections, drawn))
    return {name: figure for section in sections for name, figure in section.figures.items()}
