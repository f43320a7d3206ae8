"""One run in figures: for the tables of its page, and for the terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduler import FaultLine, ProbeSample, StartSample, StopSample, SubmitAnswer
from simulations.report.lanes import shortened
from simulations.report.run_look import OUTCOMES, USES, kind_of
from simulations.results_table import number_of
from simulations.runs import End, Outcome
from simulations.runs.uses import MEANINGS
from simulations.runs.words import SINCE

if TYPE_CHECKING:
    from scheduler import Reason
    from simulations.runs import QuestionRun, Run, Shares, Use

_NONE = "–"
_LONG_S = 1000.0  # of a stream whose parts need no second decimal
LEAST_S = 0.005
"""Of a part that is shown; less reads as nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """One use of the time, as it is shown.

    Attributes:
        kind: Its CSS class.
        name: What it is called.
        seconds: As text.
        percent: Of the whole, as text.
        width: The same as a number.
        meaning: What counts for it.
    """

    kind: str
    name: str
    seconds: str
    percent: str
    width: float
    meaning: str


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question's figures, as they are shown, and what its time went to."""

    place: int
    question_id: str
    outcome: str
    kind: str
    cells: tuple[str, ...]
    parts: tuple[Part, ...]
    useful: str


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """How often something was decided for a reason, and what the reason means."""

    what: str
    reason: str
    count: int
    since: str


QUESTION_COLUMNS = (
    "seconds\n(s)",
    "answer",
    "right\nanswer",
    "why it\nended",
    "granted\n(s)",
    "settled\nafter (s)",
    "samples",
    "voted",
    "stopped",
    "thousand\ntokens",
)


def summary(run: Run) -> str:
    """Say in a sentence or two how the run went."""
    counts = Counter(question.outcome for question in run.questions)
    ended = ", ".join(
        f"{counts[outcome]} {'without an answer' if outcome is Outcome.NONE else outcome.value}"
        for outcome in OUTCOMES
        if counts[outcome]
    )
    samples = sum(len(question.samples) for question in run.questions)
    tokens = sum(question.tokens for question in run.questions)
    of = "" if run.total_s is None else f" of {run.total_s:,g}"
    one = len(run.questions) == 1
    return (
        f"{len(run.questions):,} question{'' if one else 's'}: {ended}. "
        f"The last came after {run.until_s:,.1f}{of} s; {samples:,} samples, {tokens:,} tokens."
    )


def parts_of(shares: dict[Use, float], whole_s: float | None = None) -> tuple[Part, ...]:
    """Return uses in the order in which they are shown.

    Args:
        shares: Seconds by use.
        whole_s: What is all of it; by default their sum.
    """
    whole_s = sum(shares.values()) if whole_s is None else whole_s
    return tuple(
        Part(
            kind=kind_of(use),
            name=use.value,
            seconds=number_of(shares[use], 1 if whole_s >= _LONG_S else 2),
            percent=number_of(100.0 * shares[use] / whole_s, 1),
            width=round(100.0 * shares[use] / whole_s, 2),
            meaning=MEANINGS[use],
        )
        for use in USES
        if shares.get(use, 0.0) >= LEAST_S
    )


def question_rows(run: Run, shares: Shares) -> list[QuestionRow]:
    """Return a row a question, in their order."""
    return [
        _question_row(question, used)
        for question, used in zip(run.questions, shares.questions, strict=True)
    ]


def _question_row(question: QuestionRun, used: dict[Use, float]) -> QuestionRow:
    ends = Counter(sample.end for sample in question.samples.values())
    parts = parts_of(used)
    return QuestionRow(
        place=question.position + 1,
        question_id=question.question_id,
        outcome=question.outcome.value,
        kind=OUTCOMES[question.outcome],
        cells=(
            number_of(question.seconds, 1),
            _answer(question),
            _NONE if question.gold is None else shortened(question.gold),
            _NONE if question.reason is None else question.reason.value,
            _NONE if question.granted_s is None else number_of(question.granted_s, 1),
            _NONE if question.settled_after_s is None else number_of(question.settled_after_s, 1),
            f"{len(question.samples):,}",
            f"{ends[End.VOTED]:,}",
            f"{ends[End.STOPPED]:,}",
            number_of(question.tokens / 1000.0, 1),
        ),
        parts=parts,
        useful=number_of(used.get(_FIRST, 0.0), 2),
    )


def _answer(question: QuestionRun) -> str:
    """Show what was submitted, and what was handed over where that is something else."""
    answer = _NONE if question.answer is None else shortened(question.answer)
    given = question.given_instead
    return answer if given is None else f"{answer} (gave {given})"


_FIRST = next(iter(USES))


def reason_rows(run: Run) -> list[ReasonRow]:
    """Count why questions ended, and why samples were started, stopped and asked."""
    counts: Counter[tuple[str, Reason]] = Counter()
    words = {
        SubmitAnswer: "answer",
        StartSample: "start",
        StopSample: "stop",
        ProbeSample: "probe",
    }
    for question in run.questions:
        for _, told in question.told:
            if isinstance(told, SubmitAnswer | StartSample | StopSample | ProbeSample):
                counts[words[type(told)], told.reason] += 1
    order = list(words.values())
    ranked = sorted(counts, key=lambda key: (order.index(key[0]), -counts[key], key[1]))
    return [
        ReasonRow(what, reason.value, counts[what, reason], SINCE[reason])
        for what, reason in ranked
    ]


def facts(run: Run) -> list[tuple[str, str]]:
    """Return what ran, each with its name."""
    header = run.header
    limit = "no limit" if run.total_s is None else f"{run.total_s:,g} s"
    found = [
        ("Journal", f"{run.name}, SHA-256 {run.digest}" if run.digest else run.name),
        ("Begun", header.created),
        ("Policy", header.policy or _NONE),
        ("Time", f"{limit}, {run.reserve_s:,g} s reserved"),
        ("Model", header.model or "the engine never said"),
        ("Engine", ", ".join(part for part in (header.engine, header.gpu) if part) or _NONE),
        ("Latency profile", header.profile or _NONE),
        ("Answers", header.answers),
    ]
    if header.commit is not None:
        found.append(("Commit", f"{header.commit}{', with changes' if header.dirty else ''}"))
    found.append(("Command", header.command))
    return found


def troubles(run: Run) -> list[tuple[str, str]]:
    """Return what went wrong, each with when or where."""
    found = [(f"{from_s:,.1f}–{to_s:,.1f} s", "No process ran.") for from_s, to_s in run.down]
    for question in run.questions:
        for at_s, told in question.told:
            if isinstance(told, FaultLine):
                found.append(
                    (
                        f"{at_s:,.1f} s, question {question.position + 1}",
                        shortened(told.message, 300),
                    )
                )
    return found + [("Journal", note) for note in run.notes]
