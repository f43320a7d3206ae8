"""Writing the page of one run: one file that needs no other, and no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from simulations.report.lanes import (
    Lanes,
    sample_lanes,
    seconds_text,
    shortened,
    stream_lanes,
    votes_text,
)
from simulations.report.page import script_json, scripts
from simulations.report.run_burn_down import run_burn_down
from simulations.report.run_look import KINDS, OUTCOMES, USES
from simulations.report.run_tables import (
    QUESTION_COLUMNS,
    facts,
    kind_of,
    parts_of,
    question_rows,
    reason_rows,
    summary,
    troubles,
)
from simulations.report.run_template import RUN
from simulations.report.template import HEAD, TAIL
from simulations.results_table import number_of
from simulations.runs import End, share_out
from simulations.runs.words import SINCE
from terminal.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.runs import QuestionRun, Run

_TITLE = "How a run spent its time"
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
class _Block:
    """One question's samples, and the words around them."""

    place: int
    question_id: str
    kind: str
    line: str
    text: str
    votes: str
    ending: str
    lanes: Lanes


def write_run_report(run: Run, path: Path, command: str) -> None:
    """Write the page of a run, whole or not at all; equal arguments give equal bytes.

    Args:
        run: What its journal tells.
        path: The HTML file; its folder must be there.
        command: What makes the page, to be shown.

    Raises:
        OSError: if the disk refuses.
    """
    write_whole(path, _render(run, command).encode())


def _render(run: Run, command: str) -> str:
    shares = share_out(run)
    burn_down = run_burn_down(run)
    blocks = [_block(question) for question in run.questions]
    met = {lane.kind for block in blocks for lane in block.lanes.lanes}
    outcomes = {question.outcome for question in run.questions}
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        HEAD + RUN + TAIL
    )
    return template.render(
        title=_TITLE,
        summary=summary(run),
        colours_of_kinds=KINDS | {kind_of(use): colour for use, colour in USES.items()},
        parts=parts_of(shares.whole),
        whole=number_of(sum(shares.whole.values()), 1),
        burn_down=burn_down,
        limited=run.total_s is not None,
        stream=stream_lanes(run),
        outcome_kinds=[(kind, one.value) for one, kind in OUTCOMES.items() if one in outcomes],
        columns=QUESTION_COLUMNS,
        rows=question_rows(run, shares),
        reasons=reason_rows(run),
        troubles=troubles(run),
        sample_kinds=[(kind, word) for kind, word in _SAMPLE_KINDS.items() if kind in met],
        blocks=blocks,
        facts=facts(run),
        command=command,
        bundle=Markup(scripts()),  # noqa: S704 - our own dependency
        specs=script_json([burn_down.spec]),
    )


def _block(question: QuestionRun) -> _Block:
    ends = [sample.end for sample in question.samples.values()]
    return _Block(
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
    right = "" if question.gold is None else f" (right: {shortened(question.gold)})"
    given = ""
    if question.given is not None and str(question.given) != question.answer:
        given = f" Handed over: {question.given}."
    settled = ""
    if question.settled_s is not None:
        settled = f" Settled after {seconds_text(question.settled_s - question.opened_s)}."
    return (
        f"Submitted {answer}{right} after {seconds_text(question.seconds)}, since "
        f"{SINCE[question.submit.reason]}.{settled}{given}"
    )
