"""Files of candidates for verifying arms: what is taken, and what is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from scripted_streams import PROFILE, rig_of, text_of

from engine import generate
from engine.arms import read_arms
from engine.candidates import CandidatesError, read_candidates
from engine.journal import Journal
from engine.scripted import Script, ScriptedEngine
from scheduler import ActionLine, StartSample

if TYPE_CHECKING:
    from pathlib import Path

    from engine.rig import Rig

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


def test_the_command_judges_every_pair_once_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pair that the file gains is all that the same command draws later."""

    def make(options: object, **more: object) -> Rig:
        del options, more
        engine = ScriptedEngine(lambda _: Script(text=text_of(20)), PROFILE)
        return replace(rig_of(engine), arms=read_arms())

    monkeypatch.setattr(generate, "make_rig", make)
    questions, pairs = tmp_path / "q.jsonl", tmp_path / "pairs.jsonl"
    questions.write_text('{"question_id": "q1", "question": "What?", "gold": "7"}\n')
    pairs.write_text(f"{GOOD}\n")
    words = ["--questions", str(questions), "--model", "m", "--samples", "2"]
    words += ["--arm", "verifier", "--candidates", str(pairs), "--out", str(tmp_path / "run.jsonl")]
    assert generate.main(words) == 0
    with pairs.open("a") as file:
        file.write('{"question_id": "q1", "candidates": ["7", "12"]}\n')
    assert generate.main(words) == 0
    said = capsys.readouterr().err
    assert said.count("2 samples, 40 tokens\n") == 2
    journal, lines = Journal.resume(tmp_path / "run.jsonl")
    journal.close()
    starts = [line.action for line in lines if isinstance(line, ActionLine)]
    assert [
        (start.sample, start.arm, start.candidates)
        for start in starts
        if isinstance(start, StartSample)
    ] == [
        (0, "verifier", ("12", "7")),
        (1, "verifier", ("12", "7")),
        (2, "verifier", ("7", "12")),
        (3, "verifier", ("7", "12")),
    ]
