"""A journal is read as what it tells, and refused in one line where it tells nothing."""

from __future__ import annotations

import gzip
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from scheduler import FinishReason, Reason
from simulations.runs import End, Outcome, read_run
from simulations.runs.words import SINCE
from simulations.traces import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    Begin = Callable[..., Any]


def test_every_reason_has_words() -> None:
    """A new reason cannot come without a sentence for it."""
    assert set(SINCE) == set(Reason)


def test_samples_end_as_they_were_told_to(begin: Begin) -> None:
    """A vote, a cut without one, a stop, a loss, and a stop that was never confirmed."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, 1, 2, 3, 4, begun_s=1.0, max_tokens=100)
    journal.end(2.0, 0, "7")
    journal.end(3.0, 1, "7", finish_reason=FinishReason.LENGTH)
    journal.fail(4.0, 2)
    journal.submit(5.0, "7")
    journal.stop(5.0, 3)
    journal.stop(5.0, 4)
    journal.leave(6.0, 3)
    (question,) = journal.run.questions
    samples = question.samples.values()
    assert [sample.end for sample in samples] == [
        End.VOTED,
        End.NO_ANSWER,
        End.LOST,
        End.STOPPED,
        End.STOPPED,
    ]
    assert [sample.ended_s for sample in samples] == [2.0, 3.0, 4.0, 6.0, 5.0]
    assert (question.outcome, question.answer, question.seconds) == (Outcome.RIGHT, "7", 5.0)
    assert question.tokens == 300


def test_a_vote_after_the_answer_changes_nothing(begin: Begin) -> None:
    """What ends while its stop is under way neither votes nor settles."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, 1, 2, begun_s=0.0)
    journal.end(2.0, 0, "7")
    journal.submit(3.0, "7")
    journal.stop(3.0, 1)
    journal.stop(3.0, 2)
    journal.end(3.1, 1, "9")
    (question,) = journal.run.questions
    assert question.samples[1].end is End.STOPPED
    assert question.settled_s is None


def test_an_answer_that_is_not_the_leader_was_never_settled(begin: Begin) -> None:
    """A policy may weigh votes in a way that no journal tells."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, begun_s=0.0)
    journal.end(2.0, 0, "7")
    journal.submit(4.0, "9")
    assert journal.run.questions[0].settled_s is None


def test_grants_and_gifts_are_laid_beside_their_questions(begin: Begin) -> None:
    """What the ledger granted, and what the gateway got instead of nothing."""
    journal = begin()
    journal.open(1.0)
    journal.submit(4.0, None, Reason.IDLE)
    journal.give(4.1, 0)
    journal.open(5.0, "q2")
    journal.submit(6.0, None, Reason.IDLE)
    journal.give(6.1, 3, "q2")
    first, second = journal.run.questions
    assert (first.granted_s, second.granted_s) == (18.0, 14.0)
    assert (first.given, second.given) == (0, 3)
    assert (journal.run.reserve_s, journal.run.planned) == (1.0, 2)


def test_a_cut_journal_is_read_as_far_as_it_goes(begin: Begin, tmp_path: Path) -> None:
    """Plain or gzip; the digest is that of the file, and the cut is said."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, begun_s=1.0)
    journal.end(3.0, 0)
    raw = journal.write(tmp_path / "run.jsonl").read_bytes()[:-20]
    for content in (raw, gzip.compress(raw)):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(content)
        run = read_run(path)
        assert run.digest == sha256(content).hexdigest()
        assert run.notes == (f"{path} line 7: is unfinished, left out",)
        (question,) = run.questions
        assert (question.outcome, question.samples[0].end) == (Outcome.NONE, End.LOST)


def test_what_holds_no_run_is_refused(begin: Begin, tmp_path: Path) -> None:
    """No question, no policy, a place taken twice, a sample of no question."""
    path = tmp_path / "run.jsonl"
    empty = begin()
    generation = begin(policy=None)
    generation.open(0.0)
    twice = begin()
    twice.open(0.0)
    twice.position -= 1
    twice.budget = begin().budget
    twice.open(1.0)
    orphan = begin()
    orphan.end(1.0, 0)
    for journal, message in (
        (empty, "must tell of at least one question, tells of none"),
        (generation, "is a generation, which no policy decided"),
        (twice, "line 6, field position: 0 was opened before"),
        (orphan, "line 2, field position: must be that of a question opened before, got -1"),
    ):
        journal.write(path)
        with pytest.raises(TraceError, match=message):
            read_run(path)
