"""Drawing samples into a journal: all of them, once each, however often it is interrupted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from scripted_streams import ARM, PROFILE, Model, faulty, logged, questions, rig_of, text_of
from virtual_time import play

from engine.generate import plan
from engine.generation import Draw, Drawn, Generation
from engine.journal import Journal
from engine.resume import samples_done
from engine.scripted import Fault, Script, ScriptedEngine
from scheduler import ActionLine, JournalHeader, QuestionLine, StartSample, TextLine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scheduler import JournalLine

HEADER = JournalHeader(
    created="2026-01-01T00:00:00+00:00",
    command="run",
    model="script",
    engine="scripted",
    answers="integer",
)


def generate(
    path: Path,
    count: int,
    samples: int,
    *,
    width: int = 4,
    stop_after_s: float | None = None,
    model: Model | None = None,
    arms: Sequence[str] = ("plain",),
) -> tuple[Drawn | None, Sequence[Draw], float]:
    """Draw samples; return what was done (None if stopped), planned, and how long it took."""
    journal, lines = Journal.resume(path) if path.exists() else (Journal.create(path, HEADER), ())

    async def main() -> tuple[Drawn | None, Sequence[Draw], float]:
        draws = plan(questions(count), samples, lines)
        engine = ScriptedEngine(model or Model(), PROFILE)
        clock = asyncio.get_running_loop().time
        told: list[int] = []

        def advance(drawn: Drawn) -> None:
            told.append(drawn.samples + drawn.failed)
            assert engine.running <= width

        rig = replace(rig_of(engine), arms=dict.fromkeys(arms, ARM))
        generation = Generation(rig, journal, clock, width=width, advance=advance)
        drawn = None
        try:
            async with asyncio.timeout(stop_after_s):
                drawn = await generation.run(draws)
            assert told == list(range(1, len(told) + 1))
        except TimeoutError:
            pass
        took_s = clock()
        await generation.session.close()
        journal.close()
        return drawn, draws, took_s

    return play(main)


def lines_of(path: Path) -> tuple[JournalLine, ...]:
    """Read a journal."""
    journal, lines = Journal.resume(path)
    journal.close()
    return lines


def test_everything_is_drawn_and_the_engine_stays_full(tmp_path: Path) -> None:
    """Three questions of five samples, four at once across questions: four rounds."""
    path = tmp_path / "run.jsonl"
    drawn, _, took_s = generate(path, 3, 5)
    assert drawn == Drawn(samples=15, failed=0, tokens=3000)
    assert took_s == pytest.approx(4 * 2.0, abs=0.2)
    lines = lines_of(path)
    assert samples_done(lines) == {f"q{n}": set(range(5)) for n in range(3)}
    assert [line.question_id for line in lines if isinstance(line, QuestionLine)] == [
        "q0",
        "q1",
        "q2",
    ]
    assert len([line for line in lines if isinstance(line, TextLine)]) == 15


def test_several_arms_take_turns(tmp_path: Path) -> None:
    """As many samples of each, of the same arms again if more are drawn later."""
    path = tmp_path / "run.jsonl"
    generate(path, 2, 4, arms=("plain", "other"))
    generate(path, 2, 6, arms=("plain", "other"))
    starts = [
        line.action
        for line in lines_of(path)
        if isinstance(line, ActionLine) and isinstance(line.action, StartSample)
    ]
    assert len(starts) == 12
    assert all(start.arm == ("plain", "other")[start.sample % 2] for start in starts)


@pytest.mark.parametrize("stop_after_s", [0.05, 1.0, 2.5, 4.5, 7.9])
def test_a_second_start_draws_exactly_what_is_missing(stop_after_s: float, tmp_path: Path) -> None:
    """What was under way is drawn anew; no question is opened twice."""
    path = tmp_path / "run.jsonl"
    drawn, _, _ = generate(path, 3, 5, stop_after_s=stop_after_s)
    assert drawn is None
    before = samples_done(lines_of(path))
    drawn, draws, _ = generate(path, 3, 5)
    missing = 15 - sum(map(len, before.values()))
    assert drawn is not None
    assert drawn.samples == missing
    assert sum(len(draw.samples) for draw in draws) == missing
    for draw in draws:
        done = before.get(draw.question.question_id, set())
        assert set(draw.samples) == set(range(5)) - done
    lines = lines_of(path)
    assert samples_done(lines) == {f"q{n}": set(range(5)) for n in range(3)}
    names = [line.question_id for line in lines if isinstance(line, QuestionLine)]
    assert sorted(names) == ["q0", "q1", "q2"]
    _, draws, _ = generate(path, 3, 5)
    assert draws == []


def test_more_may_be_drawn_later(tmp_path: Path) -> None:
    """More samples of the known questions, and new questions behind them."""
    path = tmp_path / "run.jsonl"
    generate(path, 1, 2)
    _, draws, _ = generate(path, 2, 3)
    assert [(d.position, list(d.samples), d.is_new) for d in draws] == [
        (0, [2], False),
        (1, [0, 1, 2], True),
    ]
    starts = [
        (line.position, line.action.sample)
        for line in lines_of(path)
        if isinstance(line, ActionLine) and isinstance(line.action, StartSample)
    ]
    assert starts == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_what_the_engine_loses_is_counted_and_drawn_by_the_next_start(tmp_path: Path) -> None:
    """A death in the middle fails what runs; the rest goes on after the new start."""
    path = tmp_path / "run.jsonl"
    good = Script(text=text_of(200))
    model = Model({questions(1)[0].question: [good, faulty(Fault.DEAD), good]})
    with logged() as lines:
        drawn, _, _ = generate(path, 1, 8, model=model)
    assert drawn is not None
    assert drawn.samples + drawn.failed == 8
    assert drawn.failed == 4
    assert sum(line.startswith("ERROR") for line in lines) == 1
    drawn, _, _ = generate(path, 1, 8)
    assert drawn is not None
    assert (drawn.samples, drawn.failed) == (4, 0)


def test_a_plan_of_nothing_known_is_everything() -> None:
    """Places are those of the file."""
    draws = plan(questions(2), 3, ())
    assert [(d.position, list(d.samples), d.is_new) for d in draws] == [
        (0, [0, 1, 2], True),
        (1, [0, 1, 2], True),
    ]
