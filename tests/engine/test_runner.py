"""A stream on a live engine: every question answered in time, every second accounted for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_streams import PROFILE, STEP_S, Model, logged, questions, runner_of, text_of
from virtual_time import play, virtual_loop

from engine.journal import Journal
from engine.questions import Question
from engine.scripted import Fault, Script, ScriptedEngine
from policies import parse_policy
from scheduler import (
    ActionLine,
    Allowance,
    BudgetLine,
    EventLine,
    JournalHeader,
    Policy,
    QuestionOpened,
    Reason,
    SampleProgressed,
    StartSample,
    TimeBudget,
    TrimLine,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scheduler import AnyAction, JournalLine, QuestionView

LATE_S = 0.31
HEADER = JournalHeader(
    created="2026-01-01T00:00:00+00:00",
    command="run",
    model="script",
    engine="scripted",
    answers="integer",
)


def lines_of(path: Path) -> tuple[JournalLine, ...]:
    """Read a journal."""
    journal, lines = Journal.resume(path)
    journal.close()
    return lines


def answer_all(path: Path, policy: str | Callable[[], Policy], count: int = 2) -> Any:  # noqa: ANN401 - the answers
    """Answer questions and journal them; return the answers."""

    async def main() -> Any:  # noqa: ANN401
        journal = Journal.create(path, HEADER)
        engine = ScriptedEngine(Model(), PROFILE)
        budget = TimeBudget(100.0, questions=count)
        async with runner_of(engine, policy, budget=budget, journal=journal) as runner:
            answers = [await runner.answer(question) for question in questions(count)]
        journal.close()
        return answers

    return play(main)


def test_an_answer_tells_what_it_cost(tmp_path: Path) -> None:
    """Seconds, tokens and samples are those of the question; the order is kept."""
    answers = answer_all(tmp_path / "run.jsonl", "self-consistency:k=4")
    assert [answer.question_id for answer in answers] == ["q0", "q1"]
    for answer in answers:
        assert (answer.answer, answer.samples) == ("7", 4)
        assert answer.seconds == pytest.approx(200 * STEP_S, abs=2 * STEP_S)
        assert 600 <= answer.tokens <= 800
    assert answers[1].opened_s == pytest.approx(answers[0].seconds, abs=0.1)


def test_the_journal_tells_everything(tmp_path: Path) -> None:
    """The opening with its features, each action with its arm's own name, the ledger twice."""
    path = tmp_path / "run.jsonl"
    answer_all(path, "self-consistency:k=4")
    lines = lines_of(path)
    opened = [e.event for e in lines if isinstance(e, EventLine)]
    features = [event.features for event in opened if isinstance(event, QuestionOpened)]
    assert [set(found) for found in features] == [
        {"prompt_tokens", "prompt_logprob_mean", "prompt_logprob_worst"}
    ] * 2
    actions = [line.action for line in lines if isinstance(line, ActionLine)]
    starts = [action for action in actions if isinstance(action, StartSample)]
    assert {start.arm for start in starts} == {"plain"}
    assert len([line for line in lines if isinstance(line, BudgetLine)]) == 4


def test_a_policy_hears_as_often_as_it_wants(tmp_path: Path) -> None:
    """What is measured beyond that goes into the journal alone."""

    class Curious(Policy):
        progress_every_tokens = 40
        heard: list[int] = []  # noqa: RUF012 - read by the test

        def decide(self, view: QuestionView) -> Sequence[AnyAction]:
            if isinstance(view.event, SampleProgressed):
                self.heard.append(view.event.tokens)
            return view.start(1, Reason.WIDEN) if not view.started else ()

    path = tmp_path / "run.jsonl"
    answer_all(path, Curious, count=1)
    assert Curious.heard == [40, 80, 120, 160]
    events = [line for line in lines_of(path) if isinstance(line, EventLine)]
    assert all(line.heard for line in events)


def test_a_wish_beyond_the_grant_is_trimmed_on_record(tmp_path: Path) -> None:
    """The journal names the field and what bounds it."""

    class Wishful(Policy):
        def request(self, view: QuestionView) -> Allowance:
            del view
            return Allowance(hard_s=1e6)

        def decide(self, view: QuestionView) -> Sequence[AnyAction]:
            return view.start(1, Reason.WIDEN) if not view.started else ()

    path = tmp_path / "run.jsonl"
    answer_all(path, Wishful, count=1)
    (trim,) = [line for line in lines_of(path) if isinstance(line, TrimLine)]
    assert (trim.field, trim.asked, trim.granted) == ("hard_s", 1e6, 100.0)


def test_a_question_without_time_is_answered_at_once() -> None:
    """Nothing is started, and no sample of an earlier question is counted for it."""

    async def main() -> None:
        engine = ScriptedEngine(Model(), PROFILE)
        budget = TimeBudget(1.0, questions=2)
        with logged() as lines:
            async with runner_of(engine, budget=budget) as runner:
                first, second = [await runner.answer(question) for question in questions(2)]
        assert first.reason is Reason.HARD_DEADLINE
        assert (second.answer, second.reason, second.samples) == (None, Reason.NO_TIME, 0)
        assert second.seconds == 0.0
        assert lines == []

    play(main)


