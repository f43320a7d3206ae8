"""A run's questions, each folded up with its samples, and what the colours of its bars mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.report.lanes import Lanes, sample_lanes, seconds_text, shortened, votes_text
from simulations.report.run_look import OUTCOMES
from simulations.runs import End, Outcome
from simulations.runs.words import SINCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulations.runs import QuestionRun, Run

_LONGEST_TEXT = 400  # characters shown of a question

_SAMPLE_KINDS = {
    "right": "voted for the right answer",
    "wrong": "voted for a wrong one",
    "unknown": "voted for what was submitted",
    "other": "voted for something else",
    "none": "ended without an answer",
    "stopped": "was stopped",
    "lost": "was lost",
}


@dataclass(frozen=True, slots=True)
class Block:
    """One question's samples, and the words around them.

    Attributes:
        anchor: Where links to it lead.
        place: Of the question in the stream, from 1.
        question_id: Its name.
        kind: The CSS class of its outcome.
        line: What is said of it while it is folded.
        text: Of the question, as far as it is shown.
        votes: How its samples ended.
        ending: How it ended, and why then.
        lanes: A bar a sample.
    """

    anchor: str
    place: int
    question_id: str
    kind: str
    line: str
    text: str
    votes: str
    ending: str
    lanes: Lanes


def blocks_of(run: Run, prefix: str = "") -> list[Block]:
    """Return a block a question, in their order; `prefix` tells its anchors from another run's."""
    return [_block(question, prefix) for question in run.questions]


def outcome_kinds(runs: Iterable[Run]) -> list[tuple[str, str]]:
    """Return class and word of the outcomes that occur."""
    met = {question.outcome for run in runs for question in run.questions}
    return [(kind, outcome.value) for outcome, kind in OUTCOMES.items() if outcome in met]


def sample_kinds(blocks: Sequence[Block]) -> list[tuple[str, str]]:
    """Return class and words of the endings that occur."""
    met = {lane.kind for block in blocks for lane in block.lanes.lanes}
    return [(kind, words) for kind, words in _SAMPLE_KINDS.items() if kind in met]


def _block(question: QuestionRun, prefix: str) -> Block:
    ends = [sample.end for sample in question.samples.values()]
    return Block(
        anchor=f"{prefix}q{question.position + 1}",
        place=question.position + 1,
        question_id=question.question_id,
        kind=OUTCOMES[question.outcome],
        line=(
            f"{question.outcome.value}, {seconds_text(question.seconds)}, "
            f"{len(ends)} samples, {ends.count(End.VOTED)} voted"
        ),
        text=shortened(question.question or "", _LONGEST_TEXT),
        votes=votes_text(question),
        ending=_ending(question),
        lanes=sample_lanes(question),
    )


def _ending(question: QuestionRun) -> str:
    """Say how a question ended, and why then."""
    if question.submit is None:
        return f"The process died after {seconds_text(question.seconds)}; nothing was submitted."
    answer = "nothing" if question.answer is None else shortened(question.answer)
    right = ""
    if question.gold is not None:
        is_right = question.outcome is Outcome.RIGHT
        right = " (right)" if is_right else f" (right: {shortened(question.gold)})"
    given = ""
    if question.given_instead is not None:
        given = f" Handed over: {question.given_instead}."
    settled = ""
    if question.settled_after_s is not None and question.decided_s < question.until_s:
        settled = f" Settled after {seconds_text(question.settled_after_s)}."
    return (
        f"Submitted {answer}{right} after {seconds_text(question.seconds)}, since "
        f"{SINCE[question.submit.reason]}.{settled}{given}"
    )
