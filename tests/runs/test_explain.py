"""The story of a question says what was known when, what was decided and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scheduler import Reason
from simulations.explain import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    Begin = Callable[..., Any]


@pytest.fixture
def path(begin: Begin, tmp_path: Path) -> Path:
    """A question that settles, errs, is asked and answered, and another one that dies."""
    journal = begin()
    journal.open(2.0)
    journal.start(2.0, 0, 1, 2, 3, begun_s=2.5)
    journal.probe(3.0, 2, "9")
    journal.probe(3.0, 3, "9")
    journal.end(4.0, 0, tokens=1234)
    journal.fault(4.5, "the engine stumbled")
    journal.end(5.0, 1)
    journal.fail(6.0, 2)
    journal.submit(7.0, "7")
    journal.stop(7.0, 3)
    journal.leave(7.2, 3)
    journal.open(8.0, "q2")
    journal.start(8.0, 0, begun_s=8.5)
    return journal.write(tmp_path / "run.jsonl")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command says."""
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_a_story_has_its_moments_in_order(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What came, began, was asked, ended, went wrong, was settled, submitted and stopped."""
    text = told(capsys, str(path), "--question", "q1")
    moments = [
        "7 was submitted after 5.00 s of at most 17.00 s: that is right.",
        "0.00 s  It came as question 1 of 2, 2.00 s into the stream. 17.00 s were left",
        "0.00 s  Samples 0–3 were started, since the vote was open and there was room.",
        "0.50 s  Samples 0–3 began to generate.",
        "1.00 s  Sample 2 was asked for an answer so far, since the rule asks at regular",
        "1.00 s  Sample 2 answered: 9.",
        "2.00 s  Sample 0 ended with 7 (right) after 1,234 tokens. Votes: 7 × 1.",
        "2.50 s  Something went wrong: the engine stumbled.",
        "3.00 s  Sample 1 ended with 7 (right) after 100 tokens. Votes: 7 × 2.",
        "3.00 s  The vote is settled: 7 leads by 2, which the 2 that still run cannot change.",
        "4.00 s  Sample 2 was lost: boom.",
        "5.00 s  7 was submitted, since the leader was ahead by the margin that the rule asks for",
        "5.00 s  Sample 3 was stopped, since the question had its answer.",
        "5.20 s  Sample 3 left the engine, stopped after 100 tokens.",
        "Where its time went, in seconds of the stream's clock:",
    ]
    unbroken = " ".join(text.split())
    places = [unbroken.find(" ".join(moment.split())) for moment in moments]
    assert -1 not in places
    assert places == sorted(places)
    assert max(map(len, text.splitlines())) <= 92


def test_a_question_whose_process_died_says_so(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was submitted, and the moment of its end is known."""
    text = told(capsys, str(path), "--question", "q2")
    assert "Nothing was submitted: its process died after 0.50 s" in text
    assert "The process died here." in text


def test_programs_get_the_same_in_fields(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list, since a question may come again after a crash; decisions have reason and numbers."""
    (story,) = json.loads(told(capsys, str(path), "--question", "q1", "--json"))
    assert (story["place"], story["gold"], story["answer"]) == (1, "7", "7")
    assert (story["outcome"], story["reason"], story["seconds"]) == ("right", "lead", 5.0)
    assert story["settled_after_s"] == 3.0
    by_kind = {moment["what"]: moment for moment in story["moments"]}
    assert by_kind["submitted"]["numbers"] == {"margin": 2.0}
    assert by_kind["submitted"]["votes"] == {"7": 2}
    assert by_kind["started"]["samples"] == [0, 1, 2, 3]
    assert by_kind["started"]["reason"] == Reason.WIDEN
    # Half of the fourth second and all of the fifth; its last 0.2 s lie between questions.
    assert story["seconds_by_use"]["stopped too late"] == pytest.approx(1.5)
    assert sum(story["seconds_by_use"].values()) == pytest.approx(5.0)


def test_a_question_that_came_twice_is_told_twice(
    begin: Begin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a crash: once up to it, once to its answer."""
    journal = begin()
    journal.open(0.0)
    journal.resume(3.0)
    journal.open(4.0)
    journal.start(4.0, 0, begun_s=4.0)
    journal.end(5.0, 0)
    journal.submit(5.0, "7", Reason.CAP)
    text = told(capsys, str(journal.write(tmp_path / "run.jsonl")), "--question", "q1")
    assert text.count("question 1 of run.jsonl") == text.count("question 2 of run.jsonl") == 1


def test_bad_input_is_one_line(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown question names near ones, or those there are; a file that is none its name."""
    prose = tmp_path / "prose.txt"
    prose.write_text("Once upon a time\n")
    for arguments, message in (
        ([str(path), "--question", "q11"], "has no question 'q11'; near: q1"),
        ([str(path), "--question", "zzz"], "has no question 'zzz'; it has: q1, q2"),
        ([str(tmp_path / "none"), "--question", "q"], "cannot be read: No such file"),
        ([str(prose), "--question", "q"], "prose.txt line 1: not a line of a journal"),
    ):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.startswith("error: ")
        assert said.count("\n") == 1
