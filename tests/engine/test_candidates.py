"""Files of candidates for verifying arms: what is taken, and what is refused in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine import generate
from engine.candidates import CandidatesError, read_candidates

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = {"q1", "q2"}
GOOD = '{"question_id": "q1", "candidates": ["12", "7"]}'


def test_pairs_keep_their_order(tmp_path: Path) -> None:
    """Within a pair and among them; the other way round is another pair, empty lines are none."""
    path = tmp_path / "pairs.jsonl"
    lines = [GOOD, "", GOOD.replace('"12", "7"', '"7", "12"'), GOOD.replace("q1", "q2")]
    path.write_text("\n".join(lines))
    assert read_candidates(path, KNOWN) == {"q1": [("12", "7"), ("7", "12")], "q2": [("12", "7")]}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ": must be a JSON object"),
        ("[1]", ": must be a JSON object"),
        ('{"question_id": "q3", "candidates": ["1", "2"]}', ", field question_id: .*, got 'q3'"),
        ('{"candidates": ["1", "2"]}', ", field question_id: .*, got nothing"),
        ('{"question_id": "q1"}', ", field candidates: must be two different texts, got nothing"),
        ('{"question_id": "q1", "candidates": ["1"]}', r", field candidates: .*, got \['1'\]"),
        ('{"question_id": "q1", "candidates": ["1", "2", "3"]}', ", field candidates: "),
        (
            '{"question_id": "q1", "candidates": ["1", 2]}',
            r", field candidates: .*, got \['1', 2",
        ),
        ('{"question_id": "q1", "candidates": ["1", "1"]}', ", field candidates: "),
        ('{"question_id": "q1", "candidates": ["1", " "]}', ", field candidates: "),
        (GOOD, ", field candidates: must come once for its question"),
        ('{"question_id": "q1", "candidates": ["1", "2"], "x": 1}', ", field x: is unknown"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    """With its file, number, field and value."""
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(CandidatesError, match=f"pairs.jsonl line 2{said}"):
        read_candidates(path, KNOWN)


def test_no_file_and_no_line_are_refused(tmp_path: Path) -> None:
    """Each says which file."""
    with pytest.raises(CandidatesError, match=r"none\.jsonl: cannot be read: No such file"):
        read_candidates(tmp_path / "none.jsonl", KNOWN)
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(
        CandidatesError, match=r"empty\.jsonl: must have at least one line, got none"
    ):
        read_candidates(empty, KNOWN)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--arm", "verifier"), "--arm: 'verifier' judges candidates, needs --candidates FILE"),
        (("--candidates", "PAIRS"), "--candidates: no arm of default judges candidates"),
        (("--arm", "verifier", "--candidates", "PAIRS"), "pairs.jsonl line 1, field candidates: "),
    ],
)
def test_the_command_says_what_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """One line and exit code 2, before a model is loaded or a journal begun."""
    questions, pairs = tmp_path / "q.jsonl", tmp_path / "pairs.jsonl"
    questions.write_text('{"question_id": "q1", "question": "What?"}\n')
    pairs.write_text('{"question_id": "q1", "candidates": ["1"]}\n')
    named = [str(pairs) if word == "PAIRS" else word for word in words]
    out = tmp_path / "run.jsonl"
    code = generate.main(
        [
            *("--questions", str(questions), "--model", "none", "--samples", "1"),
            *("--out", str(out), *named),
        ]
    )
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not out.exists()
