"""The documentation site is built without a warning, its notebooks run, and what it names is there.

Of links to other sites only the syntax is checked: no test needs a network.
"""

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from conftest import ROOT
from filelock import FileLock

import sshml
from sshml.__main__ import _COMMANDS
from sshml.config.options import PRESETS
from sshml.config.programs import PROGRAMS
from sshml.transfer.columns import COLUMNS

DOCS = ROOT / "docs"
CONF = ROOT / "conf"
PACKAGES = (
    "sshml.physics", "sshml.physics.hamiltonians", "sshml.data", "sshml.data.representations",
    "sshml.networks", "sshml.cam", "sshml.explanations", "sshml.explain", "sshml.augmentation",
    "sshml.transfer.methods",
)  # fmt: skip


def sources() -> set[Path]:
    return {path for path in DOCS.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; test processes share one."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "built").exists():
            before = sources()
            build = ["sphinx", "-W", "--keep-going", "-q", "-j2", str(DOCS), str(folder)]
            done = subprocess.run(
                [sys.executable, "-m", *build], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert sources() == before
            (folder / "built").touch()
    return folder


class Page(HTMLParser):
    """Links, anchors and cells of tables of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.rows: list[list[str]] = []
        self._is_cell = False
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [link for name in ("href", "src") if (link := values.get(name))]
        self.anchors |= {anchor for name in ("id", "name") if (anchor := values.get(name))}
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
            self._is_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._is_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.rows[-1][-1] += data


def test_every_page_is_in_the_navigation(site: Path) -> None:
    with (site / ".doctrees" / "environment.pickle").open("rb") as file:
        below: dict[str, list[str]] = pickle.load(file).toctree_includes

    def reached(name: str) -> Iterator[str]:
        yield name
        for child in below.get(name, ()):
            yield from reached(child)

    pages = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")}
    assert {page for page in pages if not page.startswith("recipes/")} == set(reached("index"))


def test_links_of_the_site_lead_somewhere(site: Path) -> None:
    theme = site / "_static"
    pages = {path: Page(path) for path in site.rglob("*.html") if theme not in path.parents}
    assert len(pages) > 20
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https"):
                assert re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", parts.netloc), (path, link)
            elif not parts.scheme:
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                assert target.exists(), (path, link)
                if parts.fragment and target in pages:
                    assert unquote(parts.fragment) in pages[target].anchors, (path, link)


def headings(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a Markdown file."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_links_of_the_readme_lead_somewhere() -> None:
    text = re.sub(r"```.*?```", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    for link in links:
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            assert "." in parts.netloc, link
            continue
        target = ROOT / unquote(parts.path) if parts.path else ROOT / "README.md"
        assert target.exists(), link
        if parts.fragment:
            assert parts.fragment in headings(target), link


def test_pictures_are_small() -> None:
    for path in (path for ending in ("png", "svg", "jpg") for path in DOCS.rglob(f"*.{ending}")):
        assert path.stat().st_size < 200_000, path


def keys(node: Any, prefix: str) -> Iterator[str]:
    """Dotted keys of a configuration, without what only Hydra reads."""
    if not isinstance(node, dict) or not node:
        yield prefix
        return
    for name, value in node.items():
        if name not in ("defaults", "_partial_", "_recursive_"):
            yield from keys(value, f"{prefix}.{name}" if prefix else name)


def test_the_reference_has_every_setting(site: Path) -> None:
    html = (site / "reference" / "settings.html").read_text()
    rows = [row for row in Page(site / "reference" / "settings.html").rows if row]
    assert all(cell.strip() for row in rows for cell in row), [row for row in rows if not all(row)]
    shown = {row[0] for row in rows}
    for path in CONF.rglob("*.yaml"):
        *folders, _ = path.relative_to(CONF).parts
        group = "/".join(folders[:1] if folders and folders[0] in PRESETS else folders)
        option = str(path.relative_to(CONF / group)).removesuffix(".yaml")
        if group:
            assert f"{group}={option}" in html
        if group not in PRESETS:
            package = re.match(r"# @package (\S+)", path.read_text())
            prefix = package[1].replace("_global_", "") if package else group.replace("/", ".")
            content = yaml.safe_load(path.read_text())
            assert not content or set(keys(content, prefix)) <= shown, path


def test_the_reference_has_every_program_and_column(site: Path) -> None:
    page = Page(site / "reference" / "command_line.html")
    assert {*PROGRAMS, *_COMMANDS} <= page.anchors
    columns = " ".join(row[0] for row in Page(site / "reference" / "run_folder.html").rows if row)
    assert set(COLUMNS) <= set(re.findall(r"\w+", columns))


def test_the_reference_has_every_public_name(site: Path) -> None:
    pages = (site / "reference" / "api").glob("*.html")
    documented = set().union(*(Page(path).anchors for path in pages))
    for package in PACKAGES:
        for name in import_module(package).__all__:
            # A name that a package takes over from one of its modules may be documented there.
            found = {a for a in documented if a.startswith(package) and a.endswith(f".{name}")}
            assert found, f"{package}.{name}"


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((DOCS / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["cff-version"], citation["version"]) == ("1.2.0", sshml.__version__)
