"""The examples of the documentation do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from simulations.traces import import_jsonl

ROOT = Path(__file__).parents[2]


def block(page: str, language: str, holding: str) -> str:
    """Return the code block of a page that holds a text, without its indentation."""
    blocks = [part.split("```")[0] for part in (ROOT / page).read_text().split(f"```{language}\n")]
    (found,) = [text for text in blocks[1:] if holding in text]
    return dedent(found).strip() + "\n"


def test_ten_lines_of_python_start_eight_samples() -> None:
    """The README's example opens a question and prints what is to be done."""
    code = block("README.md", "python", "Scheduler(policy")
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.count("StartSample") == 8


def test_a_policy_in_one_file_passes_the_lints(tmp_path: Path) -> None:
    """The example of CONTRIBUTING is clean by the project's own rules."""
    file = tmp_path / "my_rule.py"
    file.write_text(block("CONTRIBUTING.md", "python", "class MyRule"))
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--no-cache", "--config", str(ROOT / "pyproject.toml"), str(file)]
    # Outside the tree the project's packages are unknown, and so the order of imports.
    subprocess.run([*ruff, "check", "--ignore", "I001,INP001", *options], check=True)
    subprocess.run([*ruff, "format", "--check", *options], check=True)


def test_the_line_of_an_import_imports(tmp_path: Path) -> None:
    """The page on traces shows a line that can be imported."""
    (tmp_path / "log.jsonl").write_text(block("docs/traces.md", "json", "question_id"))
    trace = import_jsonl(tmp_path / "log.jsonl", tmp_path / "mine")
    assert trace.checkpoints["probed"].to_list() == [True, True]
