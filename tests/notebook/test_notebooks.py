"""Notebooks are what their scripts say, and run from top to bottom where there is no Kaggle."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebook"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client.*")


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says that this is Kaggle."""
    for name in ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_IS_COMPETITION_RERUN"):
        monkeypatch.delenv(name, raising=False)


def run(name: str, folder: Path) -> Any:  # noqa: ANN401 - nbformat says nothing of its types
    """Run a notebook in a folder and return it with its outputs."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def printed(notebook: Any) -> str:  # noqa: ANN401 - as above
    """Return all that a notebook's cells have printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_notebooks_are_what_their_scripts_give() -> None:
    """Nobody edits a notebook and forgets its script, or the other way round."""
    command = [sys.executable, str(FOLDER / "build.py"), "--check"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


def test_notebooks_are_kept_without_outputs() -> None:
    """What a run printed belongs to that run."""
    for path in FOLDER.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_the_submission_lists_the_wheels_that_the_package_needs() -> None:
    """A wheel that is not attached cannot be fetched there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = (FOLDER / "04_kaggle_submission.py").read_text().replace("\n# ", " ")
    listed = re.search(r"package itself needs (.+?); its engine (.+?)\.", told)
    assert listed is not None
    for names, wanted in zip(
        listed.groups(),
        (project["dependencies"], project["optional-dependencies"]["live"]),
        strict=True,
    ):
        assert names.split(", ") == [re.split(r"[<>=]", one)[0] for one in wanted]


def test_the_submission_runs_without_kaggle(at_home: None, tmp_path: Path) -> None:
    """Ten questions, an engine that pretends, and a file that a gateway would take."""
    del at_home
    notebook = run("04_kaggle_submission.ipynb", tmp_path)
    submitted = pl.read_parquet(tmp_path / "submission.parquet")
    assert submitted.schema == {"id": pl.String, "answer": pl.Int64}
    assert len(submitted) == 10
    told = re.search(r"(\d+) of 10 right after (\d+) of 20 seconds", printed(notebook))
    assert told is not None
    assert int(told[2]) <= 20
    assert (tmp_path / "run.jsonl").exists()
