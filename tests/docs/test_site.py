"""The documentation as a site: whole, and alone in the world."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FETCHING = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
"""Elements that make a browser fetch something, and the attribute that says what."""


class Fetched(HTMLParser):
    """Collects what a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the address of an element that fetches; a canonical link fetches nothing."""
        named = dict(attrs)
        address = named.get(FETCHING.get(tag, ""))
        if address and named.get("rel") != "canonical":
            self.addresses.append(address)


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the project, in strict mode."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT, out)
    assert done.returncode == 0, done.stderr
    return out


def test_every_page_is_built(site: Path) -> None:
    """Each file of docs/ becomes a page, with no link broken; a page without a nav entry warns."""
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert pages <= {path.stem for path in site.glob("*.html")}


def test_links_to_the_project_lead_to_copies(site: Path) -> None:
    """A link to a file outside docs/ leads to its text, within the site."""
    assert 'href="source/engine/port.py.txt"' in (site / "live.html").read_text()
    copy = (site / "source/engine/port.py.txt").read_text()
    assert copy == (ROOT / "engine/port.py").read_text()
    assert 'href="CONTRIBUTING.html#a-policy-in-one-file"' in (site / "tuning.html").read_text()


@pytest.mark.parametrize(
    "link",
    ["[a page](missing.md)", "[a place](faq.md#missing)", "[a file](../engine/missing.py)"],
)
def test_a_broken_link_stops_the_build(link: str, tmp_path: Path) -> None:
    """A link to a page, a heading or a file of the project that is not there is refused."""
    for name in ("CONTRIBUTING.md", "engine", "scheduler", "policies", "tests", "notebook"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "mkdocs.yml").write_text((ROOT / "mkdocs.yml").read_text())
    docs = tmp_path / "docs"
    docs.mkdir()
    for path in (ROOT / "docs").iterdir():
        if path.name != "faults.md":
            (docs / path.name).symlink_to(path)
    (docs / "hooks.py").unlink()
    (docs / "hooks.py").write_text((ROOT / "docs/hooks.py").read_text())
    (docs / "faults.md").write_text((ROOT / "docs/faults.md").read_text() + f"\n{link}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "missing" in done.stderr


def test_pages_fetch_nothing_from_outside(site: Path) -> None:
    """No page and no style sheet names another host for a script, style, font or picture."""
    outside = []
    for page in site.rglob("*.html"):
        fetched = Fetched()
        fetched.feed(page.read_text())
        outside += [a for a in fetched.addresses if re.match(r"(?:\w+:)?//", a)]
    for sheet in site.rglob("*.css"):
        outside += re.findall(
            r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')]+)", sheet.read_text()
        )
    assert not outside


def test_no_page_makes_the_theme_load_a_diagram_drawer(site: Path) -> None:
    """The theme's script would fetch Mermaid from a host for a diagram, so no page has one."""
    assert not [page for page in site.rglob("*.html") if 'class="mermaid"' in page.read_text()]
