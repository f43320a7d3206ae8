"""Whatever engine, policy, disk or process do: an answer in time, one line of the log, go on."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from scripted_streams import (
    PROFILE,
    STEP_S,
    Model,
    faulty,
    logged,
    questions,
    runner_of,
    text_of,
)
from virtual_time import VirtualLoop, play, virtual_loop

from engine.errors import EngineDeadError
from engine.journal import Journal
from engine.resume import answers_given, resume_budget
from engine.scripted import Fault, Script, ScriptedEngine
from policies import parse_policy
from scheduler import (
    BudgetLine,
    EventLine,
    FaultLine,
    JournalHeader,
    Policy,
    Reason,
    SampleFinished,
    TimeBudget,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from engine.runner import Answer
    from scheduler import AnyAction, JournalLine, QuestionView

LATE_S = 0.31
"""A policy that blocks close to the hard deadline may cost so much beyond it."""

HEADER = JournalHeader(
    created="2026-01-01T00:00:00+00:00",
    command="run",
    model="script",
    engine="scripted",
    answers="integer",
)
GOOD = Script(text=text_of(200))


@dataclass
class Ran:
    """How a stream went.

    Attributes:
        answers: In order.
        lines: Of the log, warnings and errors.
        engine: As it was at the end.
    """

    answers: list[Answer]
    lines: list[str]
    engine: ScriptedEngine


def answer_all(
    scripts: Sequence[Script] = (GOOD,),
    policy: str | Callable[[], Policy] = "lead:width=4,cap=8,lead=3",
    *,
    make: type[ScriptedEngine] = ScriptedEngine,
    count: int = 3,
    journal: Journal | None = None,
    silence_s: float = 5.0,
    slow_stop_s: float = 60.0,
) -> Ran:
    """Answer questions in at most ten seconds each; the first one has the scripts.

    Each answer comes in time, and at the end nothing runs.
    """
    asked = questions(count)

    async def main() -> Ran:
        model = Model({asked[0].question: scripts})
        engine = make(model, PROFILE, slow_stop_s=slow_stop_s)
        budget = TimeBudget(10.0 * count, questions=count, floor_s=10.0)
        answers = []
        with logged() as lines:
            runner = runner_of(engine, policy, budget=budget, journal=journal, silence_s=silence_s)
            async with runner:
                loop = asyncio.get_running_loop()
                for question in asked:
                    answers.append(await runner.answer(question))
                    answer = answers[-1]
                    late_s = loop.time() - (answer.opened_s + answer.granted_s)
                    assert late_s <= LATE_S
                assert loop.time() <= 10.0 * count + LATE_S
                await asyncio.sleep(90.0)  # what was stopped may take its time
                assert runner.session.live == 0
                assert engine.running == 0
        loud = [line for line in lines if not line.startswith(("INFO", "DEBUG"))]
        return Ran(answers, loud, engine)

    return play(main)


def read_ends(path: Path) -> tuple[tuple[JournalLine, ...], list[SampleFinished]]:
    """Return a journal's lines, and of those the ends of samples."""
    journal, lines = Journal.resume(path)
    journal.close()
    events = [line.event for line in lines if isinstance(line, EventLine)]
    return lines, [event for event in events if isinstance(event, SampleFinished)]


def said(ran: Ran) -> str:
    """Return the only line that was logged."""
    (line,) = ran.lines
    return line


def test_an_engine_that_hangs_is_started_again() -> None:
    """After a silence it counts as dead; its samples are drawn anew on the next start."""
    ran = answer_all([faulty(Fault.HANG)] * 4 + [GOOD])
    assert said(ran) == "ERROR engine dead, starting it again: no token for any sample for 5 s"
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    assert 5.0 < ran.answers[0].seconds < 10.0
    assert [answer.seconds for answer in ran.answers[1:]] == pytest.approx([2.0, 2.0], abs=0.1)
    assert ran.engine.start_number == 2


def test_an_engine_that_hangs_past_the_deadline_costs_one_question() -> None:
    """The core needs no word of it to submit; the next question finds it working."""
    ran = answer_all([faulty(Fault.HANG)], silence_s=60.0)
    first, *others = ran.answers
    assert (first.answer, first.reason) == (None, Reason.HARD_DEADLINE)
    assert first.seconds == pytest.approx(10.0)
    assert [answer.answer for answer in others] == ["7", "7"]
    assert ran.lines == []


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault.GARBAGE, "WARNING question 0, sample 0: the engine sent garbage: "),
        (Fault.LOST, "WARNING question 0, sample 0: out of memory"),
        (Fault.NO_END, "WARNING question 0, sample 0: the engine's stream ended without"),
    ],
)
def test_a_sample_that_is_lost_is_replaced(fault: Fault, line: str) -> None:
    """The others go on, the policy starts another one."""
    ran = answer_all([faulty(fault), GOOD], "lead:width=4,cap=8,lead=4")
    assert said(ran).startswith(line)
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    assert [answer.samples for answer in ran.answers] == [8, 7, 7]
    assert ran.engine.start_number == 1


