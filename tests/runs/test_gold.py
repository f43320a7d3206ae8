"""Right answers from a file, laid beside a run whose journal holds none."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import polars as pl
import pytest

from simulations.explain import main as explain
from simulations.report.cli import main as report
from simulations.runs import Outcome, with_gold
from simulations.runs.gold import read_gold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    Begin = Callable[..., Any]


def journal_of(begin: Begin, gold: str | None = None) -> Any:  # noqa: ANN401 - of the conftest
    """Tell of two questions, both answered 7, the first one with what the journal calls right."""
    journal = begin()
    for number, name in enumerate(("q1", "q2")):
        at_s = 4.0 * number
        journal.open(at_s, name, gold if number == 0 else None)
        journal.start(at_s, 0, begun_s=at_s + 0.5)
        journal.end(at_s + 1.0, 0)
        journal.submit(at_s + 2.0, "7")
    return journal


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("gold.csv", b"id,problem,answer\nq1,What?,7\nq2,What?, 8\nq3,What?,\n"),
        ("gold.jsonl", b'{"question_id": "q1", "gold": 7}\n\n{"id": "q2", "answer": "8"}\n'),
        (
            "gold.jsonl.gz",
            gzip.compress(b'{"id": "q1", "gold": "7"}\n{"id": "q2", "gold": 8.0}', mtime=0),
        ),
    ],
)
def test_texts_and_tables_are_read(tmp_path: Path, name: str, content: bytes) -> None:
    """Numbers become their digits; a row without an answer is passed over."""
    path = tmp_path / name
    path.write_bytes(content)
    assert read_gold(path) == {"q1": "7", "q2": "8"}


def test_parquet_is_read(tmp_path: Path) -> None:
    """A column of whole numbers that has a gap is one of floats."""
    path = tmp_path / "gold.parquet"
    pl.DataFrame({"id": [1, 2, 3], "answer": [7.0, None, 50.0]}).write_parquet(path)
    assert read_gold(path) == {"1": "7", "3": "50"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gold.txt", b"q1 7", "must end in .csv, .jsonl or .parquet, got '.txt'"),
        ("gold.csv", b"", "must hold the right answer (column gold or answer)"),
        ("gold.csv", b"id,problem\nq1,What?\n", "must hold the right answer (column gold or"),
        ("gold.csv", b"name,answer\nq1,7\n", "row 1, column question_id (or id): is missing"),
        ("gold.csv", b"id,answer\nq1,7\nq1,8\n", "row 2, column question_id: must be unique, got"),
        ("gold.jsonl", b"[1]\n", "line 1: must be a JSON object"),
        ("gold.jsonl", b'{"id": "q1", "gold": 0.5}\n', "line 1, column gold: must be a text or"),
        ("gold.jsonl", b'{"id": "q1", "gold": true}\n', "line 1, column gold: must be a text or"),
        ("gold.parquet", b"no table", "gold.parquet: "),
        ("gold.csv", b"id,answer\nz9,7\n", "no id is that of a question of run.jsonl; the file"),
        ("gold.csv", None, "cannot be read: No such file"),
    ],
)
def test_a_bad_file_is_one_line(
    begin: Begin,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    said: str,
) -> None:
    """It names the file and the place in it; the exit code is 2."""
    source = journal_of(begin).write(tmp_path / "run.jsonl")
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for command in ((report, [str(source)]), (explain, [str(source), "--question", "q1"])):
        assert command[0]([*command[1], "--gold", str(path)]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"error: {path}")
        assert said in told
        assert told.count("\n") == 1


def test_answers_are_judged_by_the_file(begin: Begin, tmp_path: Path) -> None:
    """Equal texts are right, others wrong, and without an entry nothing is known."""
    path = tmp_path / "gold.csv"
    path.write_text("id,answer\nq1,7\nq2,07\n")
    assert [one.outcome for one in journal_of(begin).run.questions] == [Outcome.UNKNOWN] * 2
    run = with_gold(journal_of(begin).run, path)
    assert [one.outcome for one in run.questions] == [Outcome.RIGHT, Outcome.WRONG]
    assert run.notes == ()
    path.write_text("id,answer\nq2,7\n")
    run = with_gold(journal_of(begin).run, path)
    assert [one.outcome for one in run.questions] == [Outcome.UNKNOWN, Outcome.RIGHT]
    assert run.notes == ("gold.csv: 1 of the run's questions have no right answer in it: q1",)


def test_what_the_journal_holds_stays(begin: Begin, tmp_path: Path) -> None:
    """A right answer that agrees says nothing; another one, or an unknown id, is a note."""
    path = tmp_path / "gold.csv"
    path.write_text("id,answer\nq1,7\nq2,7\n")
    assert with_gold(journal_of(begin, "7").run, path).notes == ()
    rows = "".join(f"x{number},1\n" for number in range(6))
    path.write_text(f"id,answer\nq1,8\nq2,7\n{rows}")
    run = with_gold(journal_of(begin, "7").run, path)
    assert [one.gold for one in run.questions] == ["7", "7"]
    assert run.notes == (
        "gold.csv: 6 of its questions did not come in this run: x0, x1, x2, x3, x4, …",
        "gold.csv: 1 right answers are others than the journal's, which stay: q1",
    )


def test_report_and_story_use_it(
    begin: Begin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's sums, its notes and the sentences change; results of a replay take none."""
    source = journal_of(begin).write(tmp_path / "run.jsonl")
    path = tmp_path / "gold.csv"
    path.write_text("id,answer\nq1,7\nq2,9\nq3,1\n")
    assert report([str(source), "--gold", str(path)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("2 questions: 1 right, 1 wrong.")
    note = "1 of its questions did not come in this run: q3"
    assert f"gold.csv: {note}\n" in said.err
    assert note in source.with_suffix(".html").read_text(encoding="utf-8")
    assert explain([str(source), "--question", "q2", "--gold", str(path)]) == 0
    assert "9 is right" in capsys.readouterr().out
