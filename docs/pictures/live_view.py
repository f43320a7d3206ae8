"""Draws what a terminal shows of a live stream: `python docs/pictures/live_view.py`.

Two minutes for fifty questions, on the engine that pretends and on virtual time, looked at while
a question is open; a second run draws the same. The ground is its own, so that it reads on any.
"""

from __future__ import annotations

import asyncio
import sys
from html import escape
from itertools import cycle
from pathlib import Path

import numpy as np
from rich.console import Console

from engine.glance import Glance, glance_at
from engine.kaggle.pretend import PRETENDED, pretend_engine
from engine.live_picture import Picture
from engine.questions import Question
from engine.runner import Runner
from policies import parse_policy
from scheduler import TimeBudget

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "engine"))

from scripted_streams import rig_of  # noqa: E402 - found by the line above
from virtual_time import play  # noqa: E402

OUT = Path(__file__).with_name("live-view.svg")
COLUMNS = 80
QUESTIONS = 50
ANSWERED = 17
ANSWERS = 4
"""It is looked at once so many answers have votes."""

_TEXTS = (
    "How many positive integers below 2026 are coprime to 30?",
    "Let a, b and c be the roots of x^3 - 7x + 3. Find a^4 + b^4 + c^4.",
    "Find the remainder when the number of ways to tile a 2 x 50 board is divided by 1000.",
)
_CELL = (8.4, 20.0)  # pixels of a character
_EDGE = 14.0


async def look() -> str:
    """Play the stream up to the moment that is drawn, and draw it."""
    clock = asyncio.get_running_loop().time
    texts = [f"{text} ({number})" for number, text in zip(range(QUESTIONS), cycle(_TEXTS))]
    engine = pretend_engine(dict.fromkeys(texts), np.random.default_rng(0))
    policy = parse_policy("shadow-price").for_model("script")
    budget = TimeBudget(120.0, questions=QUESTIONS)
    rig = rig_of(engine)
    async with Runner(rig, policy.build, budget, PRETENDED, journal=None, clock=clock) as runner:
        for number, text in enumerate(texts[:ANSWERED]):
            await runner.answer(Question(question_id=f"{number:06x}", question=text))
        last = Question(question_id="4f0a2c", question=texts[ANSWERED])
        task = asyncio.create_task(runner.answer(last))
        glance = glance_at(runner, clock, done=ANSWERED, total=QUESTIONS)
        while glance.view is None or len(glance.view.tally.weights) < ANSWERS:
            await asyncio.sleep(0.1)
            glance = glance_at(runner, clock, done=ANSWERED, total=QUESTIONS)
        drawn = draw(glance)
        task.cancel()
        await asyncio.wait((task,))
    return drawn


def draw(glance: Glance) -> str:
    """Draw it as a terminal of 80 columns does, as SVG."""
    console = Console(width=COLUMNS, force_terminal=True, color_system=None)
    rows = console.render_lines(Picture(glance))
    lines = ["".join(part.text for part in row).rstrip() for row in rows]
    across, down = _CELL
    width, height = COLUMNS * across + 2 * _EDGE, len(lines) * down + 2 * _EDGE
    texts = "".join(
        f'<text x="{_EDGE}" y="{_EDGE + down * (row + 0.75):g}" '
        f'textLength="{len(line) * across:g}">'
        f'<tspan class="label">{escape(line[:11])}</tspan>{escape(line[11:])}</text>\n'
        for row, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">\n'
        "<style>text { font: 14px monospace; fill: #e6e6e6; white-space: pre; } "
        ".label { font-weight: bold; fill: #ffffff; }</style>\n"
        '<rect width="100%" height="100%" rx="8" fill="#1d2330"/>\n'
        f"{texts}</svg>\n"
    )


if __name__ == "__main__":
    OUT.write_text(play(look))
    sys.stderr.write(f"wrote {OUT.relative_to(ROOT)}\n")
