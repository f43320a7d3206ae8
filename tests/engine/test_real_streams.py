"""Whole streams on a real vLLM with the tiny model, from the question to the trace."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest
from scripted_streams import PROFILE, logged
from test_session import Ears
from tiny_model import CALL, CALL_END, CLOSING, PROGRAM, build_tiny_model, script_prompt

from engine.answers import AnswerKind, AnswerParser
from engine.arms import Arm
from engine.clock import StreamClock
from engine.header import journal_header
from engine.journal import Journal
from engine.port import Message, Sampling
from engine.python_tool.tool import PythonTool
from engine.questions import Question
from engine.rig import Measure, Rig
from engine.runner import Runner
from engine.session import Session
from engine.tool_calls import Tools
from engine.vllm.inprocess import InProcessEngine
from engine.vllm.process import ServerProcess
from engine.vllm.server import ServerEngine
from policies import parse_policy
from scheduler import (
    JournalHeader,
    Policy,
    Reason,
    SampleFinished,
    SampleStarted,
    StartSample,
    TimeBudget,
    ToolCalled,
    ToolReturned,
)
from simulations.traces import describe, from_journals

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from engine.port import Engine
    from engine.vllm.settings import VllmSettings
    from scheduler import AnyAction, QuestionView

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.xdist_group("vllm"),
    # vLLM leaves its sockets' context to the garbage collector.
    pytest.mark.filterwarnings("ignore:Unclosed context:ResourceWarning"),
]

TOTAL_S = 120.0
LENGTHS = (200, 60, 400)


def runner_of(engine: Engine, journal: Journal | None, *, silence_s: float = 60.0) -> Runner:
    """Return a runner with three questions' time."""
    message = Message(role="user", content="Count down from {question}")
    rig = Rig(
        engine=engine,
        arms={"count": Arm(messages=(message,), sampling=Sampling(temperature=0.0))},
        parser=AnswerParser(AnswerKind.INTEGER),
        measure=Measure(checkpoint_every_tokens=50),
        silence_s=silence_s,
    )
    budget = TimeBudget(TOTAL_S, questions=len(LENGTHS), floor_s=TOTAL_S / len(LENGTHS))
    make = parse_policy("lead:width=4,cap=8").build
    return Runner(rig, make, budget, PROFILE, journal=journal, clock=StreamClock())


def question(n: int, tokens: int) -> Question:
    """Return a question whose samples have so many tokens."""
    return Question(question_id=f"q{n}", question=script_prompt(tokens), gold="7")


async def test_a_stream_becomes_a_trace(
    alone: None, tiny_settings: VllmSettings, tmp_path: Path
) -> None:
    """Three questions solved in this process under a total time, journalled and described."""
    del alone
    engine = InProcessEngine(tiny_settings)
    await engine.start()
    header = JournalHeader(
        created=datetime.now(UTC).isoformat(),
        command="test",
        model="tiny",
        engine=engine.info.engine,
        answers="integer",
        policy="lead:width=4,cap=8",
        total_s=TOTAL_S,
        checkpoint_every_tokens=50,
    )
    journal = Journal.create(tmp_path / "run.jsonl", header)
    async with runner_of(engine, journal) as runner:
        answers = [await runner.answer(question(n, size)) for n, size in enumerate(LENGTHS)]
        assert runner.session.live == 0
    journal.close()
    assert [(answer.answer, answer.reason) for answer in answers] == [("7", "lead")] * 3
    assert all(answer.seconds < TOTAL_S / 3 for answer in answers)

    trace = from_journals([tmp_path / "run.jsonl"], tmp_path / "trace").trace
    assert trace.questions["question_id"].to_list() == ["q0", "q1", "q2"]
    ended = trace.samples.filter(trace.samples["finish_reason"] == "stop")
    for n, size in enumerate(LENGTHS):
        lengths = ended.filter(ended["question_id"] == f"q{n}")["tokens"].to_list()
        assert lengths
        assert set(lengths) == {size}
    assert trace.checkpoints["tail_entropy"].null_count() == 0
    assert trace.checkpoints["tail_entropy"].min() >= 0.0
    assert describe(trace) is not None


