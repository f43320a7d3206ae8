"""What MkDocs needs to be told: pages link to the project's files as seen from `docs/`.

Such links (`../engine/port.py`) work wherever the repository is read. In the site they lead to
copies of those files, as plain text; CONTRIBUTING.md is a page of its own; a folder stays a name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parent.parent
_OUTSIDE = re.compile(r"\[(?P<text>[^\]]+)\]\(\.\./(?P<path>[^)#]+)(?P<anchor>#[^)]*)?\)")
_CONTRIBUTING = "CONTRIBUTING.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to: CONTRIBUTING.md as a page, other files as plain text."""
    content = (_ROOT / _CONTRIBUTING).read_text().replace("](docs/", "](")
    files.append(File.generated(config, _CONTRIBUTING, content=content))
    pages = (page.content_string for page in files.documentation_pages())
    paths = {match["path"] for page in pages for match in _OUTSIDE.finditer(page)}
    for path in sorted(paths - {_CONTRIBUTING}):
        if (_ROOT / path).is_file():
            text = (_ROOT / path).read_text()
            files.append(File.generated(config, _copy(path), content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links out of `docs/` to the copies. A path that does not exist stays, and warns."""
    del page, config, files
    return _OUTSIDE.sub(_inside, markdown)


def _inside(link: re.Match[str]) -> str:
    """The link as the site has it."""
    text, path, anchor = link["text"], link["path"], link["anchor"] or ""
    if path == _CONTRIBUTING:
        return f"[{text}]({path}{anchor})"
    if (_ROOT / path).is_dir():
        return text
    return f"[{text}]({_copy(path)})" if (_ROOT / path).is_file() else link[0]


def _copy(path: str) -> str:
    """Where the site keeps a file of the project; as text, so that a browser shows it."""
    return f"source/{path}.txt"