class SlowScore(ScriptedEngine):
    """An engine that hangs over every prompt."""

    async def score(self, prompt: tuple[int, ...]) -> Any:  # noqa: ANN401 - never
        """Hang."""
        del prompt
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(("total_s", "waits_s"), [(20.0, 0.2), (1000.0, 2.0)])
def test_a_slow_score_costs_little_of_the_time_left(total_s: float, waits_s: float) -> None:
    """The question goes on without; the log says so."""

    async def main() -> None:
        engine = SlowScore(Model(), PROFILE)
        budget = TimeBudget(total_s, questions=1)
        with logged() as lines:
            async with runner_of(engine, budget=budget) as runner:
                answer = await runner.answer(questions(1)[0])
        assert answer.answer == "7"
        assert answer.seconds == pytest.approx(waits_s + 2.0, abs=0.1)
        assert lines == ["WARNING question 0: the engine told nothing of the prompt in time"]

    play(main)


class SlowChat(ScriptedEngine):
    """An engine that takes a second to make a prompt."""

    async def encode_chat(self, *chat: Any, **how: Any) -> tuple[int, ...]:  # noqa: ANN401
        """Make it slowly."""
        await asyncio.sleep(1.0)
        return await super().encode_chat(*chat, **how)


def test_an_engine_that_dies_while_a_question_comes_cancels_nobody() -> None:
    """The prompt is given up with the engine, and made again by the next one."""

    async def main() -> None:
        engine = SlowChat(Model(), PROFILE)
        budget = TimeBudget(1000.0, questions=1)
        with logged() as lines:
            async with runner_of(engine, budget=budget) as runner:
                task = asyncio.create_task(runner.answer(questions(1)[0]))
                await asyncio.sleep(0.5)
                runner.session.supervisor.report_death("for the test")
                assert (await task).answer == "7"
        assert lines[1] == "WARNING question 0: the prompt has no score: the prompt was given up"

    play(main)


# Anything at all.


class Luckless(Policy):
    """Decides like another policy, but now and then does what no policy may do.

    Args:
        spec: The other policy.
        sins: What it does at each of its calls, used up in order; then it is good.
    """

    def __init__(self, spec: str, sins: list[str]) -> None:
        self._good = parse_policy(spec).build()
        self.progress_every_tokens = self._good.progress_every_tokens
        self._sins = sins
        self._loop = virtual_loop()

    def request(self, view: QuestionView) -> Allowance:
        """Ask."""
        return self._good.request(view)

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401 - rubbish too
        """Sin or decide."""
        sin = self._sins.pop(0) if self._sins else "none"
        if sin == "raise":
            raise ValueError("luckless")
        if sin == "rubbish":
            return [None, 7]
        if sin == "slow":
            self._loop.elapse(0.04)
        if sin == "block":
            self._loop.block()
            while True:
                pass
        return self._good.decide(view)

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Pass on."""
        return self._good.next_wakeup_s(view)


SPECS = ("lead:width=4,cap=8", "self-consistency:k=4", "share", "clamp", "parallel-probe", "null")
# What hangs in silence is noticed; `block` is rare since it takes real milliseconds.
SINS = ("none",) * 12 + ("raise", "rubbish", "slow", "slow", "block")

scripts = st.builds(
    lambda tokens, answer, fault: Script(text=text_of(tokens, answer), fault=fault),
    st.integers(12, 600),
    st.sampled_from(["7", "8"]),
    st.sampled_from([None, None, None, *Fault]),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    asked=st.lists(st.lists(scripts, min_size=1, max_size=6), min_size=1, max_size=5),
    spec=st.sampled_from(SPECS),
    sins=st.lists(st.sampled_from(SINS), max_size=12),
    per_question_s=st.sampled_from([0.5, 2.0, 8.0, 40.0]),
    slow_stop_s=st.sampled_from([0.5, 5.0, 60.0]),
)
def test_every_question_is_answered_in_time_whatever_happens(
    asked: list[list[Script]], spec: str, sins: list[str], per_question_s: float, slow_stop_s: float
) -> None:
    """Random faults of the engine and of the policy: no answer is late, no second is lost."""
    count = len(asked)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        texts = [f"what is {n}=7" for n in range(count)]
        engine = ScriptedEngine(
            Model(dict(zip(texts, asked, strict=True))),
            PROFILE,
            chunk_tokens=5,
            start_s=1.0,
            slow_stop_s=slow_stop_s,
        )
        budget = TimeBudget(per_question_s * count + 1.0, questions=count, floor_s=per_question_s)
        runner = runner_of(engine, lambda: Luckless(spec, sins), budget=budget, silence_s=5.0)
        async with runner:
            for n, text in enumerate(texts):
                answer = await runner.answer(Question(question_id=f"q{n}", question=text))
                assert answer.position == n
                assert loop.time() <= answer.opened_s + answer.granted_s + LATE_S
                assert answer.answer in {None, "7", "8"}
            rows = runner.budget.rows
            assert [row.question_id for row in rows if row.question_id] == [
                f"q{n}" for n in range(count)
            ]
            assert sum(row.spent_s for row in rows) == pytest.approx(runner.budget.clock_s)
            assert runner.budget.clock_s <= per_question_s * count + 1.0 + LATE_S
            assert not runner._core.at_work
        assert runner.session.live == 0

    with logged():
        play(main)
