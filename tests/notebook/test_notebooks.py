"""Notebooks are what their scripts say, and run from top to bottom: no Kaggle, no GPU."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import polars as pl
import pytest
from nbclient import NotebookClient

from policies import parse_policy
from simulations.bundled import bundled_traces
from simulations.traces import import_jsonl, read_trace

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebook"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client.*")


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says that this is Kaggle."""
    for name in ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_IS_COMPETITION_RERUN"):
        monkeypatch.delenv(name, raising=False)


def run(name: str, folder: Path, **constants: str) -> Any:  # noqa: ANN401 - nbformat has no types
    """Run a notebook in a folder, some constants set anew, and return it with its outputs."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    for constant, value in constants.items():
        line = re.compile(rf"^{constant} = .*$", re.MULTILINE)
        assert sum(len(line.findall(cell.source)) for cell in notebook.cells) == 1
        for cell in notebook.cells:
            cell.source = line.sub(lambda _, to=f"{constant} = {value}": to, cell.source)
    # Killed, since joblib's workers may keep a kernel that is asked to end.
    client = NotebookClient(
        notebook,
        timeout=400,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return notebook


def pictures(notebook: Any) -> list[str]:  # noqa: ANN401 - as above
    """Return a notebook's pictures as SVG, after a look at their titles and their axes."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output.data["image/svg+xml"] for output in outputs if "svg" in str(output.get("data"))]
    for picture in found:
        assert re.search(r'role-title-text".*?<text[^>]*>\w', picture)
        assert re.search(r'role-axis-title".*?<text[^>]*>[^<]*\w', picture)
    return found


def signed(text: str) -> float:
    """Read a figure as notebooks write it."""
    return float(text.replace("−", "-").replace(",", ""))


def printed(notebook: Any) -> str:  # noqa: ANN401 - as above
    """Return all that a notebook's cells have printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


FIGURE = r"([+−]?[\d.,]+) \(([−\d.,]+)…([−\d.,]+)\)"


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


def test_looking_at_traces(tmp_path: Path) -> None:
    """The bundled traces; pooled, the difference is that of all wrong and all right answers."""
    notebook = run("01_look_at_traces.ipynb", tmp_path)
    told = printed(notebook)
    assert len(pictures(notebook)) == 4
    for trace in map(read_trace, bundled_traces().values()):
        arms = trace.samples["arm"].unique()
        samples = trace.samples.filter(arm="default") if "default" in arms else trace.samples
        voted = samples.join(trace.questions, on="question_id").drop_nulls("answer")
        wrong, right = (
            voted.filter((pl.col("answer") == pl.col("gold")) == right)["tokens"].mean()
            for right in (False, True)
        )
        answer = told.split(f"\n{trace.name} of")[-1]
        line = re.search(rf"Wrong answers are longer, pooled: {FIGURE} tokens", answer)
        assert line is not None
        assert signed(line[1]) == round(wrong - right)
    words = {"more often than not": 1, "more or less often": 0, "less often than not": -1}
    told_so = re.findall(rf" longer ({'|'.join(words)}): {FIGURE} %", told)
    assert len(told_so) == 2 * len(bundled_traces())
    for word, _, low, high in told_so:
        assert (signed(low) > 50) - (signed(high) < 50) == words[word] or "50.0" in low + high
    assert re.search(rf"tail_entropy .*: AUC {FIGURE} at", told)
    assert "leaders with at least three quarters of the votes are right" in told


def test_the_answer_follows_the_trace(tmp_path: Path) -> None:
    """Where wrong answers are shorter and nothing else was logged, the same notebook says so."""
    luck = np.random.default_rng(0)
    lines = [
        {
            "question_id": f"q{question}",
            "sample": sample,
            "gold": "7",
            "answer": "7" if sample % 2 else str(sample),
            "tokens": int((800 if sample % 2 else 300) + luck.integers(0, 100)),
        }
        for question in range(30)
        for sample in range(12)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    import_jsonl(tmp_path / "log.jsonl", tmp_path / "mine", "my-model")
    notebook = run("01_look_at_traces.ipynb", tmp_path, TRACES='["mine"]')
    told = printed(notebook)
    assert "Wrong answers are shorter, within a question: −" in told
    assert "On all 1 traces, in the mean within a question, wrong ones are shorter." in told
    assert "will end right: AUC" not in told
    assert any("No entropies" in str(cell.get("outputs")) for cell in notebook.cells)


def test_replaying_and_comparing(tmp_path: Path) -> None:
    """Each policy stands where its interval says; named are those whom the limit moves."""
    notebook = run("02_replay_and_compare.ipynb", tmp_path)
    assert len(pictures(notebook)) == 3
    sides = {"better": 1, "not distinguishable": 0, "worse": -1}
    seen = 0
    told = printed(notebook)
    stood: dict[str, set[str]] = {}
    for word, listed in re.findall(rf"^    ({'|'.join(sides)}): (.+)$", told, re.MULTILINE):
        for policy in re.findall(rf"(\S+) {FIGURE}", listed):
            stood.setdefault(policy[0], set()).add(word)
        for _, low, high in re.findall(FIGURE, listed):
            assert (signed(low) > 0) - (signed(high) < 0) == sides[word] or "0.0" in low + high
            seen += 1
    assert seen == 3 * 4
    changing = re.search(
        r"^How these stand to share depends on the limit: (.+)\.$", told, re.MULTILINE
    )
    assert changing is not None
    assert set(changing[1].split("; ")) == {one for one, words in stood.items() if len(words) > 1}


def test_fitting_and_tuning(tmp_path: Path) -> None:
    """Held-out figures of both, and files that a policy can be made of."""
    notebook = run("03_fit_and_tune.ipynb", tmp_path)
    told = printed(notebook)
    assert len(pictures(notebook)) == 1
    for name in ("fitted shadow-price", "tuned share"):
        line = rf"^Held out, {name} is [a-z ]+ share: {FIGURE} points"
        assert re.search(line, told, re.MULTILINE)
    assert re.search(rf"very questions that it plays it has {FIGURE} points against", told)
    parse_policy(f"shadow-price:parameters={tmp_path / 'mine.json'}")
    parse_policy(str(tmp_path / "tuned.json"))


def test_quantising_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is quantised, measured or claimed; the picture shows what is called a stand-in."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    notebook = run("05_quantise_to_awq.ipynb", tmp_path)
    (picture,) = pictures(notebook)
    assert picture.count("a stand-in)</text>") == 2
    assert "Nothing was measured here, so there is no answer" in printed(notebook)
    assert list(tmp_path.iterdir()) == []


def test_a_policy_of_your_own(tmp_path: Path) -> None:
    """It breaks nothing, a careless one is found out, and it is replayed beside those that ship."""
    notebook = run("06_write_your_own_policy.ipynb", tmp_path)
    told = printed(notebook)
    assert "most-heard breaks 0 scenarios" in told
    assert re.search(r"Careless breaks \d+ scenarios, such as\n    \S.+: \S", told)
    assert re.search(rf"^most-heard is [a-z ]+ share: {FIGURE} points", told, re.MULTILINE)
    assert len(pictures(notebook)) == 1
