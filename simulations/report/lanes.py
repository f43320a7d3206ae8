"""Lanes: a question's samples, or a stream's questions, as bars on one clock.

Bars live in an SVG that is stretched to the page's width, so everything in it is a path or a
rectangle in thousandths of the clock; words stand beside it, where nothing stretches them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from simulations.report.run_look import OUTCOMES
from simulations.runs import End
from simulations.runs.words import TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.runs import Probed, QuestionRun, Run, SampleRun

LANE = 15  # pixels from one lane to the next
_BAR = 9
_WIDTH = 1000.0
_LONGEST = 11  # characters of an answer beside its lane
_SHOWN_ANSWERS = 8  # of a question's votes
_SHOWN_PROBES = 6  # changes of mind that a title tells


@dataclass(frozen=True, slots=True)
class Lane:
    """One bar with the words around it.

    Attributes:
        number: What it is called, to its left.
        label: How it ended, to its right.
        title: The same and more, for pointers and screen readers.
        kind: The CSS class of its colour.
        y: Of its bar's upper edge, in pixels.
        x: Of its bar's left end, in thousandths of the width.
        width: Of its bar.
        before: Path of the time before its bar; empty for none.
        marks: Path of what happened on the way; empty for none.
        gaps: Path of the time in which it stood still; empty for none.
        href: Where its number leads; empty for nowhere.
    """

    number: str
    label: str
    title: str
    kind: str
    y: int
    x: str
    width: str
    before: str = ""
    marks: str = ""
    gaps: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Lanes:
    """Bars on one clock.

    Attributes:
        lanes: From the top.
        height: In pixels.
        ticks: Times at the left end, the middle and the right end.
        rules: Where vertical rules stand, each with its CSS class.
        spoken: What the picture shows, for those who cannot see it.
    """

    lanes: tuple[Lane, ...]
    height: int
    ticks: tuple[str, str, str]
    rules: tuple[tuple[str, str], ...]
    spoken: str


@dataclass(frozen=True, slots=True)
class _Clock:
    """From seconds to thousandths of the width."""

    from_s: float
    to_s: float

    def at(self, at_s: float) -> float:
        length_s = self.to_s - self.from_s
        share = (at_s - self.from_s) / length_s if length_s > 0.0 else 0.0
        return _WIDTH * min(max(share, 0.0), 1.0)

    @property
    def ticks(self) -> tuple[str, str, str]:
        length_s = self.to_s - self.from_s
        return seconds_text(0.0), seconds_text(length_s / 2.0), seconds_text(length_s)


def seconds_text(seconds: float) -> str:
    """Write seconds with as many decimals as their size deserves."""
    digits = 0 if seconds >= 1000.0 else 1 if seconds >= 10.0 else 2  # noqa: PLR2004 - sizes
    return f"{seconds:,.{digits}f} s"


def stream_lanes(run: Run, prefix: str | None = "") -> Lanes:
    """Draw a lane a question on the clock of the stream.

    Args:
        run: The stream.
        prefix: Of the anchors of its questions' samples; None where those are not shown.
    """
    clock = _Clock(0.0, max(run.until_s, run.total_s or 0.0))
    lanes = []
    for place, question in enumerate(run.questions):
        x, end = clock.at(question.opened_s), clock.at(question.until_s)
        y = place * LANE + (LANE - _BAR) // 2
        outcome = question.outcome
        early_s = None if question.decided_s == question.until_s else question.settled_s
        lanes.append(
            Lane(
                number=str(question.position + 1),
                label=outcome.value,
                title=(
                    f"Question {question.position + 1}, {question.question_id}: {outcome.value}"
                    f"{'' if question.answer is None else ', ' + shortened(question.answer)}, "
                    f"from {seconds_text(question.opened_s)}, "
                    f"took {seconds_text(question.seconds)}"
                ),
                kind=OUTCOMES[outcome],
                y=y,
                x=_number(x),
                width=_number(max(end - x, 1.5)),
                marks=_tick(clock, early_s, y),
                href="" if prefix is None else f"#{prefix}q{question.position + 1}",
            )
        )
    rules = [] if run.total_s is None else [(_number(clock.at(run.total_s - run.reserve_s)), "end")]
    spoken = (
        f"{len(run.questions)} questions, each from its opening to its answer, on the clock of "
        "the stream; the table of questions holds the figures."
    )
    return Lanes(tuple(lanes), len(lanes) * LANE, clock.ticks, tuple(rules), spoken)


def sample_lanes(question: QuestionRun) -> Lanes:
    """Draw a lane a sample on the clock of their question."""
    samples = [question.samples[number] for number in sorted(question.samples)]
    ends = [sample.ended_s or 0.0 for sample in samples]
    clock = _Clock(question.opened_s, max([question.until_s, *ends]))
    rules = [(_number(clock.at(question.until_s)), "end")]
    if question.settled_s is not None:
        rules.insert(0, (_number(clock.at(question.settled_s)), "settled"))
    lanes = tuple(_sample_lane(question, sample, clock, k) for k, sample in enumerate(samples))
    spoken = f"Samples of question {question.question_id}: {votes_text(question)}."
    return Lanes(lanes, len(lanes) * LANE, clock.ticks, tuple(rules), spoken)


def votes_text(question: QuestionRun) -> str:
    """Say how a question's samples ended, the most frequent answers first."""
    votes: Counter[str] = Counter()
    others: Counter[End] = Counter()
    for sample in question.samples.values():
        if sample.end is End.VOTED and sample.answer is not None:
            votes[sample.answer] += 1
        else:
            others[sample.end] += 1
    ranked = votes.most_common()
    shown = len(ranked) if len(ranked) <= _SHOWN_ANSWERS + 1 else _SHOWN_ANSWERS
    told = []
    for answer, count in ranked[:shown]:
        right = " (right)" if answer == question.gold else ""
        told.append(f"{shortened(answer)}{right}{TIMES}{count}")
    if rest := ranked[shown:]:
        told.append(f"{len(rest)} other answers{TIMES}{sum(count for _, count in rest)}")
    told += [f"{end.value}{TIMES}{others[end]}" for end in End if others[end]]
    return ", ".join(told) or "No sample was started"


