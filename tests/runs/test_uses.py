"""Where the time went: every second of the clock falls where its definition says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduler import FinishReason, Reason
from simulations.runs import Use, share_out
from simulations.runs.uses import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Begin = Callable[..., Any]


def uses(journal: Any, total_s: float = 20.0) -> dict[Use, float]:  # noqa: ANN401 - a journal of the fixture
    """Return the seconds of each use; they have to add up."""
    whole = share_out(journal.run).whole
    assert sum(whole.values()) == pytest.approx(total_s, abs=1e-9)
    return {use: pytest.approx(seconds) for use, seconds in whole.items()}


def test_every_use_has_a_meaning() -> None:
    """The words that readers see name every use once."""
    assert set(MEANINGS) == set(Use)


def test_a_right_vote_is_useful_until_it_is_settled(begin: Begin) -> None:
    """Two equal votes of three settle it; the third sample's time from there on is of no use."""
    journal = begin()
    journal.open(2.0)
    journal.start(2.0, 0, 1, 2, begun_s=3.0)
    journal.end(4.0, 0)
    journal.end(5.0, 1)
    journal.end(8.0, 2, "9")
    journal.submit(8.0, "7", Reason.CAP)
    assert journal.run.questions[0].settled_s == 5.0
    assert uses(journal) == {
        Use.BETWEEN: 2.0,
        Use.WAITING: 1.0,
        Use.USEFUL: 2.0,
        Use.SETTLED: 3.0,
        Use.LEFT: 12.0,
    }


def test_a_stopped_sample_is_too_late_until_the_engine_lets_go(begin: Begin) -> None:
    """From the settling on, past the answer, into the next question, whose second it shares."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, 1, 2, begun_s=0.0)
    journal.end(4.0, 0)
    journal.end(5.0, 1)
    journal.submit(6.0, "7")
    journal.stop(6.0, 2)
    journal.open(6.0, "q2", gold="8")
    journal.start(6.0, 0, begun_s=6.0)
    journal.position -= 1
    journal.leave(7.0, 2)
    journal.position += 1
    journal.end(9.0, 0, "8")
    journal.submit(9.0, "8")
    assert uses(journal) == {
        Use.USEFUL: 5.0 + 0.5 + 2.0,
        Use.STOPPED_LATE: 1.0 + 0.5,
        Use.LEFT: 11.0,
    }
    first, second = share_out(journal.run).questions
    assert first == {Use.USEFUL: 5.0, Use.STOPPED_LATE: 1.5}
    assert second == {Use.USEFUL: 2.5}


def test_a_rule_that_stops_before_the_vote_is_settled_is_useful_to_its_answer(
    begin: Begin,
) -> None:
    """Without a settling the answer is the moment of decision."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, 1, 2, begun_s=0.0)
    journal.end(4.0, 0)
    journal.submit(4.0, "7")
    for sample in (1, 2):
        journal.stop(4.0, sample)
        journal.leave(4.5, sample)
    assert journal.run.questions[0].settled_s is None
    # While no question is open, the engine's letting go costs nobody anything.
    assert uses(journal) == {Use.USEFUL: 4.0, Use.LEFT: 16.0}


def test_a_vote_that_starts_open_again_is_not_settled(begin: Begin) -> None:
    """Only the last settling counts, the one that held until the answer."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, begun_s=0.0)
    journal.end(2.0, 0)
    journal.start(3.0, 1, 2, begun_s=3.0)
    journal.end(5.0, 1)
    journal.submit(6.0, "7")
    assert journal.run.questions[0].settled_s == 5.0
    assert uses(journal)[Use.WAITING] == 1.0


@pytest.mark.parametrize(
    ("seen", "use"), [(None, Use.HOPELESS), ("probe", Use.OUTVOTED), ("end", Use.OUTVOTED)]
)
def test_wrong_is_hopeless_unless_a_sample_had_the_right_answer(
    begin: Begin, seen: str | None, use: Use
) -> None:
    """At its end or to a probe; hopeless takes the time after the settling too."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, 1, 2, 3, begun_s=0.0)
    if seen == "probe":
        journal.probe(1.0, 3, "7")
    for sample in (0, 1, 2):
        journal.end(4.0, sample, "7" if seen == "end" and sample == 2 else "9")
    journal.end(6.0, 3, "9")
    journal.submit(6.0, "9", Reason.CAP)
    found = uses(journal)
    if use is Use.HOPELESS:
        assert found == {Use.HOPELESS: 6.0, Use.LEFT: 14.0}
    else:
        assert found == {Use.OUTVOTED: 4.0, Use.SETTLED: 2.0, Use.LEFT: 14.0}