@pytest.mark.parametrize(
    ("form", "question", "told"),
    [
        ("fences", "p300", f" p1{PROGRAM}{CLOSING}```output\n7\n```\n"),
        ("native", "q300", f" q1{CALL}{CALL_END}<|end|><|user|>[output] 7<|assistant|>\n"),
    ],
)
async def test_a_program_halts_a_sample_and_its_output_goes_on(
    alone: None,
    tiny_settings: VllmSettings,
    form: Literal["fences", "native"],
    question: str,
    told: str,
) -> None:
    """On a real vLLM: seen in the stream, run, put behind; all before it is in the prefix cache.

    Of a native call the template writes what stands behind it.
    """
    del alone
    engine = InProcessEngine(tiny_settings)
    arm = Arm(
        messages=(Message(role="user", content="Count down from {question}"),),
        sampling=Sampling(temperature=0.0),
        tools=Tools(calls=2, form=form),
    )
    rig = Rig(
        engine=engine,
        arms={"code": arm},
        parser=AnswerParser(AnswerKind.INTEGER),
        measure=Measure(logprobs=2),
        tool=PythonTool(libraries=()),
    )
    ears = Ears()
    session = Session(rig, ears, StreamClock())
    await session.start()
    cached = _cached_tokens(engine)
    session.prompts.open(0, question)
    session.start_sample(0, StartSample(sample=0, arm="code", reason=Reason.WIDEN))
    assert await session.drained(0)
    await session.close()
    rig.parser.close()
    kinds = [type(event) for event in ears.heard]
    assert kinds == [SampleStarted, ToolCalled, ToolReturned, SampleFinished]
    finished = ears.heard[-1]
    assert finished.answer == "7"
    assert finished.tokens == 299 + 2 + 4  # words, program, then the box and the end
    (text,) = ears.texts
    assert text.endswith(f"{told} \\boxed{{7}}")
    first, second = cached
    assert first < 32
    assert second >= 256  # of some 320, in blocks of 128 on a processor


