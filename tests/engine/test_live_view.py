"""The picture of a live stream: what it tells, at any width, and where it is shown."""

from __future__ import annotations

import io
import re
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from loguru import logger
from rich.cells import cell_len
from rich.console import Console
from scripted_streams import PROFILE

from engine import live_view
from engine.glance import Glance
from engine.live_picture import Picture, plain
from engine.live_view import LiveView
from engine.watchdog import WatchedPolicy
from policies import parse_policy
from scheduler import QuestionOpened, Scheduler, TimeBudget
from scheduler.events import SampleFailed, SampleFinished, SampleStarted

if TYPE_CHECKING:
    from collections.abc import Iterator


def glance_of(policy: str, *answers: str | None, failed: int = 0) -> Glance:
    """Look at a stream whose third question is open for 75 s and has these votes."""
    watched = WatchedPolicy(parse_policy(policy).build())
    scheduler = Scheduler(watched, TimeBudget(17_400.0, questions=50), PROFILE)
    text = "Find the remainder when the number of tilings is divided by 1000."
    scheduler.open(QuestionOpened(at_s=100.0, question_id="q3", question=text))
    for sample, answer in enumerate(answers):
        scheduler.handle(SampleStarted(at_s=101.0, position=0, sample=sample))
        ended = SampleFinished(at_s=102.0, position=0, sample=sample, answer=answer, tokens=50)
        scheduler.handle(ended)
    for sample in range(len(answers), len(answers) + failed):
        lost = SampleFailed(at_s=103.0, position=0, sample=sample, message="lost")
        scheduler.handle(lost)
    view = watched.view
    return Glance(at_s=175.0, usable_s=17_400.0, done=2, total=50, tokens=21_340, view=view)


def lines_of(glance: Glance, width: int = 80, encoding: str = "utf-8") -> list[str]:
    """Draw a glance on a terminal of this width."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, force_terminal=True, width=width, no_color=True)
    with console.capture() as captured:
        console.print(Picture(glance), soft_wrap=True)
    return [re.sub(r"\x1b\[\d+m", "", line) for line in captured.get().splitlines()]


def test_each_line_says_what_it_counts() -> None:
    """Time, questions, the open one, its samples, its votes and the price, with units."""
    lines = lines_of(glance_of("lead:width=8,lead=5,cap=8", "52", "52", "113", None, failed=1))
    words = [line.replace("━", "").replace("╌", "").split() for line in lines]
    assert [" ".join(line) for line in words] == [
        "time left 4 h 47 min of 4 h 50 min",
        "answered 2 of 50 questions",
        "open q3: Find the remainder when the number of tilings is divided by 1000.",
        "spent 75 s of at most 4 h 48 min",
        "samples 3 running, 4 finished, 0 stopped, 1 failed",
        "tokens 21,340 generated",
        "votes 2 for 52, 1 for 113, 1 without an answer",
        "price unknown: the policy sets none",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Long answers and questions are cut with an ellipsis; what stands first stays."""
    answers = ["1" * 90, "\\frac{1}{2}", "3", "4", "5", "6", None]
    lines = lines_of(glance_of("lead:width=8,lead=8,cap=8", *answers), width)
    assert len(lines) == 8
    assert all(cell_len(line) <= width for line in lines)
    assert any("…" in line for line in lines)
    bars = {line.count("━") + line.count("╌") for line in (lines[0], lines[1], lines[3])}
    assert len(bars) == 1
    assert (bars == {0}) == (width < 60)


def test_votes_beyond_the_fourth_answer_are_added_up() -> None:
    """So the line holds every vote."""
    votes = lines_of(glance_of("lead:width=8,lead=9,cap=8", *"1123456"), 120)[6]
    assert votes.split(maxsplit=1)[1] == "2 for 1, 1 for 2, 1 for 3, 1 for 4, 2 for others"


def test_a_narrow_terminal_names_fewer_answers() -> None:
    """What is not named is in the sum, and nothing is cut."""
    answers = ["52", "52", *(f"{n}" * 12 for n in range(1, 5))]
    glance = glance_of("lead:width=8,lead=9,cap=8", *answers)
    said = [lines_of(glance, width)[6].split(maxsplit=1)[1] for width in (120, 60)]
    assert said[0].endswith(f"1 for {'3' * 12}, 1 for others")
    assert said[1] == f"2 for 52, 1 for {'1' * 12}, 3 for others"


