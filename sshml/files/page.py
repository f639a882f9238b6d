"""A page of sections with tables and figures, as Markdown and as one self-contained HTML file."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, StrictUndefined
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
    """

    title: str
    text: list[str] = field(default_factory=list)
    head: Sequence[str] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)


_MARKDOWN = """\
# {{ title }}

{{ origin }}
{% for section in sections %}
## {{ section.title }}
{% for text in section.text %}
{{ text }}
{% endfor %}
{%- if section.rows %}
| {{ section.head | join(" | ") }} |
|{% for _ in section.head %}---|{% endfor %}
{%- for row in section.rows %}
| {{ row | join(" | ") }} |
{%- endfor %}
{% endif %}
{%- for name in section.figures %}
![{{ name }}](figures/{{ name }}.png)
{% endfor %}
{%- endfor %}
"""

_HTML = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid #e4e4e4; text-align: left;
         vertical-align: top; }
th { background: #f5f5f5; }
td:nth-child(n+2):nth-child(-n+4) { white-space: nowrap; }
img { max-width: 100%; margin: 1rem 0; }
code { font-size: 0.88em; white-space: normal; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.origin { color: #666; font-size: 0.9rem; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p class="origin">{{ origin }}</p>
{% for section in sections %}
<h2>{{ section.title }}</h2>
{% for text in section.text %}<p>{{ text }}</p>{% endfor %}
{% if section.rows %}
<div class="wide"><table>
<thead><tr>{% for name in section.head %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in section.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% endif %}
{% for name in section.figures %}
<img alt="{{ name }}" src="data:image/png;base64,{{ pictures[name] }}">
{% endfor %}
{% endfor %}
</body>
</html>
"""


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
    # Markdown is read by people and escapes nothing; HTML escapes all that is put in.
    return _render(_MARKDOWN, autoescape=False, title=title, origin=origin, sections=sections)


def html(title: str, origin: str, sections: Sequence[Section], drawn: Mapping[str, bytes]) -> str:
    """A page in one file, the pictures inside.

    Args:
        title: of the page.
        origin: a line that says what made it.
        sections: of the page.
        drawn: their :func:`pictures`.
    """
    inside = {name: base64.b64encode(png).decode() for name, png in drawn.items()}
    return _render(
        _HTML, autoescape=True, title=title, origin=origin, sections=sections, pictures=inside
    )


def _render(template: str, *, autoescape: bool, **values: object) -> str:
    environment = Environment(autoescape=autoescape, undefined=StrictUndefined)
    return environment.from_string(template).render(values)
