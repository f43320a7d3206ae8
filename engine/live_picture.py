"""The picture of a live stream on a terminal: time, questions, samples, votes, price.

It is cut to the terminal's width. Weight and shape tell everything, so that it reads on light
and dark grounds and without colours.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from scheduler import SampleState
from terminal.duration import spell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions

    from engine.glance import Glance
    from scheduler import QuestionView

_LABEL = 11
_BAR = 40
_BESIDE = len("28 min 59 s of at most 29 min 00 s")
"""Room for what is written beside a bar, so that all bars of a picture are of one length."""
_SHOWN = 4
"""Answers of the tally that are named, at most."""
_ANSWER = 16
"""Characters of an answer that are shown."""
_CENT = 100.0
_LEAST = 0.0001


class Picture:
    """Draws a glance.

    Args:
        glance: What is drawn.
    """

    def __init__(self, glance: Glance) -> None:
        self._glance = glance

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield line after line, each as wide as there is room for at most."""
        with suppress(RuntimeError):  # the core has just changed what is drawn
            yield from self._lines(console, options)

    def _lines(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        del console
        drawing = _Drawing(options.max_width, ascii_only=options.ascii_only)
        glance = self._glance
        total = spell(glance.usable_s)
        left = f"{spell(glance.left_s)} of {total}"
        if glance.left_s < 0.0:
            left = f"none, {spell(-glance.left_s)} over {total}"
        yield drawing.bar("time left", glance.left_s, glance.usable_s, left)
        most, told = _expected(glance.total)
        yield drawing.bar("answered", glance.done, most, f"{glance.done} of {told}")
        if glance.view is None:
            yield drawing.line("open", "none: the next one has not come yet")
        else:
            yield from _question(drawing, glance, glance.view)


def _question(drawing: _Drawing, glance: Glance, view: QuestionView) -> Iterator[Text]:
    """Yield the lines of the open question."""
    opened = view.opened
    yield drawing.line("open", f"{plain(opened.question_id)}: {plain(opened.question or '')}")
    spent_s, hard_s = max(0.0, glance.at_s - opened.at_s), view.allowance.hard_s or 0.0
    yield drawing.bar("spent", spent_s, hard_s, f"{spell(spent_s)} of at most {spell(hard_s)}")
    yield drawing.line("samples", _samples(view))
    yield drawing.line("tokens", f"{glance.tokens:,} generated")
    told = (_votes(view, shown) for shown in range(_SHOWN, 0, -1))
    yield drawing.line("votes", next(filter(drawing.holds, told), _votes(view, 1)))
    yield drawing.line("price", _price(view.allowance.price))


def _samples(view: QuestionView) -> str:
    states = [sample.state for sample in view.samples]
    stopped = sum(state in {SampleState.STOPPING, SampleState.STOPPED} for state in states)
    failed = states.count(SampleState.FAILED)
    counts = f"{view.live} running, {view.tally.finished} finished, {stopped} stopped"
    return f"{counts}, {failed} failed" if failed else counts


def _price(price: float | None) -> str:
    """Spell the expected accuracy of a second: the part of a right answer that it buys."""
    if price is None:
        return "unknown: the policy sets none"
    percent = _CENT * price
    if 0.0 < percent < _LEAST:
        return f"a second is worth less than {_LEAST} % of a right answer"
    return f"a second is worth {percent:.2g} % of a right answer"


def _votes(view: QuestionView, shown: int) -> str:
    """Tell so many answers by name, and the others as a sum."""
    weights = sorted(view.tally.weights.items(), key=lambda item: -item[1])
    told = [f"{weight:.3g} for {plain(answer, _ANSWER)}" for answer, weight in weights[:shown]]
    others = sum(weight for _, weight in weights[shown:])
    if others:
        told.append(f"{others:.3g} for others")
    if view.tally.nulls:
        told.append(f"{view.tally.nulls} without an answer")
    return ", ".join(told) or "none yet"


def _expected(total: int | tuple[int, int] | None) -> tuple[float, str]:
    """Return the most questions that come, and how that is told."""
    if total is None:
        return 0.0, "unknown many"
    if isinstance(total, int):
        return total, f"{total} questions"
    return total[1], f"{total[0]} to {total[1]} questions"


def plain(text: str, most: int | None = None) -> str:
    """Put a text that a model or a gateway wrote onto one line that only prints.

    Args:
        text: Any.
        most: Characters that are kept; None for all.
    """
    shown = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return shown if most is None or len(shown) <= most else f"{shown[: most - 1]}…"


class _Drawing:
    """Lines with a label each, cut to a width."""

    def __init__(self, width: int, *, ascii_only: bool) -> None:
        self._width = width
        self._done, self._left = ("#", "-") if ascii_only else ("━", "╌")

    def holds(self, text: str) -> bool:
        """Whether a text fits beside a label."""
        return _LABEL + cell_len(text) <= self._width

    def line(self, label: str, text: str) -> Text:
        """Draw a label and what belongs to it."""
        drawn = Text(no_wrap=True, overflow="ellipsis", end="\n")
        drawn.append(f"{label:<{_LABEL}}", "bold")
        drawn.append(text)
        drawn.truncate(self._width, overflow="ellipsis")
        return drawn

    def bar(self, label: str, done: float, total: float, text: str) -> Text:
        """Draw a bar that is full where `done` reaches `total`; none without a total."""
        room = min(_BAR, self._width - _LABEL - _BESIDE - 2)
        if total <= 0.0 or room < 4:  # noqa: PLR2004 - a shorter bar tells nothing
            return self.line(label, text)
        full = max(0, min(room, round(room * done / total)))
        return self.line(label, f"{self._done * full}{self._left * (room - full)}  {text}")
