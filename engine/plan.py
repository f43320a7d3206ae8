"""What a generation still has to draw, by what its journal holds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from engine.resume import samples_done
from scheduler import QuestionOpened, Reason, StartSample
from scheduler.journal import ActionLine, EventLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.arms import Arm
    from engine.candidates import Pair
    from engine.questions import Question
    from scheduler.journal import JournalLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Samples to draw of one question.

    Attributes:
        position: The question's place in the journal.
        question: What is asked.
        starts: The samples, by number.
        is_new: Whether the journal does not know the question yet.
    """

    position: int
    question: Question
    starts: Sequence[StartSample]
    is_new: bool


class Lot(NamedTuple):
    """Samples of a question that are drawn alike: of one arm and, if it judges, one pair."""

    arm: str
    candidates: tuple[str, ...] = ()


def plan(
    questions: Sequence[Question],
    arms: Mapping[str, Arm],
    samples: int,
    lines: Sequence[JournalLine],
    pairs: Mapping[str, Sequence[Pair]] | None = None,
) -> list[Draw]:
    """Say what is still to be drawn.

    Args:
        questions: In order.
        arms: To draw of each, by turns.
        samples: Of each question and arm; of a verifying arm, of each pair of candidates.
        lines: Of the journal so far; empty for a new one.
        pairs: Candidates for verifying arms, by question.

    Returns:
        A draw for each question that lacks samples; places go on after the journal's. What was
        started and did not end keeps its number, whatever else is asked for now.
    """
    known = {
        line.event.question_id: line.position
        for line in lines
        if isinstance(line, EventLine)
        and isinstance(line.event, QuestionOpened)
        and line.position is not None
    }
    done = samples_done(lines)
    started = _started(lines)
    fresh = max(known.values(), default=-1) + 1
    draws = []
    for question in questions:
        name = question.question_id
        is_new = name not in known
        position = fresh if is_new else known[name]
        lots = list(_lots(arms, (pairs or {}).get(name, ())))
        starts = _missing(lots, samples, started[position], done.get(name, set()))
        if starts:
            fresh += is_new
            draws.append(Draw(position=position, question=question, starts=starts, is_new=is_new))
    return draws


def _started(lines: Sequence[JournalLine]) -> Mapping[int, dict[int, Lot]]:
    """Give what each sample was of, by position and number."""
    started: defaultdict[int, dict[int, Lot]] = defaultdict(dict)
    for line in lines:
        if isinstance(line, ActionLine) and isinstance(line.action, StartSample):
            action = line.action
            started[line.position][action.sample] = Lot(action.arm, action.candidates)
    return started


def _lots(arms: Mapping[str, Arm], pairs: Sequence[Pair]) -> Iterator[Lot]:
    for name, arm in arms.items():
        if arm.judges:
            yield from (Lot(name, pair) for pair in pairs)
        else:
            yield Lot(name)


def _missing(
    lots: Sequence[Lot], samples: int, started: Mapping[int, Lot], done: set[int]
) -> list[StartSample]:
    """Number what is missing: what was lost by its old numbers, the rest on from the last one."""
    numbers: dict[Lot, list[int]] = {lot: [] for lot in lots}
    missing = dict.fromkeys(lots, samples)
    for number, lot in sorted(started.items()):
        if lot not in missing:
            continue
        if number in done:
            missing[lot] -= 1
        else:
            numbers[lot].append(number)
    found = {}
    for lot in lots:
        for number in numbers[lot][: max(missing[lot], 0)]:
            found[number] = lot
            missing[lot] -= 1
    fresh = max(started, default=-1) + 1
    while any(left > 0 for left in missing.values()):
        for lot in lots:  # by turns
            if missing[lot] > 0:
                found[fresh] = lot
                missing[lot] -= 1
                fresh += 1
    return [
        StartSample(sample=number, arm=lot.arm, candidates=lot.candidates, reason=Reason.WIDEN)
        for number, lot in sorted(found.items())
    ]
