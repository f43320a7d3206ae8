"""Where the time of a run went: every second of the stream's clock falls to one use.

Samples share one engine, so a second in which k samples ran is cut into k equal parts, one for
each of them. Each part falls to the first use in `Use` that fits its sample and its moment. The
parts of all samples, the seconds in which none ran and what was left add up to the total.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from simulations.runs.run import End, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.runs.run import QuestionRun, Run, SampleRun


class Use(StrEnum):
    """What a second was spent on, as `MEANINGS` says; of those that fit the first counts."""

    LOST = "lost"
    HOPELESS = "hopeless"
    STOPPED_LATE = "stopped too late"
    SETTLED = "settled votes"
    USEFUL = "useful"
    OUTVOTED = "outvoted"
    UNJUDGED = "not judged"
    WAITING = "waiting"
    DOWN = "no process"
    BETWEEN = "between questions"
    LEFT = "not used"


MEANINGS = {
    Use.LOST: "Samples that the engine lost, or whose process died: all their time.",
    Use.HOPELESS: (
        "Questions that ended wrong or without an answer, where no sample ever gave the right "
        "answer, neither at its end nor to a probe: all their time."
    ),
    Use.STOPPED_LATE: (
        "Samples that were stopped, from when the vote was settled until the engine let go of them."
    ),
    Use.SETTLED: "Samples that ran to their own end, from when the vote was settled.",
    Use.USEFUL: "Before the vote was settled, on questions answered right.",
    Use.OUTVOTED: (
        "Before the vote was settled, on questions that ended wrong or without an answer although "
        "a sample gave the right one."
    ),
    Use.UNJUDGED: (
        "Before the vote was settled, on questions whose right answer the journal does not hold."
    ),
    Use.WAITING: (
        "A question was open and no sample ran: prompts, queues, tools, an engine's restart."
    ),
    Use.DOWN: "The process had died, and no other one ran yet.",
    Use.BETWEEN: "No question was open: start-up, loading, the gateway.",
    Use.LEFT: "Left of the total after the last answer, the reserve included.",
}
"""Each use in words."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Where the time went, in seconds of the stream's clock.

    Attributes:
        whole: By use; their sum is the total, or the run's length where there is no total.
        questions: By question, in their order, what its samples and its waiting took.
    """

    whole: dict[Use, float]
    questions: tuple[dict[Use, float], ...]


def share_out(run: Run) -> Shares:
    """Cut the clock of a run into its uses."""
    whole: defaultdict[Use, float] = defaultdict(float)
    questions = [defaultdict[Use, float](float) for _ in run.questions]
    running: Counter[tuple[int, Use]] = Counter()
    opened: int | None = None
    is_down = False
    now_s = 0.0
    for at_s, change in _changes(run):
        dt_s = at_s - now_s
        now_s = at_s
        if dt_s > 0.0:
            for place, use, share in _owners(running, opened, is_down=is_down):
                whole[use] += dt_s * share
                if place is not None:
                    questions[place][use] += dt_s * share
        kind, place, use, step = change
        if kind == "end":
            break
        if kind == "sample":
            running[place, use] += step
        elif kind == "question":
            opened = place if step > 0 else None
        else:
            is_down = step > 0
    if run.total_s is not None:
        whole[Use.LEFT] = max(0.0, run.total_s - now_s)
    return Shares(
        {use: whole[use] for use in Use if whole[use] > 0.0},
        tuple({use: one[use] for use in Use if one[use] > 0.0} for one in questions),
    )


Change = tuple[str, int, Use, int]
"""What changes, the question's place, the use, and whether it begins (1) or ends (−1)."""


def _owners(
    running: Counter[tuple[int, Use]], opened: int | None, *, is_down: bool
) -> Iterator[tuple[int | None, Use, float]]:
    """Say to which question and use a moment falls, and which part of it."""
    if is_down:
        yield None, Use.DOWN, 1.0
    elif opened is None:
        yield None, Use.BETWEEN, 1.0
    elif not (width := running.total()):
        yield opened, Use.WAITING, 1.0
    else:
        for (place, use), count in running.items():
            if count:
                yield place, use, count / width


def _changes(run: Run) -> list[tuple[float, Change]]:
    """Return all moments at which something begins or ends, ends before what begins with them."""
    changes: list[tuple[float, Change]] = [(run.until_s, ("end", 0, Use.LEFT, -1))]
    for from_s, to_s in run.down:
        changes += _stretch(from_s, to_s, "down", 0, Use.DOWN)
    for place, question in enumerate(run.questions):
        changes += _stretch(question.opened_s, question.until_s, "question", place, Use.WAITING)
        for sample in question.samples.values():
            for from_s, to_s, use in _stretches(question, sample):
                changes += _stretch(from_s, to_s, "sample", place, use)
    return sorted(changes, key=lambda change: (change[0], change[1][3]))


def _stretch(
    from_s: float, to_s: float, kind: str, place: int, use: Use
) -> list[tuple[float, Change]]:
    if to_s <= from_s:
        return []
    return [(from_s, (kind, place, use, 1)), (to_s, (kind, place, use, -1))]


def _stretches(question: QuestionRun, sample: SampleRun) -> Iterator[tuple[float, float, Use]]:
    """Cut a sample's time at the moment of its question's decision."""
    if sample.started_s is None or sample.ended_s is None:
        return
    cut_s = question.decided_s
    after = Use.STOPPED_LATE if sample.end is End.STOPPED else Use.SETTLED
    all_of_it = _whatever(question, sample)
    for from_s, to_s in _running(sample.started_s, sample.ended_s, sample.waits):
        if all_of_it is not None:
            yield from_s, to_s, all_of_it
        else:
            yield from_s, min(to_s, cut_s), _before(question)
            yield max(from_s, cut_s), to_s, after


def _running(
    from_s: float, to_s: float, waits: list[tuple[float, float]]
) -> Iterator[tuple[float, float]]:
    """Leave out the time in which a sample waited for its tools."""
    for called_s, returned_s in waits:
        yield from_s, min(called_s, to_s)
        from_s = max(from_s, returned_s)
    yield from_s, to_s


def _whatever(question: QuestionRun, sample: SampleRun) -> Use | None:
    """Return the use of a sample whose time counts alike at every moment."""
    if sample.end is End.LOST:
        return Use.LOST
    failed = question.outcome in {Outcome.WRONG, Outcome.NONE}
    return Use.HOPELESS if failed and question.was_within_reach is False else None


def _before(question: QuestionRun) -> Use:
    if question.outcome is Outcome.RIGHT:
        return Use.USEFUL
    return Use.UNJUDGED if question.gold is None else Use.OUTVOTED
