"""Parts of pages that the build makes from conf/ and from the programs themselves.

A page asks for them by a line such as ``<!-- generated: group model -->``; ``_MAKERS`` has the words.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx

from sshml.config.options import PRESETS, Option, Setting
from sshml.config.programs import CONF_DIR

_PLACEHOLDER = re.compile(r"^<!-- generated: (\w+) (\S+) -->$", flags=re.MULTILINE)


def keys(program: str) -> str:
    """The keys of a program that belong to no group."""
    return _table(Option(CONF_DIR, "", program).settings)


def group(name: str) -> str:
    """The choices of a group, each with what it sets."""
    deep = name in PRESETS
    files = sorted((CONF_DIR / name).glob("**/*.yaml" if deep else "*.yaml"))
    return "\n\n".join(_option(path, name) for path in files)


def _option(path: Path, name: str) -> str:
    option = str(path.relative_to(CONF_DIR / name)).removesuffix(".yaml")
    file = Option(CONF_DIR, name, option)
    shown = f"```yaml\n{file.body}\n```" if name in PRESETS else _table(file.settings)
    return f"### `{name}={option}`\n\n{file.about}\n\n{shown}"


def _table(rows: list[Setting]) -> str:
    if not rows:
        return ""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key, value, comment in rows:
        of_class = key.endswith("_target_")
        shown = f"{{py:obj}}`{value}`" if of_class and value != "???" else f"`{value}`"
        meaning = comment or "Class." * of_class
        cells = (cell.replace("|", r"\|") for cell in (f"`{key}`", shown, meaning))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def program_help(name: str) -> str:
    """What ``sshml PROGRAM --help`` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "sshml", name, "--help"],
        env={**os.environ, "COLUMNS": "88"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return f"```text\n{done.stdout.strip()}\n```"


_MAKERS = {"keys": keys, "group": group, "help": program_help}


def _fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    filled = _PLACEHOLDER.sub(lambda found: _MAKERS[found[1]](found[2]), source[0])
    if filled != source[0]:
        source[0] = filled
        for path in CONF_DIR.rglob("*.yaml"):
            app.env.note_dependency(path, docname=docname)


def setup(app: Sphinx) -> dict[str, bool]:
    """Of Sphinx: called once."""
    app.connect("source-read", _fill_in)
    return {"parallel_read_safe": True}
