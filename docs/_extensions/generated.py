"""Parts of pages that the build makes from conf/ and from the programs themselves.

A page asks for them by a line such as ``<!-- generated: group model -->``; ``_MAKERS`` has the words.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from sphinx.application import Sphinx

CONF = Path(__file__).resolve().parents[2] / "conf"
_PLACEHOLDER = re.compile(r"^<!-- generated: (\w+) (\S+) -->$", flags=re.MULTILINE)
# Groups whose choices set keys of others: such a file is shown as it is.
_PRESETS = ("debug", "experiment", "sweep")
# What Hydra reads and no user sets.
_OF_HYDRA = ("defaults", "_partial_", "_recursive_")


class Setting(NamedTuple):
    """A key as on the command line, its value as in the file, and the comment above or beside it."""

    key: str
    value: str
    comment: str


class Choice:
    """A file of conf/.

    Attributes:
        about: the comment that the file begins with.
        body: the rest of the file.
        settings: its keys, in its order.
    """

    def __init__(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        n = next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines))
        self.about = _prose(line for line in lines[:n] if not line.startswith("# @package"))
        self.body = "\n".join(lines[n:]).strip()
        package = re.match(r"# @package (\S+)", lines[0])
        prefix = package[1] if package else ".".join(path.relative_to(CONF).parent.parts)
        # Line numbers stay, but the comment of the file is not that of its first key.
        self._lines = [""] * n + lines[n:]
        root = yaml.compose("\n".join(self._lines))
        parents = () if prefix in ("_global_", "") else (prefix,)
        self.settings = list(self._leaves(root, parents)) if root and root.value else []

    def _leaves(
        self, node: yaml.MappingNode, parents: tuple[str, ...], about: str = ""
    ) -> Iterator[Setting]:
        for key, value in node.value:
            path = (*parents, key.value)
            comment = self._comment(key.start_mark.line, value.end_mark)
            if key.value in _OF_HYDRA:
                continue
            if isinstance(value, yaml.MappingNode) and value.value:
                yield from self._leaves(value, path, comment)
                continue
            if key.value == "_target_":
                comment = comment or about or "Class."
            yield Setting(".".join(path), self._written(value), comment)

    def _comment(self, line: int, end: yaml.Mark) -> str:
        first = line
        while first and self._lines[first - 1].strip().startswith("#"):
            first -= 1
        beside = re.search(r"\s#\s.*", self._lines[line]) if end.line == line else None
        return _prose(self._lines[first:line]) or (_prose([beside[0]]) if beside else "")

    def _written(self, node: yaml.Node) -> str:
        line, start, end = node.start_mark.line, node.start_mark.column, node.end_mark.column
        return self._lines[line][start:end]


def _prose(lines: Iterable[str]) -> str:
    return " ".join(line.strip().removeprefix("#").strip() for line in lines).strip()


def keys(program: str) -> str:
    """The keys of a program that belong to no group."""
    return _table(Choice(CONF / f"{program}.yaml").settings)


def group(name: str) -> str:
    """The choices of a group, each with what it sets."""
    deep = name in _PRESETS
    files = sorted((CONF / name).glob("**/*.yaml" if deep else "*.yaml"))
    return "\n\n".join(_choice(path, name) for path in files)


def _choice(path: Path, name: str) -> str:
    choice, option = Choice(path), str(path.relative_to(CONF / name)).removesuffix(".yaml")
    shown = f"```yaml\n{choice.body}\n```" if name in _PRESETS else _table(choice.settings)
    return f"### `{name}={option}`\n\n{choice.about}\n\n{shown}"


def _table(rows: list[Setting]) -> str:
    if not rows:
        return ""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key, value, comment in rows:
        is_class = key.endswith("_target_") and value != "???"
        shown = f"{{py:obj}}`{value}`" if is_class else f"`{value}`"
        cells = (cell.replace("|", r"\|") for cell in (f"`{key}`", shown, comment))
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
        for path in CONF.rglob("*.yaml"):
            app.env.note_dependency(path, docname=docname)


def setup(app: Sphinx) -> dict[str, bool]:
    """Of Sphinx: called once."""
    app.connect("source-read", _fill_in)
    return {"parallel_read_safe": True}
