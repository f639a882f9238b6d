"""What the pages say: README.md and docs/**/*.md, their code, and the commands in it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT

PAGES = sorted(["README.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))])
_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def fences(page: str) -> list[tuple[str, str]]:
    """Language and text of every block of code of a page."""
    return _FENCE.findall((ROOT / page).read_text())


def code(page: str, language: str) -> list[str]:
    return [text for own, text in fences(page) if own == language]


def commands(page: str) -> Iterator[str]:
    """The commands of a page, one by one."""
    for text in code(page, "bash"):
        for line in text.replace("\\\n", " ").splitlines():
            for command in line.split("&&"):
                if shlex.split(command, comments=True):
                    yield " ".join(command.split())


def named_files(page: str) -> Iterator[tuple[str, str]]:
    """The files of a page, which have their names in a comment at the top."""
    for _, text in fences(page):
        if named := re.match(r"(?:# @package .*\n)?# (my_\S+\.(?:py|yaml))\n", text):
            yield named[1], text


def write_files(page: str, folder: Path) -> None:
    for name, text in named_files(page):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