class InTurn(Policy):
    """One sample after another: the default arm's, two that build on it, one that judges."""

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start the next one once the last has ended."""
        if view.live:
            return []
        later: dict[int, dict[str, Any]] = {
            1: {"arm": "refine", "parent": 0},
            2: {"arm": "refine", "parent": 0},
            3: {"arm": "verifier", "candidates": ("7", "8")},
        }
        if not view.started:
            return view.start(1, Reason.WIDEN)
        if view.started in later:
            number = view.started
            return [StartSample(sample=number, reason=Reason.WIDEN, **later[number])]
        return [view.submit(Reason.SETTLED)]


async def test_a_second_model_builds_on_what_the_first_has_thought(
    alone: None, tiny_settings: VllmSettings, tmp_path: Path
) -> None:
    """Two real vLLMs under one budget, from the question to the trace.

    The second one's samples go on from the same text, so the later one finds it in the prefix
    cache; a sample that judges runs on the first.
    """
    del alone
    folder = tmp_path / "second"
    folder.mkdir()
    second_settings = msgspec.structs.replace(tiny_settings, model=str(build_tiny_model(folder)))
    ask = Message(role="user", content="Count down from {question}")
    judge = Message(role="user", content="{first} or {second}? Count down from {question}")
    begun = Message(role="assistant", content="{reasoning} b9")
    likeliest = Sampling(temperature=0.0)
    rig = Rig(
        engine=InProcessEngine(tiny_settings),
        second=InProcessEngine(second_settings),
        arms={
            "default": Arm(messages=(ask,), sampling=likeliest),
            "verifier": Arm(messages=(judge,), sampling=likeliest),
            "refine": Arm(
                messages=(ask, begun), sampling=likeliest, engine="second", builds_on="default"
            ),
        },
        parser=AnswerParser(AnswerKind.INTEGER),
        measure=Measure(logprobs=2),
    )
    await rig.start()
    assert isinstance(rig.second, InProcessEngine)
    cached = _cached_tokens(rig.second)
    clock = StreamClock()
    header = journal_header(
        rig, clock, command="test", answers="integer", info=rig.engine.info, policy="in turn"
    )
    journal = Journal.create(tmp_path / "run.jsonl", header)
    budget = TimeBudget(TOTAL_S, questions=1)
    async with Runner(rig, InTurn, budget, PROFILE, journal=journal, clock=clock) as runner:
        answer = await runner.answer(question(0, 300))
        assert not runner.session._ended
    journal.close()
    rig.parser.close()
    assert answer.samples == 4
    first, second = cached
    assert first < 128
    assert second >= 256  # of some 310, in blocks of 128 on a processor

    assert header.settings["second_model"] == str(folder)
    trace = from_journals([tmp_path / "run.jsonl"], tmp_path / "trace").trace
    columns = ("arm", "sample", "answer", "tokens", "parent_arm", "parent", "candidate_second")
    assert trace.samples.select(columns).rows() == [
        ("default", 0, "7", 300, None, None, None),
        ("refine", 0, "8", 11, "default", 0, None),  # counts on from b9
        ("refine", 1, "8", 11, "default", 0, None),
        ("verifier", 0, "7", 300, None, None, "8"),
    ]


def _cached_tokens(engine: InProcessEngine) -> list[int]:
    """Note how many tokens of each request's prompt were in the prefix cache."""
    front_end = engine._front_end
    assert front_end is not None
    generate = front_end.generate
    noted: list[int] = []

    async def noting(*arguments: Any) -> AsyncGenerator[Any]:  # noqa: ANN401 - as vLLM has it
        first = True
        async with aclosing(generate(*arguments)) as outputs:
            async for output in outputs:
                if first:
                    noted.append(output.num_cached_tokens or 0)
                first = False
                yield output

    front_end.generate = noting  # type: ignore[method-assign]
    return noted


async def test_a_server_that_is_killed_costs_no_question(
    alone: None, tiny_settings: VllmSettings, tmp_path: Path
) -> None:
    """Kill −9 in the middle: an answer in time, and a new server for the next question."""
    del alone
    settings = msgspec.structs.replace(
        tiny_settings,
        extra={"distributed_executor_backend": "uni", "enable_log_requests": False},
    )
    process = ServerProcess(settings, tmp_path / "log")
    with logged() as lines:
        async with runner_of(ServerEngine(process), None) as runner:
            clock = runner._clock
            first = await runner.answer(question(0, 60))
            task = asyncio.create_task(runner.answer(question(1, 1500)))
            async with asyncio.timeout(30.0):
                while not runner.session.live:  # noqa: ASYNC110 - its event is elsewhere
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            os.kill(server_id(process), signal.SIGKILL)
            killed_s = clock()
            second = await task
            assert clock() <= second.opened_s + second.granted_s + 0.31
            third = await runner.answer(question(2, 60))
            print(f"answered {second.opened_s + second.seconds - killed_s:.1f} s after the kill")
            assert runner.session.supervisor.starts == 2
    assert (first.answer, third.answer) == ("7", "7")
    assert second.answer in {"7", None}
    loud = [line for line in lines if line.startswith("ERROR")]
    assert len(loud) == 1
    assert loud[0].startswith("ERROR engine dead, starting it again: ")


def server_id(process: ServerProcess) -> int:
    """Return the server's process, which is the child of its guard."""
    import psutil  # noqa: PLC0415 - comes with vLLM only

    guard = process._process
    assert guard is not None
    (server,) = psutil.Process(guard.pid).children()
    return int(server.pid)