def test_a_bar_tells_its_share_by_shape() -> None:
    """Done and left are other strokes, also where a terminal knows ASCII alone."""
    half = Glance(at_s=50.0, usable_s=100.0, done=25, total=50, tokens=0, view=None)
    for encoding, done, left in (("utf-8", "━", "╌"), ("ascii", "#", "-")):
        for line in lines_of(half, 120, encoding)[:2]:
            assert (line.count(done), line.count(left)) == (20, 20)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"view": None}, "open       none: the next one has not come yet"),
        ({"total": (30, 50)}, "2 of 30 to 50 questions"),
        ({"total": None}, "answered   2 of unknown many"),
        ({"usable_s": 170.0}, "none, 5.0 s over 2 min 50 s"),
    ],
)
def test_what_is_not_known_or_over_is_said(change: dict[str, object], said: str) -> None:
    """Between questions, with an unknown number of them, and past the end."""
    glance = replace(glance_of("lead", "52"), **change)  # type: ignore[arg-type] # by parameters
    assert any(said in line for line in lines_of(glance))


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (None, "unknown: the policy sets none"),
        (0.0, "a second is worth 0 % of a right answer"),
        (1e-9, "a second is worth less than 0.0001 % of a right answer"),
        (0.00214, "a second is worth 0.21 % of a right answer"),
    ],
)
def test_the_price_of_a_second_is_told_or_said_to_be_unknown(
    price: float | None, said: str
) -> None:
    """Nothing is not the same as unknown."""
    glance = glance_of("lead", "52")
    assert glance.view is not None
    asked = glance.view.allowance
    glance.view.allow(type(asked)(soft_s=1.0, hard_s=2.0, price=price))  # type: ignore[attr-defined]
    assert lines_of(glance)[-1] == f"price      {said}"


def test_what_others_wrote_only_prints() -> None:
    """A model's answer moves no cursor and breaks no line."""
    assert plain("a\x1b[2Jb\n c") == "a?[2Jb c"
    assert plain("0123456789", 4) == "012…"


class Terminal(io.StringIO):
    """Keeps what is written to it."""

    def isatty(self) -> bool:
        """Whether it is a terminal; yes."""
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Standard error as a terminal of 100 columns."""
    shown = Terminal()
    # The runner of tests takes standard error back between a fixture and its test.
    monkeypatch.setattr(live_view, "Console", partial(Console, file=shown))
    monkeypatch.setattr(live_view, "_EVERY_S", 0.01)
    for name, value in {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    yield shown
    logger.remove()
    logger.add(sys.__stderr__)


def wait_for(terminal: Terminal, text: str) -> None:
    """Wait until it was shown."""
    by_s = time.monotonic() + 10.0
    while text not in terminal.getvalue():
        assert time.monotonic() < by_s
        time.sleep(0.01)


def test_a_terminal_shows_the_picture_below_what_is_said(terminal: Terminal) -> None:
    """Log lines too; a warning says that it is one. Nothing is drawn while an engine starts."""
    seen: list[Glance | None] = [None]
    with LiveView(lambda: seen[0]) as view:
        logger.info("the engine is up")
        wait_for(terminal, "the engine is up")
        assert "of 50 questions" not in terminal.getvalue()
        seen[0] = glance_of("lead", "52")
        wait_for(terminal, "2 of 50 questions")
        view.say("1/2 q1: 7")
        logger.warning("slow")
    shown = terminal.getvalue()
    assert (
        shown.index("2 of 50 questions") < shown.index("1/2 q1: 7") < shown.index("warning: slow")
    )


def test_a_picture_that_changes_while_it_is_drawn_is_drawn_later(terminal: Terminal) -> None:
    """The core writes the votes from another thread."""

    class Changing(Glance):
        def __getattribute__(self, name: str) -> object:
            if name == "view":
                raise RuntimeError("dictionary changed size during iteration")
            return super().__getattribute__(name)

    plainly = glance_of("lead", "52")
    torn = Changing(at_s=0.0, usable_s=1.0, done=0, total=1, tokens=0, view=None)
    seen: list[Glance] = [torn]
    with LiveView(lambda: seen[0]):
        time.sleep(0.05)
        seen[0] = plainly
        wait_for(terminal, "2 of 50 questions")


def test_without_a_terminal_lines_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Files and notebooks get no picture, and a line is not broken."""
    line = "1/50 " + "x" * 200
    with LiveView(lambda: glance_of("lead", "52")) as view:
        view.say(line)
        time.sleep(0.05)
    assert capsys.readouterr().err == f"{line}\n"