@pytest.mark.parametrize("gold", ["7", None])
def test_without_any_answer_a_question_is_hopeless_whatever_is_right(
    begin: Begin, gold: str | None
) -> None:
    """Where nobody answered, nobody was right, known or not."""
    journal = begin()
    journal.open(0.0, gold=gold)
    journal.start(0.0, 0, begun_s=0.0)
    journal.end(5.0, 0, None)
    journal.submit(5.0, None, Reason.IDLE)
    assert uses(journal) == {Use.HOPELESS: 5.0, Use.LEFT: 15.0}


def test_without_the_right_answer_nothing_is_judged(begin: Begin) -> None:
    """As on Kaggle; what came after the settling is known all the same."""
    journal = begin()
    journal.open(0.0, gold=None)
    journal.start(0.0, 0, 1, 2, begun_s=0.0)
    journal.end(3.0, 0)
    journal.end(4.0, 1)
    journal.end(5.0, 2)
    journal.submit(5.0, "7", Reason.CAP)
    assert uses(journal) == {Use.UNJUDGED: 4.0, Use.SETTLED: 1.0, Use.LEFT: 15.0}


def test_what_the_engine_loses_is_lost_from_its_beginning(begin: Begin) -> None:
    """Also on a question answered right, and as an error told as an end."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, 1, 2, begun_s=0.0)
    journal.fail(2.0, 1)
    journal.end(4.0, 2, "7", finish_reason=FinishReason.ERROR)
    journal.end(6.0, 0)
    journal.submit(6.0, "7")
    assert uses(journal) == {
        Use.LOST: 2.0 * 2 / 3 + 2.0 / 2,
        Use.USEFUL: 2.0 / 3 + 2.0 / 2 + 2.0,
        Use.LEFT: 14.0,
    }


def test_a_dead_process_takes_its_samples_and_its_silence(begin: Begin) -> None:
    """Its samples are lost up to its last word; from there to the next process none ran."""
    journal = begin()
    journal.open(1.0)
    journal.start(1.0, 0, begun_s=1.0)
    journal.probe(4.0, 0, "7")
    journal.resume(9.0)
    journal.open(10.0)
    journal.start(10.0, 0, begun_s=10.0)
    journal.end(12.0, 0)
    journal.submit(12.0, "7")
    assert uses(journal) == {
        Use.BETWEEN: 1.0 + 1.0,
        Use.LOST: 3.0,
        Use.DOWN: 5.0,
        Use.USEFUL: 2.0,
        Use.LEFT: 8.0,
    }


def test_a_sample_that_waits_for_its_tool_runs_not(begin: Begin) -> None:
    """The others have the second to themselves; if there are none, the question waits."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, 0, 1, begun_s=0.0)
    journal.end(4.0, 1, "9")
    journal.wait(2.0, 6.0, 0)
    journal.end(8.0, 0)
    journal.end(8.0, 1)
    journal.start(8.0, 2, begun_s=8.0)
    journal.end(10.0, 2)
    journal.submit(10.0, "7", Reason.CAP)
    assert uses(journal) == {Use.USEFUL: 8.0, Use.WAITING: 2.0, Use.LEFT: 10.0}


def test_a_run_past_its_total_leaves_nothing(begin: Begin) -> None:
    """The parts then add up to its length; without a total they always do."""
    for total_s in (5.0, None):
        journal = begin(total_s=total_s)
        journal.open(0.0)
        journal.start(0.0, 0, begun_s=0.0)
        journal.end(7.0, 0)
        journal.submit(7.0, "7")
        assert uses(journal, 7.0) == {Use.USEFUL: 7.0}
