"""Questions read from JSON lines, CSV and parquet, and refused in one line."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import polars as pl
import pytest

from engine.answers import AnswerKind
from engine.questions import Question, QuestionsError, read_questions, with_canonical_gold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_QUESTIONS = [
    Question(question_id="7", question="What is 1+1?", gold="2", features={"length": 3.0}),
    Question(question_id="b", question="What is\n2+2?"),
]


def _write_json_lines(path: Path) -> None:
    path.write_text(
        '{"question_id": 7, "question": "What is 1+1?", "gold": 2, "level": 1, '
        '"features": {"length": 3, "unknown": null}}\n\n'
        '{"question_id": "b", "question": "What is\\n2+2?"}\n'
    )


def _write_gzip(path: Path) -> None:
    plain = path.with_suffix("")
    _write_json_lines(plain)
    path.write_bytes(gzip.compress(plain.read_bytes()))


def _write_csv(path: Path) -> None:
    path.write_text('id,problem,answer,feature_length\n7,What is 1+1?,2,3\nb,"What is\n2+2?",,\n')


def _write_parquet(path: Path) -> None:
    frame = pl.DataFrame(
        {
            "question_id": ["7", "b"],
            "question": ["What is 1+1?", "What is\n2+2?"],
            "gold": [2.0, None],
            "feature_length": [3, None],
        }
    )
    frame.write_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("q.jsonl", _write_json_lines),
        ("q.jsonl.gz", _write_gzip),
        ("q.csv", _write_csv),
        ("q.parquet", _write_parquet),
    ],
)
def test_every_format_gives_the_same_questions(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    """Ids and answers become text, what is unknown has no entry, order is kept."""
    write(tmp_path / name)
    assert read_questions(tmp_path / name) == _QUESTIONS


def test_kaggle_layouts_are_read_as_they_are(tmp_path: Path) -> None:
    """A test file has no answers, and an id of digits only keeps its zeros."""
    path = tmp_path / "test.csv"
    path.write_text("id,problem\n000aaa,What is $1-1$?\n007,What is $0\\times10$?\n")
    assert read_questions(path) == [
        Question(question_id="000aaa", question="What is $1-1$?"),
        Question(question_id="007", question="What is $0\\times10$?"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("q.jsonl", "", ": must have at least one question, got none"),
        ("q.csv", "", ": must have at least one question, got none"),
        ("q.csv", "id,problem\n", ": must have at least one question, got none"),
        ("q.csv", "id,text\n1,a\n", ", column question (or problem): is missing"),
        ("q.csv", "id,problem\n1,\n", " row 1, column problem: must be a text or a whole number"),
        ("q.csv", "id,problem,feature_x\n1,a,b\n", ": conversion from `str` to `f64` failed"),
        ("q.csv", "id,problem\n1,a\n1,b\n", " row 2, column question_id: must be unique, got '1'"),
        ("q.jsonl", "[1]", " line 1: must be a JSON object"),
        ("q.jsonl", '{"question": "a"}', " line 1, column question_id: must be a text or a whole"),
        (
            "q.jsonl",
            '{"question_id": "1", "question": " "}',
            " line 1, column question: must not be empty, got ' '",
        ),
        (
            "q.jsonl",
            '{"question_id": "1", "question": "a", "gold": 0.5}',
            " line 1, column gold: must be a text or a whole number, got 0.5",
        ),
        (
            "q.jsonl",
            '{"question_id": "1", "question": "a", "gold": true}',
            " line 1, column gold: must be a text or a whole number, got True",
        ),
        (
            "q.jsonl",
            '{"question_id": "1", "question": "a", "features": {"x": "y"}}',
            " line 1, column features.x: must be a finite number, got 'y'",
        ),
        (
            "q.jsonl",
            '{"question_id": "1", "question": "a", "features": 1}',
            " line 1, column features: must be an object of numbers, got 1",
        ),
        ("q.jsonl", '\n{"question_id": \n', " line 2: must be a JSON object"),
        ("q.parquet", "no parquet", ": "),
        ("q.txt", "", ": must end in .jsonl, .csv or .parquet, got '.txt'"),
    ],
)
def test_bad_files_are_refused_in_one_line(
    tmp_path: Path, name: str, content: str, complaint: str
) -> None:
    """The line begins with the file and names the place and the value."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(QuestionsError) as caught:
        read_questions(path)
    assert str(caught.value).startswith(f"{path}{complaint}")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """No file, and a gzip that breaks off, are the user's to mend."""
    with pytest.raises(QuestionsError, match="cannot be read: No such file"):
        read_questions(tmp_path / "none.jsonl")
    with pytest.raises(QuestionsError, match=r"none\.parquet: cannot be read"):
        read_questions(tmp_path / "none.parquet")
    path = tmp_path / "q.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    with pytest.raises(QuestionsError, match="gzip is broken off or bad"):
        read_questions(path)


def test_gold_answers_are_written_as_answers_are() -> None:
    """So that equal values are equal; what the kind does not take, or takes algebra, stays."""
    golds = ("042", "1,234", r"\frac{12}{2}", "1/2", r"\sqrt{2}", None)
    questions = [Question(question_id=str(n), question="q", gold=g) for n, g in enumerate(golds)]
    written = with_canonical_gold(questions, AnswerKind.INTEGER)
    assert [q.gold for q in written] == ["42", "1234", "6", "1/2", r"\sqrt{2}", None]
