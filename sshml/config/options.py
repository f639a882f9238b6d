"""The files of conf/, their keys, values and comments; and keys as the command line has them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Groups whose options set keys of others; shown as they are written, not key by key.
PRESETS = ("experiment", "sweep", "debug")
# What Hydra reads and no user sets.
_OF_HYDRA = ("defaults", "_partial_", "_recursive_")


class Setting(NamedTuple):
    """A key as on the command line, its value as in the file, and the comment above or beside it."""

    key: str
    value: str
    comment: str


class Option:
    """A file of a folder of configurations.

    Args:
        folder: of the configurations.
        group: that it is an option of, a path within the folder; empty for those at the top.
        name: of the option.

    Attributes:
        about: the comment that the file begins with.
        body: the rest of the file.
        settings: its keys, in its order.
        groups: the comment beside each group of its defaults list.

    Example:
        >>> from sshml.config.programs import CONF_DIR
        >>> Option(CONF_DIR, "loss", "cross_entropy").settings[1][:2]
        ('loss.label_smoothing', '0.0')
    """

    def __init__(self, folder: Path, group: str, name: str) -> None:
        lines = (folder / group / f"{name}.yaml").read_text().splitlines()
        n = next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines))
        self.about = _prose(line for line in lines[:n] if not line.startswith("# @package"))
        self.body = "\n".join(lines[n:]).strip()
        package = re.match(r"# @package (\S+)", lines[0]) if lines else None
        prefix = package[1] if package else group.replace("/", ".")
        # Line numbers stay, but the comment of the file is not that of its first key.
        self._lines = [""] * n + lines[n:]
        root = yaml.compose("\n".join(self._lines), Loader=_Loader)
        parents = () if prefix in ("_global_", "") else (prefix,)
        self.settings: list[Setting] = []
        self.groups: dict[str, str] = {}
        if isinstance(root, yaml.MappingNode):
            self.settings += self._leaves(root, parents)
            self.groups |= self._groups(root)

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
                comment = comment or about
            yield Setting(".".join(path), self._written(value), comment)

    def _groups(self, root: yaml.MappingNode) -> Iterator[tuple[str, str]]:
        for key, value in root.value:
            for part in value.value if key.value == "defaults" else ():
                if isinstance(part, yaml.MappingNode):
                    group, option = part.value[0]
                    yield group.value, self._comment(group.start_mark.line, option.end_mark)

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


def dotted(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted keys; an empty mapping is a value."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= (
            dotted(value, f"{prefix}{key}.")
            if isinstance(value, Mapping) and value
            else {f"{prefix}{key}": value}
        )
    return flat