def shortened(text: str, longest: int = 40) -> str:
    """Cut a text that is longer, on one line."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _sample_lane(question: QuestionRun, sample: SampleRun, clock: _Clock, place: int) -> Lane:
    y = place * LANE + (LANE - _BAR) // 2
    asked, end = clock.at(sample.asked_s), clock.at(sample.ended_s or sample.asked_s)
    begun = end if sample.started_s is None else clock.at(sample.started_s)
    middle = y + _BAR / 2
    return Lane(
        number=str(sample.sample),
        label=_label(question, sample),
        title=_title(question, sample),
        kind=_kind(question, sample),
        y=y,
        x=_number(begun),
        width=_number(max(end - begun, 1.5)),
        before=f"M{_number(asked)} {middle:g}H{_number(begun)}" if begun > asked else "",
        marks="".join(_tick(clock, probe.at_s, y) for probe in sample.probes),
        gaps="".join(
            f"M{_number(clock.at(a))} {middle:g}H{_number(clock.at(b))}" for a, b in sample.waits
        ),
    )


def _kind(question: QuestionRun, sample: SampleRun) -> str:
    """Return the class of a sample's colour."""
    if sample.end is not End.VOTED:
        return {End.NO_ANSWER: "none", End.STOPPED: "stopped", End.LOST: "lost"}[sample.end]
    if question.gold is not None and sample.answer == question.gold:
        return "right"
    if sample.answer == question.answer and question.gold is None:
        return "unknown"
    return "wrong" if question.gold is not None else "other"


def _label(question: QuestionRun, sample: SampleRun) -> str:
    if sample.end is not End.VOTED or sample.answer is None:
        return sample.end.value
    mark = " ✓" if question.gold is not None and sample.answer == question.gold else ""
    return shortened(sample.answer, _LONGEST) + mark


def _title(question: QuestionRun, sample: SampleRun) -> str:
    """Tell a sample's life in a few words; times count from the question's opening."""

    def since(at_s: float | None) -> str:
        return "?" if at_s is None else seconds_text(at_s - question.opened_s)

    tokens = "" if sample.tokens is None else f", {sample.tokens:,} tokens"
    begun = "never began" if sample.started_s is None else f"began at {since(sample.started_s)}"
    end = sample.end.value if sample.answer is None else f"voted {shortened(sample.answer)}"
    life = (
        f"Sample {sample.sample}: asked for at {since(sample.asked_s)} ({sample.start.reason}), "
        f"{begun}, {end} at {since(sample.ended_s)}{tokens}."
    )
    parts = [life]
    if sample.stop is not None:
        parts.append(f"Stop decided at {since(sample.stopped_s)} ({sample.stop.reason}).")
    if sample.probes:
        parts.append(_probes_text(sample.probes, question.opened_s))
    if sample.waits:
        waited_s = sum(b - a for a, b in sample.waits)
        parts.append(f"Waited {seconds_text(waited_s)} for tools, {len(sample.waits)} times.")
    if sample.message:
        parts.append(shortened(sample.message, 80))
    return " ".join(parts)


def _probes_text(probes: Sequence[Probed], opened_s: float) -> str:
    """Tell answers to probes, equal ones that follow one another once."""
    runs = [(answer, list(group)) for answer, group in groupby(probes, lambda one: one.answer)]
    told = [
        f"{'nothing' if answer is None else shortened(answer, 20)} from "
        f"{seconds_text(group[0].at_s - opened_s)}"
        for answer, group in runs[-_SHOWN_PROBES:]
    ]
    dots = "… " if len(runs) > _SHOWN_PROBES else ""
    return f"Asked {len(probes)} times: {dots}{', '.join(told)}."


def _tick(clock: _Clock, at_s: float | None, y: int) -> str:
    return "" if at_s is None else f"M{_number(clock.at(at_s))} {y}v{_BAR}"


def _number(value: float) -> str:
    """Write a place with one decimal, as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")
