"""Drawing samples into a journal: all of them, once each, however often it is interrupted."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from scripted_streams import ARM, PROFILE, Model, faulty, logged, questions, rig_of, text_of
from virtual_time import play

from engine.arms import Arm
from engine.generation import Drawn, Generation
from engine.journal import Journal
from engine.plan import Draw, plan
from engine.port import Message
from engine.resume import samples_done
from engine.scripted import Fault, Script, ScriptedEngine
from scheduler import ActionLine, JournalHeader, QuestionLine, StartSample, TextLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scheduler import JournalLine

ARMS = {
    "judge": Arm(messages=(Message(role="user", content="{question}\n{first} or {second}?"),)),
}
PAIRS = {"q0": [("7", "8"), ("8", "7")], "q2": [("7", "9")]}

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
    pairs: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> tuple[Drawn | None, Sequence[Draw], float]:
    """Draw so many samples of each arm.

    Returns:
        What was done (None if stopped), what was planned, and how long it took.
    """
    journal, lines = Journal.resume(path) if path.exists() else (Journal.create(path, HEADER), ())

    async def main() -> tuple[Drawn | None, Sequence[Draw], float]:
        engine = ScriptedEngine(model or Model(), PROFILE)
        rig = replace(rig_of(engine), arms={name: ARMS.get(name, ARM) for name in arms})
        draws = plan(questions(count), rig.arms, samples, lines, pairs)
        clock = asyncio.get_running_loop().time
        told: list[int] = []

        def advance(drawn: Drawn) -> None:
            told.append(drawn.samples + drawn.failed)
            assert engine.running <= width

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


def starts_of(path: Path) -> list[tuple[int, StartSample]]:
    """Return the starts that a journal holds, each with its question's place."""
    return [
        (line.position, line.action)
        for line in lines_of(path)
        if isinstance(line, ActionLine) and isinstance(line.action, StartSample)
    ]


def numbers(draw: Draw) -> list[int]:
    """Return the numbers of the samples to draw."""
    return [start.sample for start in draw.starts]


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
    generate(path, 2, 2, arms=("plain", "other"))
    generate(path, 2, 3, arms=("plain", "other"))
    starts = [start for _, start in starts_of(path)]
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
    assert sum(len(draw.starts) for draw in draws) == missing
    for draw in draws:
        done = before.get(draw.question.question_id, set())
        assert set(numbers(draw)) == set(range(5)) - done
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
    assert [(d.position, numbers(d), d.is_new) for d in draws] == [
        (0, [2], False),
        (1, [0, 1, 2], True),
    ]
    starts = [(position, start.sample) for position, start in starts_of(path)]
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
    draws = plan(questions(2), {"plain": ARM}, 3, ())
    assert [(d.position, numbers(d), d.is_new) for d in draws] == [
        (0, [0, 1, 2], True),
        (1, [0, 1, 2], True),
    ]


# Verifying arms.


def test_each_pair_is_judged_as_often_as_asked_and_the_journal_says_which(tmp_path: Path) -> None:
    """By turns, in the order given; a question without a pair is not opened."""
    path = tmp_path / "run.jsonl"
    drawn, _, _ = generate(path, 3, 2, arms=("judge",), pairs=PAIRS)
    assert drawn is not None
    assert (drawn.samples, drawn.failed) == (6, 0)
    assert [(at, start.sample, start.candidates) for at, start in starts_of(path)] == [
        (0, 0, ("7", "8")),
        (0, 1, ("8", "7")),
        (0, 2, ("7", "8")),
        (0, 3, ("8", "7")),
        (1, 0, ("7", "9")),
        (1, 1, ("7", "9")),
    ]
    names = [line.question_id for line in lines_of(path) if isinstance(line, QuestionLine)]
    assert names == ["q0", "q2"]


def test_arms_that_judge_mix_with_arms_that_do_not(tmp_path: Path) -> None:
    """As many samples of the plain arm as of each pair."""
    path = tmp_path / "run.jsonl"
    generate(path, 2, 2, arms=("plain", "judge"), pairs=PAIRS)
    kinds = [(at, start.arm, start.candidates) for at, start in starts_of(path)]
    turn = [(0, "plain", ()), (0, "judge", ("7", "8")), (0, "judge", ("8", "7"))]
    assert kinds == [*turn, *turn, (1, "plain", ()), (1, "plain", ())]


@pytest.mark.parametrize("stop_after_s", [0.05, 1.0, 2.5, 4.5])
def test_a_second_start_judges_exactly_what_is_missing(stop_after_s: float, tmp_path: Path) -> None:
    """Each pair has what was asked for, also if the file holds one more by then."""
    path = tmp_path / "run.jsonl"
    generate(path, 3, 3, arms=("judge",), pairs=PAIRS, width=2, stop_after_s=stop_after_s)
    more = {**PAIRS, "q0": [("1", "2"), *PAIRS["q0"]], "q1": [("5", "6")]}
    generate(path, 3, 3, arms=("judge",), pairs=more)
    done = samples_done(lines_of(path))
    kinds = {(at, start.sample): start.candidates for at, start in starts_of(path)}
    places = {
        line.position: line.question_id for line in lines_of(path) if isinstance(line, QuestionLine)
    }
    counts = Counter((places[at], pair) for (at, n), pair in kinds.items() if n in done[places[at]])
    assert counts == {(name, pair): 3 for name, pairs in more.items() for pair in pairs}
    _, draws, _ = generate(path, 3, 3, arms=("judge",), pairs=more)
    assert draws == []
