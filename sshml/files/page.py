"""A page of sections with tables and figures, as Markdown and as one self-contained HTML file."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure


@dataclass
class Section:
    """A heading and what stands under it.

    Attributes:
        title: the heading.
        text: paragraphs.
        head: names of the columns of the table.
        rows: of the table; none for no table. HTML escapes a cell unless it is ``markupsafe.Markup``.
        figures: by the names of their files.
        sortable: whether a click on the head of a column sorts the rows of the HTML page.
    """

    title: str
    text: list[str] = field(default_factory=list)
    head: Sequence[str] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    sortable: bool = False


# Markdown is read by people and escapes nothing; HTML escapes all that is put in.
_TEMPLATES = Environment(
    loader=PackageLoader("sshml.files"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
)


def pictures(sections: Sequence[Section]) -> dict[str, bytes]:
    """The figures of some sections as PNG, by name."""
    drawn = {}
    for section in sections:
        for name, figure in section.figures.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, dpi=90, format="png")
            drawn[name] = buffer.getvalue()
    return drawn


def markdown(title: str, origin: str, sections: Sequence[Section]) -> str:
    """A page that shows the figures from ``figures/NAME.png`` beside it.

    Args:
        title: of the page.
        origin: a line that says what made it.
        sections: of the page.
    """
    template = _TEMPLATES.get_template("page.md")
    return template.render(title=title, origin=origin, sections=sections)


def html(title: str, origin: str, sections: Sequence[Section], drawn: Mapping[str, bytes]) -> str:
    """A page in one file, the pictures inside.

    Args:
        title: of the page.
        origin: a line that says what made it.
        sections: of the page.
        drawn: their :func:`pictures`.
    """
    inside = {name: base64.b64encode(png).decode() for name, png in drawn.items()}
    template = _TEMPLATES.get_template("page.html")
    return template.render(title=title, origin=origin, sections=sections, pictures=inside)
