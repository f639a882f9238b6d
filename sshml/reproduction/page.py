"""A page of sections with tables and figures, as Markdown and as one self-contained HTML file."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from sshml.run_folder import write_atomically

_HEAD = ("what", "published", "measured", "difference", "why")


@dataclass
class Section:
    """One result on the page.

    Attributes:
        title: heading.
        text: paragraphs.
        rows: of a table with the columns what, published, measured, difference, why.
        figures: by the names of their files.
    """

    title: str
    text: list[str] = field(default_factory=list)
    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)
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
| {{ head | join(" | ") }} |
|{% for _ in head %}---|{% endfor %}
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
<table>
<thead><tr>{% for name in head %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in section.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
{% endif %}
{% for name in section.figures %}
<img alt="{{ name }}" src="data:image/png;base64,{{ pictures[name] }}">
{% endfor %}
{% endfor %}
</body>
</html>
"""


def write_page(folder: Path, title: str, origin: str, sections: Sequence[Section]) -> dict[str, Figure]:
    """Write ``report.md`` and ``report.html``, and the figures into ``figures/``.

    Args:
        folder: to write to.
        title: of the page.
        origin: a line that says what made it.
        sections: of the page.

    Returns:
        The figures by name.
    """
    drawn = {name: figure for section in sections for name, figure in section.figures.items()}
    pictures = {}
    for name, figure in drawn.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=90, format="png")
        (folder / "figures" / f"{name}.png").write_bytes(buffer.getvalue())
        pictures[name] = base64.b64encode(buffer.getvalue()).decode()
    values = {
        "title": title,
        "origin": origin,
        "sections": sections,
        "head": _HEAD,
        "pictures": pictures,
    }
    for file, template, escape in (("report.md", _MARKDOWN, False), ("report.html", _HTML, True)):
        # Markdown is read by people and escapes nothing; HTML escapes all that is put in.
        environment = Environment(autoescape=escape, undefined=StrictUndefined)
        write_atomically(folder / file, environment.from_string(template).render(values))
    return drawn