@pytest.mark.parametrize("fault", [Fault.TWICE, Fault.NAN])
def test_what_can_be_overlooked_is(fault: Fault, tmp_path: Path) -> None:
    """An end that is told twice counts once; a log-probability that is none has no entropy."""
    journal = Journal.create(tmp_path / "run.jsonl", HEADER)
    ran = answer_all([faulty(fault), GOOD], journal=journal)
    journal.close()
    assert ran.lines == []
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    lines, ends = read_ends(tmp_path / "run.jsonl")
    assert len(ends) == sum(answer.samples for answer in ran.answers)
    first = next(event for event in ends if (event.position, event.sample) == (0, 0))
    assert (first.mean_entropy is None) == (fault is Fault.NAN)
    assert not [line for line in lines if isinstance(line, FaultLine)]


def test_a_text_that_is_none_ends_its_sample_as_any_other(tmp_path: Path) -> None:
    """Half a surrogate pair stops neither the journal nor the question."""
    journal = Journal.create(tmp_path / "run.jsonl", HEADER)
    bad = Script(text=text_of(200, "\ud800"))
    ran = answer_all([bad, bad, GOOD], journal=journal)
    journal.close()
    assert ran.lines == []
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    _, ends = read_ends(tmp_path / "run.jsonl")
    assert len(ends) == sum(answer.samples for answer in ran.answers)
    assert [end.answer for end in ends if end.position == 0].count("?") == 2


def test_an_engine_that_dies_is_started_again_once() -> None:
    """Its samples fail at once and are replaced; the next question is as any other."""
    ran = answer_all([faulty(Fault.DEAD), GOOD])
    assert said(ran) == "ERROR engine dead, starting it again: the scripted engine died"
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    assert ran.answers[0].seconds == pytest.approx(3.0, abs=0.1)
    assert ran.engine.start_number == 2


def test_an_engine_that_floods_is_cut_at_the_limit() -> None:
    """A sample that goes on past its limit ends there, without a vote."""
    ran = answer_all([faulty(Fault.FLOOD), GOOD], "lead:width=4,cap=8,lead=4,cut_tokens=300")
    assert said(ran).endswith(
        "question 0, sample 0: the engine goes on past the limit of 300 tokens"
    )
    assert [answer.answer for answer in ran.answers] == ["7"] * 3


def test_a_slow_stop_holds_up_no_answer() -> None:
    """The answer waits a second for the engine to let go, not three."""
    scripts = [GOOD, GOOD, GOOD, faulty(Fault.SLOW_STOP, 900)]
    ran = answer_all(scripts, slow_stop_s=3.0)
    assert said(ran) == "WARNING question 0: the engine is slow to let go of its samples"
    assert ran.answers[1].opened_s == pytest.approx(3.0, abs=0.1)
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    assert ran.engine.start_number == 1


def test_a_stop_that_never_ends_is_a_death() -> None:
    """An engine that does not let go for ten seconds is started again, once."""
    scripts = [GOOD, GOOD, GOOD, faulty(Fault.SLOW_STOP, 900)]
    ran = answer_all(scripts, slow_stop_s=60.0)
    slow, dead = ran.lines
    assert slow.endswith("slow to let go of its samples")
    assert dead.endswith("question 0, sample 3: not let go of within 10 s of its stop")
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    assert ran.engine.start_number == 2


class RefusesFor20Seconds(ScriptedEngine):
    """An engine that comes up at first, and not again for so long."""

    async def start(self) -> None:
        """Come up, or not."""
        if self.start_number and asyncio.get_running_loop().time() < 21.0:
            raise EngineDeadError("connection refused")
        await super().start()


def test_an_engine_that_is_away_for_20_seconds_costs_the_questions_meanwhile() -> None:
    """It is tried again with growing pauses; whoever waits has its deadline; then all is well."""
    ran = answer_all([faulty(Fault.DEAD)] * 4, make=RefusesFor20Seconds, count=5)
    *away, back = [answer.answer for answer in ran.answers]
    assert away == [None, None, None, "7"]
    assert back == "7"
    dead, *tries = ran.lines
    assert dead.startswith("ERROR engine dead")
    assert [line.rpartition(" s: ")[0].rpartition(" ")[2] for line in tries] == [
        *("1", "2", "4", "8", "16")
    ]


