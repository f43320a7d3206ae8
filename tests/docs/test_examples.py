"""What the README and the tutorials tell to do is done, in a folder of its own, in their order.

Python blocks and commands of one page share the folder, as a reader's would. A replay that says
no `--streams` plays two of them here.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ROOMS = ("engine", "policies", "scheduler", "simulations", "terminal")

PAGES = (
    "README.md",
    "docs/concepts.md",
    "docs/latency-profile.md",
    "docs/tutorial-contestant.md",
    "docs/tutorial-engineer.md",
    "docs/tutorial-researcher.md",
)

LEFT_OUT = {
    "-m venv": "sets up what the tests run in",
    "pip install": "needs the network",
    "tests/run": "runs the tests",
    "--model ./model": "needs a model and a GPU",
    "model.profile.json": "needs what a GPU measured",
    "docs/sweeps/bundled": "takes many minutes",
    "simulations/fit.py": "takes minutes; tests/fitting runs it",
    "mine.json": "reads what simulations/fit.py made",
    "mine-crossed.json": "reads what simulations/fit.py made",
}
"""Commands that hold this are not run, and why."""

REFERENCE = "id,problem,answer\na1,What is 6 times 7?,42\nb2,What is 2^10 - 1000?,24\n"
"""The README's reference.csv, which a contestant has from Kaggle."""

LOG = "".join(
    f'{{"question_id": "q{question}", "sample": {sample}, "gold": "7", '
    f'"answer": "{7 + sample % 2}", "tokens": {500 + 100 * sample}}}\n'
    for question in range(6)
    for sample in range(16)
)
"""The README's log.jsonl, which a reader has already."""

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A Python block, or a command with what it reads from the lines below it."""

    language: str
    text: str

    @property
    def left_out(self) -> str | None:
        """Why it is not run."""
        if self.language == "python":
            return None
        return next((why for part, why in LEFT_OUT.items() if part in self.text), None)


def examples_of(page: str) -> list[Example]:
    """Return what a page tells to do, in its order."""
    examples = []
    for language, block in BLOCK.findall((ROOT / page).read_text()):
        if language == "python":
            examples.append(Example(language, block))
        else:
            examples += [Example(language, command) for command in commands_of(block)]
    return examples


def commands_of(block: str) -> list[str]:
    """Split a block into commands; a here-document belongs to the command above it."""
    commands: list[str] = []
    lines = iter(block.splitlines())
    for line in lines:
        if not line or line.startswith("#"):
            continue
        command = line
        if match := re.search(r"<<'(\w+)'", line):
            for more in lines:
                command += f"\n{more}"
                if more == match[1]:
                    break
        commands.append(command)
    return commands


def run(example: Example, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an example as a reader would, with the interpreter of the tests."""
    text = example.text
    if example.language == "python":
        command = [sys.executable, "-c", text]
    else:
        if "simulations/replay.py" in text and "--streams" not in text and "--sweep" not in text:
            text = text.replace("replay.py", "replay.py --streams 2")
        text = text.replace(".venv/bin/python", shlex.quote(sys.executable))
        command = ["bash", "-c", text]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_page_does_what_it_says(page: str, tmp_path: Path) -> None:
    """Every example of the page that needs no GPU, network or minutes ends without an error."""
    for room in ROOMS:
        (tmp_path / room).symlink_to(ROOT / room)
    if page == "README.md":
        (tmp_path / "reference.csv").write_text(REFERENCE)
        (tmp_path / "log.jsonl").write_text(LOG)
    ran = 0
    for example in examples_of(page):
        if example.left_out is None:
            done = run(example, tmp_path)
            assert done.returncode == 0, f"{example.text}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran > 0


@pytest.mark.parametrize("part", LEFT_OUT)
def test_what_is_left_out_is_still_told(part: str) -> None:
    """No exception outlives the command that it was made for."""
    assert any(part in example.text for page in PAGES for example in examples_of(page))


def test_a_failing_example_is_found(tmp_path: Path) -> None:
    """A command with a wrong argument does not pass."""
    example = Example("sh", ".venv/bin/python -c 'raise SystemExit(2)'")
    assert run(example, tmp_path).returncode == 2
