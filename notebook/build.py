"""Makes notebooks of the scripts in this folder: python notebook/build.py [--check].

A script is in the percent format (https://jupytext.readthedocs.io). The notebook of `NAME.py` is
`NAME.ipynb`, without outputs; the same script gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).parent
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
SCRIPTS = sorted(set(FOLDER.glob("*.py")) - {Path(__file__)})


def notebook_of(script: Path) -> str:
    """Return the notebook that a script gives, as its file holds it."""
    notebook = jupytext.read(script, as_version=4)
    notebook.metadata = {"kernelspec": _KERNEL}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    return nbformat.writes(notebook) + "\n"


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    check = parser.parse_args().check
    stale = 0
    for script in SCRIPTS:
        path = script.with_suffix(".ipynb")
        wanted = notebook_of(script)
        if path.exists() and path.read_text() == wanted:
            continue
        stale += 1
        if check:
            sys.stderr.write(f"{path.name} is stale: python notebook/build.py\n")
        else:
            path.write_text(wanted)
            sys.stdout.write(f"wrote {path.name}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
