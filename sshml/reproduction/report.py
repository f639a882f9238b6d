"""The page: published, measured, difference and why, for every result asked for."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from sshml.errors import ConfigError
from sshml.physics import band_gap, lyapunov_exponent, winding_number
from sshml.reproduction import maps, physics
from sshml.reproduction.published import FIG_7, FIG_7_W, SECTION_4_1
from sshml.run_folder import write_atomically
from sshml.transfer.figures import accuracy_curve, by_strength, of_method
from sshml.transfer.scores import Row

_HEAD = ("what", "published", "measured", "difference", "why")


@dataclass
class Section:
    """One result on the page.

    Attributes:
        title: heading.
        text: paragraphs.
        rows: cells of the columns published, measured, difference, why.
        figures: by the names of their files.
    """

    title: str
    text: list[str] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)


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
    shown: Sequence[maps.Shown]
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
        "Saturated at 0.1, about as in the thesis. Under Eq. 6 the Lyapunov exponent of chain (d) is "
        f"{float(lyapunov_exponent(0.5, 5.0)):+.2f}: positive, so it is topological, although its profile "
        "hardly shows it."
    ]
    return section


def _fig2e(results: Results) -> Section:
    section = Section("Fig. 2e: phase diagrams")
    section.figures = {"fig2e": physics.fig2e(50, 20, results.seed)}
    section.text = [
        "The thesis' diagram, adapted from PRL 113, 046802, is the convention mondragon_shem; its own "
        "Eq. 6 is the convention thesis. Dashed: the strengths it works at."
    ]
    return section


def _fig5(results: Results) -> Section:
    section = Section("Fig. 5: where networks look on clean chains")
    section.figures = {f"fig5_{shown.name}": maps.fig5(shown) for shown in results.shown}
    return section


def _fig6(results: Results) -> Section:
    section = Section("Fig. 6: where networks look on disordered chains")
    section.figures = {f"fig6_{shown.name}": maps.fig6(shown) for shown in results.shown}
    return section


def _c2(results: Results) -> Section:
    section = Section("Claim: ResNet18's map is the more precise one")
    section.text = [
        "Share of the positive part of the map of the topological class that lies in the eighth of the "
        "sites at each end and the eighth of the states in the middle; clean topological test chains. "
        "Chance is the share of the area."
    ]
    for shown in results.shown:
        found = maps.precision(shown)
        section.rows.append((
            shown.name, "detects the edges", f"{found.mean:.1%} ± {found.interval:.1%}",
            f"{found.mean / found.area:.1f} times the area's {found.area:.1%}",
            f"{found.n} chains; maps of one network",
        ))  # fmt: skip
    if len(results.shown) < 2:
        section.text.append(
            "Only one network is compared; give the other's checkpoint with compare=PATH."
        )
    return section


def _accuracies(results: Results, train_W: float, W: float) -> list[Row]:
    return [row for row in of_method(results.rows) if (row["train_W"], row["W"]) == (train_W, W)]


def _row(what: str, published: float, found: Sequence[Row]) -> tuple[str, ...]:
    """A row of published and measured accuracy in %, mean and spread over seeds."""
    if not found:
        return (what, f"{published:g} %", "not measured", "-", "the cell is not in this run, or failed")
    values = [100 * row["accuracy"] for row in found]
    mean = float(np.mean(values))
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return (
        what,
        f"{published:g} %",
        f"{mean:.2f}{spread} %",
        f"{mean - published:+.2f}",
        _why(published, found),
    )


def _why(published: float, found: Sequence[Row]) -> str:
    """What the other columns of the cell say of a difference."""
    mean, ceiling, called = (
        100 * float(np.mean([row[key] for row in found]))
        for key in ("accuracy", "ceiling", "topological_share")
    )
    # Of a difference within the sampling error of this many test chains there is nothing to say.
    error = 196 * (published / 100 * (1 - published / 100) / found[0]["n"]) ** 0.5
    spread = float(np.std([100 * row["accuracy"] for row in found], ddof=1)) if len(found) > 1 else 0.0
    if abs(mean - published) <= max(0.1, error, 2 * spread):
        return "agrees within the spread of seeds or the size of the test set"
    parts = [f"{called:.0f} % are called topological"]
    if published > ceiling:
        parts.append(f"the exact invariant itself reaches {ceiling:.1f} % on these chains")
    if spread > 1:
        parts.append(f"seeds differ by {spread:.1f} points")
    return "; ".join(parts)


def _section_4_1(results: Results) -> Section:
    section = Section("Section 4.1: trained on clean chains, tested on disordered ones")
    for W, published in SECTION_4_1.items():
        found = _accuracies(results, 0.0, W)
        section.rows.append(_row(f"accuracy at W = {W:g}", published, found))
        if found:
            counts = " / ".join(
                f"{np.mean([row[k] for row in found]):.0f}" for k in ("tp", "fp", "tn", "fn")
            )
            called = 100 * float(np.mean([row["topological_share"] for row in found]))
            said = "almost all" if W else "-"
            section.rows.append((
                f"called topological at W = {W:g}", said, f"{called:.1f} %", "-",
                f"tp / fp / tn / fn = {counts}, mean over {len(found)} seed(s)",
            ))  # fmt: skip
    return section


def _fig7(name: str) -> Callable[[Results], Section]:
    train_W, published = FIG_7[name]

    def section_of(results: Results) -> Section:
        section = Section(f"Fig. 7{name[-1]}: trained at W = {train_W:g}")
        for W, value in zip(FIG_7_W, published, strict=True):
            section.rows.append(_row(f"W = {W:g}", value, _accuracies(results, train_W, W)))
        own = [row for row in results.rows if row["train_W"] == train_W]
        if own:
            points = {f"thesis, Fig. 7{name[-1]} (read off)": (FIG_7_W, published)}
            section.figures = {name: accuracy_curve(own, points)}
        return section

    return section_of


def _x3(results: Results) -> Section:
    """Strong to weak against weak to strong, over the range between."""
    section = Section("Claim: strong to weak transfers better than weak to strong")
    means = {}
    for name, (train_W, published) in FIG_7.items():
        own = [r for r in of_method(results.rows) if r["train_W"] == train_W and r["W"] in FIG_7_W]
        own = [r for r in own if r["W"] != train_W]
        if own:
            means[name] = 100 * float(by_strength(own)[1].mean())
            others = [v for W, v in zip(FIG_7_W, published, strict=True) if W != train_W]
            expected = float(np.mean(others))
            section.rows.append((
                f"trained at W = {train_W:g}, mean over the other strengths", f"{expected:.1f} %",
                f"{means[name]:.1f} %", f"{means[name] - expected:+.1f}", "mean over seeds and strengths",
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


def check_report(names: Sequence[str]) -> None:
    """Raise ``ConfigError`` for a result that there is no section for."""
    for name in names:
        if name not in SECTIONS:
            raise ConfigError(f"report={name}: no such result; expected some of {', '.join(SECTIONS)}")


def write_report(
    folder: Path, names: Sequence[str], results: Results, origin: str
) -> dict[str, Figure]:
    """Write ``report.md`` and ``report.html``, and the figures into ``figures/``.

    Args:
        folder: of the run.
        names: of the sections, keys of :data:`SECTIONS`.
        results: to make them from.
        origin: a line that says what made the page.

    Returns:
        The figures by name.
    """
    sections = [SECTIONS[name](results) for name in names]
    drawn = {name: figure for section in sections for name, figure in section.figures.items()}
    pictures = {}
    for name, figure in drawn.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=90, format="png")
        pictures[name] = buffer.getvalue()
        (folder / "figures" / f"{name}.png").write_bytes(pictures[name])
    title = f"The thesis and {results.network}, measured"
    write_atomically(folder / "report.md", _markdown(title, origin, sections))
    write_atomically(folder / "report.html", _page(title, origin, sections, pictures))
    return drawn


def _markdown(title: str, origin: str, sections: Sequence[Section]) -> str:
    lines = [f"# {title}", "", origin, ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for text in section.text:
            lines += [text, ""]
        if section.rows:
            table = [_HEAD, tuple("---" for _ in _HEAD), *section.rows]
            lines += [
                "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table
            ]
            lines.append("")
        for name in section.figures:
            lines += [f"![{name}](figures/{name}.png)", ""]
    return "\n".join(lines)


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid #e4e4e4; text-align: left; vertical-align: top; }
th { background: #f5f5f5; } img { max-width: 100%; margin: 1rem 0; } .origin { color: #666; font-size: 0.9rem; }
"""


def _page(title: str, origin: str, sections: Sequence[Section], pictures: dict[str, bytes]) -> str:
    parts = [f"<h1>{html.escape(title)}</h1>", f'<p class="origin">{html.escape(origin)}</p>']
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2>")
        parts += [f"<p>{html.escape(text)}</p>" for text in section.text]
        if section.rows:
            head = "".join(f"<th>{name}</th>" for name in _HEAD)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
                for row in section.rows
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        for name in section.figures:
            data = base64.b64encode(pictures[name]).decode()
            parts.append(f'<img alt="{html.escape(name)}" src="data:image/png;base64,{data}">')
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
