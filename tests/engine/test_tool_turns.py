"""Samples that use the Python tool: where they halt, what they are told, what is measured of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from scripted_streams import ARM, PROFILE, rig_of
from test_session import Ears, start
from virtual_time import play

from engine.arms import Arm
from engine.python_tool.tool import Ended, PythonTool, ToolError, ToolResult
from engine.scripted import Script, ScriptedEngine
from engine.session import Session
from engine.tool_calls import Tools, answered, called
from scheduler import (
    FinishReason,
    ProbeAnswered,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
)

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTION = "what is it?"
CALL = "Let me see.\n```python\nprint(2 + 2)\n```\n"
TOOL_S = 3.0


class Tool:
    """A tool that takes its time."""

    def __init__(self, output: str = "4\n", fails: str | None = None) -> None:
        self.output = output
        self.fails = fails
        self.sources: list[str] = []
        self.sessions = 0
        self.open = 0

    async def start(self) -> None:
        """Come up, or not."""
        if self.fails == "start":
            raise ToolError("no tool")

    def close(self) -> None:
        """Hold nothing."""

    def session(self) -> Tool:
        """Open one."""
        self.sessions += 1
        outer, session = self, Tool(self.output, self.fails)
        self.open += 1

        def end() -> None:
            outer.open -= 1

        session.close = end  # type: ignore[method-assign]
        session.sources = self.sources
        return session

    async def run(self, source: str, _deadline_s: float | None = None) -> ToolResult:
        """Say the same to everything."""
        self.sources.append(source)
        await asyncio.sleep(TOOL_S)
        if self.fails == "run":
            raise ToolError("broken down")
        return ToolResult(self.output, Ended.VALUE, TOOL_S, lost=False)


def converse(
    model: Callable[[str], str],
    tool: Any,  # noqa: ANN401 - a stand-in
    *,
    tools: Tools | None = None,
    act: Callable[[Session], Any] | None = None,
    max_tokens: int | None = None,
    chunk_tokens: int = 1,
    **measure: int | None,
) -> Ears:
    """Play one sample of an arm with tools; return what was told of it."""
    ears = Ears()

    async def main() -> None:
        engine = ScriptedEngine(
            lambda prompt: Script(text=model(prompt)), PROFILE, chunk_tokens=chunk_tokens
        )
        arm = msgspec.structs.replace(ARM, tools=tools or Tools())
        rig = replace(rig_of(engine, **measure), arms={"plain": arm}, tool=tool)
        session = Session(rig, ears, asyncio.get_running_loop().time)
        await session.start()
        session.prompts.open(0, QUESTION)
        start(session, max_tokens=max_tokens)
        if act is not None:
            await act(session)
        assert await session.drained(0)
        await session.close()
        assert engine.running == 0

    play(main)
    return ears


def calculating(prompt: str) -> str:
    """Call once, then answer with what it was told."""
    told = prompt.rpartition("```output\n")[2].partition("\n")[0]
    return f"So it is \\boxed{{{told}}}." if "```output" in prompt else CALL + "```output\n5"


# Where a call stands.


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (CALL, "print(2 + 2)\n"),
        (CALL.rstrip(), "print(2 + 2)\n"),
        (CALL + "```output", "print(2 + 2)\n"),
        ("```py\na\n```\nThen\n```python\nb\n```", "b\n"),
        ("  ```python\n  y\n  ```\n", "  y\n"),
        ("```python\n```\n", ""),
        ("```text\nhi\n```\n", None),
        (CALL + "and\n```\n", None),
        ("a ```python x```", None),
        ("```python\nprint(1)\n", None),
        ("", None),
    ],
)
def test_a_call_is_the_program_that_a_text_ends_with(text: str, source: str | None) -> None:
    """Not one before, not one of another language, not one that is still open."""
    assert called(text) == source


def test_an_answer_is_cut_and_closes_no_fence() -> None:
    """Of much output the model is told the beginning and more of the end."""
    assert answered("4\n", 64) == "```output\n4\n```\n"
    long = answered("a" * 100 + "```" + "b" * 100, 64)
    assert long.count("```") == 2
    assert long.startswith("```output\n" + "a" * 16 + "\n[… 139 characters …]\n")
    assert "b" * 48 in long


def test_impossible_tools_are_refused() -> None:
    """One line says what is wrong."""
    for field, value in (("calls", 0), ("deadline_s", 0.0), ("output_chars", 1)):
        with pytest.raises(msgspec.ValidationError, match=f"{field} must be"):
            msgspec.convert({field: value}, Tools)


# A sample's life.


@pytest.mark.parametrize("chunk_tokens", [1, 7])
def test_a_sample_goes_on_with_the_output(chunk_tokens: int) -> None:
    """It halts before it makes an answer up, waits for the tool, and uses what it is told."""
    tool = Tool()
    ears = converse(calculating, tool, chunk_tokens=chunk_tokens)
    assert ears.kinds() == [SampleStarted, ToolCalled, ToolReturned, SampleFinished]
    _, called_, returned, finished = ears.heard
    assert returned.at_s - called_.at_s == pytest.approx(TOOL_S)
    assert returned.tokens == len("```output\n4\n```\n")
    assert (finished.answer, finished.finish_reason) == ("4", FinishReason.STOP)
    generated = len(CALL) + len("So it is \\boxed{4}.")
    assert finished.tokens == generated  # what it was told is not its own
    assert ears.texts == [f"{CALL}```output\n4\n```\nSo it is \\boxed{{4}}."]
    assert tool.sources == ["print(2 + 2)\n"]
    assert (tool.sessions, tool.open) == (1, 0)
    halts = [event for event in ears.unheard if isinstance(event, SampleProgressed)]
    assert halts[-1].tokens == len(CALL)


def test_calls_of_one_sample_share_a_session_up_to_their_number() -> None:
    """After the last one it generates on without halting, and makes up what it likes."""
    tool = Tool()
    ears = converse(
        lambda prompt: CALL if prompt.count("```output") < 3 else CALL + "```output\n9\n\\boxed{9}",
        tool,
        tools=Tools(calls=3),
    )
    assert len(tool.sources) == 3
    assert tool.sessions == 1
    assert ears.heard[-1].answer == "9"


def test_another_fence_is_no_call() -> None:
    """The sample goes on where it halted."""
    tool = Tool()

    def model(prompt: str) -> str:
        after = "```text\na\n```\n"
        return "It is \\boxed{7}" if prompt.endswith(after) else f"See:\n{after} and more"

    ears = converse(model, tool)
    assert ears.heard[-1].answer == "7"
    assert not tool.sources


def test_a_turn_that_ends_with_a_program_is_answered() -> None:
    """Some models end their turn and wait."""
    tool = Tool()
    ears = converse(lambda prompt: "\\boxed{4}" if "```output" in prompt else CALL.rstrip(), tool)
    assert ears.heard[-1].answer == "4"
    assert len(tool.sources) == 1


def test_a_stop_reaches_a_sample_that_waits() -> None:
    """Its session ends with it."""
    tool = Tool()

    async def act(session: Session) -> None:
        await asyncio.sleep(TOOL_S / 2 + 1.0)
        session.stop_sample(0, 0)

    ears = converse(calculating, tool, act=act)
    assert ears.kinds()[:2] == [SampleStarted, ToolCalled]
    assert ears.heard[-1].finish_reason is FinishReason.STOPPED
    assert tool.open == 0


def test_a_probe_sees_what_the_sample_was_told() -> None:
    """It asks after the output if the sample has it already."""
    prompts: list[str] = []

    def model(prompt: str) -> str:
        if prompt.endswith("\\boxed{"):
            prompts.append(prompt)
            return "4}\n"
        return calculating(prompt)

    ears = converse(model, Tool(), probe_every_tokens=45)
    assert [one.tokens for one in ears.unheard if isinstance(one, ProbeAnswered)] == [45]
    assert "```output\n4\n```\nSo it" in prompts[0]


def test_a_limit_of_tokens_counts_what_was_generated() -> None:
    """A sample that is cut within a program does not run it."""
    tool = Tool()
    ears = converse(calculating, tool, max_tokens=len(CALL) - 5)
    assert ears.heard[-1].finish_reason is FinishReason.LENGTH
    assert not tool.sources
    ears = converse(calculating, tool, max_tokens=len(CALL))
    assert ears.heard[-1].tokens == len(CALL)


@pytest.mark.parametrize("fails", ["start", "run"])
def test_a_tool_that_fails_kills_no_sample(fails: str) -> None:
    """It is told so, or goes on without."""
    ears = converse(
        lambda prompt: "\\boxed{3}" if "not available" in prompt else CALL + "\\boxed{3}",
        Tool(fails=fails),
    )
    assert ears.heard[-1].answer == "3"


def test_the_silence_of_a_tool_is_not_the_engines() -> None:
    """A sample that waits longer than an engine may be silent does not end that engine."""
    tool = Tool()

    async def slow(source: str, _deadline_s: float | None = None) -> ToolResult:
        tool.sources.append(source)
        await asyncio.sleep(100.0)
        return ToolResult("4\n", Ended.VALUE, 100.0, lost=False)

    session = tool.session()
    session.run = slow  # type: ignore[method-assign]
    tool.session = lambda: session  # type: ignore[method-assign]
    assert converse(calculating, tool).heard[-1].answer == "4"


def test_a_real_tool_answers() -> None:
    """Variables survive between the calls of one sample; samples share nothing."""

    def model(prompt: str) -> str:
        told = prompt.count("```output")
        if told == 0:
            return "```python\nx = 40\n```\n"
        if told == 1:
            return "```python\nx += 2\nx\n```\n"
        return f"\\boxed{{{prompt.rpartition('```output')[2].split()[0]}}}"

    ears = Ears()

    async def main() -> None:
        engine = ScriptedEngine(lambda prompt: Script(text=model(prompt)), PROFILE)
        arm = msgspec.structs.replace(ARM, tools=Tools())
        rig = replace(rig_of(engine), arms={"plain": arm}, tool=PythonTool(libraries=()))
        session = Session(rig, ears, asyncio.get_running_loop().time)
        await session.start()
        session.prompts.open(0, QUESTION)
        start(session, 0, 1, 2)
        assert await session.drained(0)
        await session.close()

    asyncio.run(main())
    ends = [event for event in ears.heard if isinstance(event, SampleFinished)]
    assert [end.answer for end in ends] == ["42"] * 3


def test_an_arm_of_a_file_has_tools() -> None:
    """As a table; without one there are none."""
    message = {"role": "user", "content": "{question}"}
    arm = msgspec.convert({"messages": [message], "tools": {"calls": 2}}, Arm)
    assert arm.tools == Tools(calls=2)
    assert msgspec.convert({"messages": [message]}, Arm).tools is None
