"""A comparison as tables of text, for the terminal and for the page."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simulations.fidelity.results import Draws, Fidelity, QuestionFidelity, Spread

LEGEND = (
    "Error: replay less live; samples: live/replay. Each question is replayed by itself, from its "
    "live opening with its own samples; the stream runs freely, with the live gaps between "
    "questions. n ran out: stopped samples that the replay needed for longer than the run had "
    "them; n not logged: it asked for more than the run did. Where the difference sits: the time "
    "to a question's first token, then decoding, in it the time in which a probe was under way, "
    "and from the last event to the answer. Single things are means over those that both worlds "
    "had."
)

_NONE = "–"
_PART_NAMES = ("first token", "decoding", "probes", "after the last event")
_MILLI = 1000.0
_LEAST_S = 1e-5


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        title: What it shows.
        columns: Names; the first column is text, as is the last where `says`.
        rows: A text for each column.
        says: Whether the last column is text too.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    says: bool = False


def fidelity_table(fidelity: Fidelity) -> Group:
    """Return everything that a terminal, or a pipe of 80 columns, shows of a comparison."""
    parts: list[RenderableType] = []
    for sheet in sheets(fidelity):
        table = Table(box=box.SIMPLE_HEAD, title=sheet.title, title_justify="left", pad_edge=False)
        for place, column in enumerate(sheet.columns):
            text = place == 0 or (sheet.says and place == len(sheet.columns) - 1)
            table.add_column(
                Text(column), justify="left" if text else "right", overflow="fold", no_wrap=not text
            )
        for row in sheet.rows:
            table.add_row(*map(Text, row))
        parts.append(table)
    grid = Table.grid(padding=(0, 2))
    for name, value in facts(fidelity):
        grid.add_row(Text(name, style="bold"), Text(value))
    return Group(*parts, grid, Text(), Text(LEGEND))


def sheets(fidelity: Fidelity) -> list[Sheet]:
    """Return the tables: questions, where the difference sits, single things, draws."""
    found = [_questions(fidelity), _parts(fidelity)]
    if fidelity.things:
        found.append(_things(fidelity))
    if fidelity.draws is not None:
        found.append(_draws(fidelity, fidelity.draws))
    return found


def facts(fidelity: Fidelity) -> list[tuple[str, str]]:
    """Return the summary, each figure with its name."""
    total, draws = fidelity.total, fidelity.draws
    same = sum(question.same_answer for question in fidelity.questions)
    median, p90 = _p(fidelity.median_error_percent), _p(fidelity.p90_error_percent)
    stream = (
        f"live {total.live_s:,.2f} s, replay {total.free_s:,.2f} s, "
        f"error {total.error_percent:+.1f} %"
    )
    run = (
        f"{fidelity.journal}: {fidelity.policy} on {fidelity.model}, {fidelity.engine}, "
        f"{fidelity.gpu or 'GPU unknown'}"
    )
    found = [
        ("Absolute error", f"median {median}, 90th percentile {p90} of a question's seconds"),
        ("Whole stream", stream),
        ("Same answer", f"{same} of {len(fidelity.questions)} questions"),
    ]
    if draws is not None:
        found.append(("Other draws", _lies(draws)))
    found += [("Run", run), ("Profile", fidelity.profile)]
    found += [("Note", note) for note in fidelity.notes]
    return found


def _lies(draws: Draws) -> str:
    """Say where the live total lies among the draws."""
    total = draws.total
    return (
        f"the live {total.live_s:,.2f} s lie {'inside' if total.inside else 'outside'} the middle "
        f"90 % of {draws.streams:,} streams, {total.low_s:,.2f}…{total.high_s:,.2f} s "
        f"(median {total.median_s:,.2f} s; seed {draws.seed}); "
        f"{draws.exhausted:,} questions wanted more samples than were logged"
    )


def _questions(fidelity: Fidelity) -> Sheet:
    return Sheet(
        "Questions, each by itself",
        (
            "question",
            "live\ns",
            "replay\ns",
            "error\ns",
            "error\n%",
            "sam-\nples",
            "same\nanswer",
            "note",
        ),
        tuple(_question(question) for question in fidelity.questions),
        says=True,
    )


def _question(question: QuestionFidelity) -> tuple[str, ...]:
    percent = question.error_percent
    return (
        question.question_id,
        f"{question.live.seconds:,.2f}",
        f"{question.replay.seconds:,.2f}",
        f"{question.error_s:+,.2f}",
        _NONE if percent is None else f"{percent:+.1f}",
        f"{question.live.started}/{question.replay.started}",
        "yes" if question.same_answer else "no",
        ", ".join(question.notes),
    )


def _parts(fidelity: Fidelity) -> Sheet:
    live, replay = astuple(fidelity.live_parts), astuple(fidelity.replay_parts)
    all_live = sum(live)
    rows = [
        (name, *_compared(a, b), f"{100.0 * (b - a) / all_live:+.1f}" if all_live else _NONE)
        for name, a, b in (
            *zip(_PART_NAMES, live, replay, strict=True),
            ("all", all_live, sum(replay)),
        )
    ]
    return Sheet(
        "Where the difference sits, mean seconds a question",
        ("part", "live\ns", "replay\ns", "error\ns", "of all\n%"),
        tuple(rows),
    )


def _compared(live: float, replay: float) -> tuple[str, str, str]:
    return f"{live:,.3f}", f"{replay:,.3f}", f"{replay - live:+,.3f}"


def _things(fidelity: Fidelity) -> Sheet:
    return Sheet(
        "Single things, mean milliseconds of one",
        ("thing", "count", "live\nms", "replay\nms", "error\nms", "error\n%"),
        tuple(
            (
                thing.name,
                f"{thing.count:,}",
                *_compared(_MILLI * thing.live_s, _MILLI * thing.replay_s),
                _relative(thing.live_s, thing.replay_s),
            )
            for thing in fidelity.things
        ),
    )


def _relative(live_s: float, replay_s: float) -> str:
    """Say the error in percent, where there is something to be wrong about."""
    return _NONE if abs(live_s) < _LEAST_S else f"{100.0 * (replay_s / live_s - 1.0):+.1f}"


def _draws(fidelity: Fidelity, draws: Draws) -> Sheet:
    named = zip(
        [question.question_id for question in fidelity.questions], draws.questions, strict=True
    )
    rows = [_spread(name, spread) for name, spread in (*named, ("all", draws.total))]
    return Sheet(
        "With samples of other runs",
        ("question", "live\ns", "median\ns", "5 %\ns", "95 %\ns", "live\ninside"),
        tuple(rows),
    )


def _spread(name: str, spread: Spread) -> tuple[str, ...]:
    figures = (spread.live_s, spread.median_s, spread.low_s, spread.high_s)
    return name, *(f"{figure:,.2f}" for figure in figures), "yes" if spread.inside else "no"


def _p(percent: float | None) -> str:
    return _NONE if percent is None else f"{percent:.1f} %"
