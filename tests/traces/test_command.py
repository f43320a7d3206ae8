"""The command says one line when it works, and one line with exit code 2 when it doesn't."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulations.traces import read_trace
from simulations.traces.__main__ import main

ROOT = Path(__file__).parents[2]
LINE = '{"question_id": "q1", "sample": 0, "gold": "5", "answer": "5", "tokens": 900}\n'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An import file of one line."""
    path = tmp_path / "log.jsonl"
    path.write_text(LINE)
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "simulations.traces", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_import_says_one_line(log: Path, tmp_path: Path) -> None:
    """Success is a line of counts and the digest on stdout, and silence on stderr."""
    done = run("import", log, tmp_path / "out", "--format", "jsonl", "--model", "M")
    trace = read_trace(tmp_path / "out")
    expected = f"{tmp_path}/out: 1 questions, 1 samples, 0 checkpoints, digest {trace.digest}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    assert trace.header.model == "M"


def test_bad_line_is_one_line_of_stderr(log: Path, tmp_path: Path) -> None:
    """A bad import file ends the process with code 2 and the one line."""
    log.write_text(LINE + LINE.replace("900", "-9"))
    done = run("import", log, tmp_path / "out", "--format", "jsonl")
    expected = f"error: {log} line 2, field tokens: must be at least 0, got -9\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def test_bad_trace_is_one_line_of_stderr(folder: Path) -> None:
    """A damaged trace ends the process with code 2 and the one line."""
    path = folder / "samples.parquet"
    path.write_bytes(path.read_bytes()[:50])
    done = run("describe", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {path}: is no whole parquet file: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["describe"], "the following arguments are required: TRACE"),
        (["import", "a", "b"], "the following arguments are required: --format"),
        (["import", "a", "b", "--format", "csv"], "argument --format: invalid choice: 'csv'"),
        (["validate", "a", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_arguments_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Wrong arguments are one line that points to the help, and code 2."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    error = capsys.readouterr().err
    assert left.value.code == 2
    assert error.startswith(f"error: {message}")
    assert error.endswith(" --help)\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", [[], ["import"], ["describe"], ["validate"]])
def test_help_teaches_with_examples(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    """Every help has examples to copy."""
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    assert "examples:\n  python -m simulations.traces " in capsys.readouterr().out


def test_example_in_the_help_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line that the help shows is one that can be imported."""
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    text = capsys.readouterr().out
    sample = text[text.index('{"question_id"') : text.index("}]}") + 3]
    (tmp_path / "log.jsonl").write_text(" ".join(sample.split()))
    assert main(["import", f"{tmp_path}/log.jsonl", f"{tmp_path}/t", "--format", "jsonl"]) == 0


def test_describe_shows_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two traces are described in one table."""
    assert main(["describe", str(folder), str(folder)]) == 0
    assert "right: majority of all" in capsys.readouterr().out


def test_describe_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the descriptions are a list on stdout."""
    assert main(["describe", str(folder), "--json"]) == 0
    (description,) = json.loads(capsys.readouterr().out)
    assert description["digest"] == read_trace(folder).digest


def test_validate_goes_through_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad trace doesn't keep the ones after it from being checked."""
    assert main(["validate", str(folder), f"{folder}/none", str(folder)]) == 2
    said = capsys.readouterr()
    counts = "2 questions, 3 samples, 4 checkpoints"
    line = f"{folder}: valid, {counts}, digest {read_trace(folder).digest}\n"
    assert said.out == line * 2
    assert said.err == f"error: {folder}/none: must be a trace's folder, and is none\n"


def test_validate_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json there is a verdict a trace, errors among them."""
    assert main(["validate", str(folder), "--json"]) == 0
    digest = read_trace(folder).digest
    verdict = {"trace": str(folder), "digest": digest, "error": None}
    assert json.loads(capsys.readouterr().out) == [verdict]
    assert main(["validate", f"{folder}/none", "--json"]) == 2
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["error"] == f"{folder}/none: must be a trace's folder, and is none"


def test_unwritable_target_is_one_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the disk refuses is one line too."""
    assert main(["import", str(log), f"{log}/inside", "--format", "jsonl"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