def test_a_full_disk_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal says so once, and catches up when there is room again."""
    journal = Journal.create(tmp_path / "run.jsonl", HEADER)
    write, calls = os.write, [0]

    def full_for_a_while(descriptor: int, data: bytes) -> int:
        calls[0] += 1
        if 10 <= calls[0] <= 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr("engine.journal.os.write", full_for_a_while)
    ran = answer_all(journal=journal)
    journal.close()
    assert "No space left on device" in said(ran)
    assert [answer.answer for answer in ran.answers] == ["7"] * 3
    again, lines = Journal.resume(tmp_path / "run.jsonl")
    again.close()
    assert [(a.question_id, a.answer) for a in answers_given(lines)] == [
        (f"q{n}", "7") for n in range(3)
    ]


# Policies.


class Bad(Policy):
    """Misbehaves at one call for the first question, and decides like `lead` otherwise.

    Args:
        at: Which call of `decide` it is, from 0.
    """

    def __init__(self, at: int) -> None:
        self._good = parse_policy("lead:width=4,cap=8,lead=3").build()
        self._left = at
        self._loop = virtual_loop()

    def request(self, view: QuestionView) -> Any:  # noqa: ANN401 - as the policy beneath
        """Ask for what the other one wants."""
        return self._good.request(view)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Decide or misbehave."""
        if view.opened.question_id == "q0":
            self._left -= 1
            if self._left == -1:
                return self.misbehave(self._loop)
        return self._good.decide(view)

    def misbehave(self, loop: VirtualLoop) -> Any:  # noqa: ANN401 - rubbish too
        """Do what no policy may do."""
        raise NotImplementedError


class Loops(Bad):
    """Never comes back, in Python."""

    def misbehave(self, loop: VirtualLoop) -> Any:  # noqa: ANN401
        """Block."""
        loop.block()
        while True:
            pass


class Sleeps(Bad):
    """Never comes back, in C."""

    wake = threading.Event()

    def misbehave(self, loop: VirtualLoop) -> Any:  # noqa: ANN401
        """Block, also if the exception comes before the sleep."""
        try:
            loop.block()
            self.wake.wait()
        except BaseException:  # noqa: BLE001 - as C code would not see it
            self.wake.wait()
        return ()


class Raises(Bad):
    """Raises."""

    def misbehave(self, loop: VirtualLoop) -> Any:  # noqa: ANN401
        """Raise."""
        del loop
        raise ZeroDivisionError("no votes")


class Nonsense(Bad):
    """Returns what is no action."""

    def misbehave(self, loop: VirtualLoop) -> Any:  # noqa: ANN401
        """Return."""
        del loop
        return ["start", 7, None]


@pytest.fixture
def _sleepers_wake() -> Any:  # noqa: ANN401 - a generator
    """Let the threads end that a test left asleep."""
    Sleeps.wake.clear()
    yield
    Sleeps.wake.set()


@pytest.mark.usefixtures("_sleepers_wake")
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Loops, "PolicyRaisedError: PolicyBlockedError: the policy took too long"),
        (Sleeps, "the policy did not come back within "),
        (Raises, "PolicyRaisedError: ZeroDivisionError: no votes"),
        (Nonsense, "ActionRefusedError: "),
    ],
)
def test_a_bad_policy_costs_at_most_its_question(kind: type[Bad], words: str, at: int) -> None:
    """It is torn out or left behind; its votes so far count, and the next question is as any."""
    ran = answer_all(policy=lambda: kind(at))
    assert ran.lines
    assert all(line.startswith(f"WARNING question 0: {words}") for line in ran.lines)
    assert len(ran.lines) == (3 if kind is Nonsense else 1)
    first, *others = ran.answers
    assert first.seconds <= 10.0 + LATE_S
    assert first.answer == ("7" if at or (kind is Nonsense and at) else None)
    assert [answer.answer for answer in others] == ["7", "7"]
    assert [answer.samples for answer in others] == [6, 6]


@pytest.mark.usefixtures("_sleepers_wake")
@pytest.mark.parametrize("kind", [Loops, Sleeps])
@pytest.mark.parametrize("total_s", [0.2, 0.5, 1.0, 3.0])
def test_a_policy_that_blocks_is_late_by_a_moment_at_most(kind: type[Bad], total_s: float) -> None:
    """Also where less is left than a policy may think otherwise."""

    async def main() -> None:
        budget = TimeBudget(total_s, questions=1)
        engine = ScriptedEngine(Model(), PROFILE)
        async with runner_of(engine, lambda: kind(0), budget=budget) as runner:
            await runner.answer(questions(1)[0])
            assert asyncio.get_running_loop().time() <= total_s + LATE_S

    play(main)


class Slow(Policy):
    """Takes its time over every token of every sample."""

    progress_every_tokens = 1

    def __init__(self) -> None:
        self._loop = virtual_loop()

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Think."""
        self._loop.elapse(0.04)
        return view.start(16, Reason.WIDEN) if not view.started else ()


def test_a_slow_policy_is_overtaken_by_the_deadline() -> None:
    """What it has not heard yet does not keep the core from submitting."""
    ran = answer_all(policy=Slow, count=1)
    assert ran.answers[0].reason is Reason.HARD_DEADLINE
    assert ran.answers[0].seconds <= 10.05


# Cancellation.


class SlowToScore(ScriptedEngine):
    """An engine that takes a second to read a prompt."""

    async def score(self, prompt: tuple[int, ...]) -> Any:  # noqa: ANN401 - as the engine's
        """Read slowly."""
        await asyncio.sleep(0.1)
        return await super().score(prompt)


@pytest.mark.usefixtures("_sleepers_wake")
@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.1 + 1.5 * STEP_S, 1.0, 2.05])
@pytest.mark.parametrize("policy", ["lead:width=4,cap=8,lead=3", Loops, Sleeps])
def test_a_question_may_be_cancelled(policy: str | type[Bad], after_s: float) -> None:
    """At any moment: its samples are stopped, and the next question is answered, as itself."""

    async def main() -> None:
        asked = questions(2)
        engine = SlowToScore(
            Model({asked[0].question: [Script(text=text_of(200, "wrong"))]}), PROFILE
        )
        make = policy if isinstance(policy, str) else lambda: policy(0)
        async with runner_of(engine, make, budget=TimeBudget(60.0, questions=2)) as runner:
            task = asyncio.create_task(runner.answer(asked[0]))
            await asyncio.sleep(after_s)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.0)
            assert engine.running == 0
            answer = await runner.answer(asked[1])
            assert (answer.answer, answer.samples) == ("7", 6)
            assert answer.seconds == pytest.approx(2.1, abs=0.1)
            spent_s = sum(row.spent_s for row in runner.budget.rows)
            assert spent_s == pytest.approx(asyncio.get_running_loop().time())

    play(main)


# Death of the process.


def _live(path: Path, moment: int) -> None:
    """Answer three questions, and be killed at a moment of the journal's writing."""
    write, left = os.write, moment

    def write_or_die(descriptor: int, data: bytes) -> int:
        nonlocal left
        left -= len(data)
        if left <= 0:
            write(descriptor, data[: len(data) + left])
            os.kill(os.getpid(), signal.SIGKILL)
        return write(descriptor, data)

    with pytest.MonkeyPatch.context() as patch:
        journal = Journal.create(path, HEADER)
        patch.setattr("engine.journal.os.write", write_or_die)
        answer_all(journal=journal)


@pytest.mark.parametrize("seed", range(12))
def test_a_killed_stream_goes_on(seed: int, tmp_path: Path) -> None:
    """Kill −9 at any byte: the answers given stay, and the ledger goes on at the clock."""
    path = tmp_path / "run.jsonl"
    moment = 200 + 1500 * seed + seed * seed
    child = os.fork()
    if not child:
        try:
            _live(path, moment)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the moment lies beyond the stream"
    journal, lines = Journal.resume(path)
    given = {answer.question_id for answer in answers_given(lines)}
    at_s = 10.0
    budget = resume_budget(lines, at_s) or TimeBudget(90.0, questions=3)

    async def main() -> list[Answer]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.elapse(at_s)
        engine = ScriptedEngine(Model(), PROFILE)
        async with runner_of(engine, budget=budget, journal=journal) as runner:
            todo = [q for q in questions(3) if q.question_id not in given]
            return [await runner.answer(question) for question in todo]

    answers = play(main)
    journal.close()
    assert [answer.answer for answer in answers] == ["7"] * (3 - len(given))
    again, lines = Journal.resume(path)
    again.close()
    assert sorted((a.question_id, a.answer) for a in answers_given(lines)) == [
        (f"q{n}", "7") for n in range(3)
    ]
    assert sum(row.spent_s for row in budget.rows) == pytest.approx(budget.clock_s)
    last = [line for line in lines if isinstance(line, BudgetLine)][-1]
    if answers:
        assert TimeBudget.resume(bytes(last.saved), 1000.0).rows == budget.rows
