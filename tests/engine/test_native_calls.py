"""Calls as models write them natively: where one stands, what is wrong with it, what is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripted_streams import ARM, PROFILE, logged, rig_of
from test_session import Ears, start
from test_tool_turns import Tool
from virtual_time import play

from engine.arms import read_arms
from engine.errors import RequestFailedError
from engine.native_calls import MalformedCallError, called
from engine.scripted import Script, ScriptedEngine, lines
from engine.session import Session
from engine.tool_calls import Tools
from engine.tool_forms import Native
from scheduler import ProbeAnswered, SampleFinished, SampleStarted, ToolCalled, ToolReturned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.port import Message


def call_of(source: str, **more: object) -> str:
    """Write a call."""
    said = {"name": "python", "arguments": {"code": source}, **more}
    return f"<tool_call>\n{json.dumps(said)}\n</tool_call>"


CALL = f"Let me see.\n{call_of('print(2 + 2)')}"
BEHIND = "[END]\n[TOOL]4[END]\n[ME]"
SPOKEN = "\n(No calls are left: answer now.)"


def wrapped(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    """Write a chat in a wrapping that no model has."""
    text = [f"[TOOLS]{json.dumps(tools)}\n"] if tools else []
    marks = {"assistant": "[ME]", "tool": "[TOOL]"}
    for message in messages:
        call = "" if message.call is None else call_of(message.call.arguments["code"])
        text.append(f"{marks.get(message.role, '[YOU]')}{message.content}{call}[END]\n")
    return "".join([*text, "[ME]"])


def without_tools(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    """Write calls, but tell of no tools."""
    del tools
    return wrapped(messages, ())


def otherwise(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    """Write calls in another form."""
    return wrapped(messages, tools).replace('"arguments"', '"parameters"')


def bare(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    """Write calls without marks."""
    text = wrapped(messages, tools)
    return text.replace("<tool_call>\n", "").replace("\n</tool_call>", "")


def refusing(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    """Take no turns of a tool."""
    if any(message.role == "tool" for message in messages):
        raise RequestFailedError("roles must alternate")
    return wrapped(messages, tools)


def converse(
    model: Callable[[str], str],
    tool: Tool,
    *,
    template: Callable[..., str] = wrapped,
    tools: Tools | None = None,
    samples: int = 1,
    **measure: int | None,
) -> Ears:
    """Play samples of an arm with native calls; return what was told of them."""
    ears = Ears()

    async def main() -> None:
        engine = ScriptedEngine(
            lambda prompt: Script(text=model(prompt)), PROFILE, chunk_tokens=7, template=template
        )
        arm = msgspec.structs.replace(ARM, tools=tools or Tools(form="native"))
        rig: Any = replace(rig_of(engine, **measure), arms={"plain": arm}, tool=tool)
        session = Session(rig, ears, asyncio.get_running_loop().time)
        await session.start()
        session.prompts.open(0, "what is it?")
        start(session, *range(samples))
        assert await session.drained(0)
        await session.close()

    play(main)
    return ears


def calculating(prompt: str) -> str:
    """Call once, then answer with what it was told."""
    told = prompt.rpartition("[TOOL]")[2].partition("[END]")[0]
    return f"So it is \\boxed{{{told}}}." if "[TOOL]" in prompt else CALL + BEHIND.replace("4", "5")


# Where a call stands.


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (CALL, "print(2 + 2)"),
        (call_of("a\n\tb", id="7"), "a\n\tb"),
        ('<tool_call>{"name":"python","arguments":{"code":"a\nb"}}</tool_call>', "a\nb"),
        (f"<think>Shall I <tool_call>?</think>{CALL}", "print(2 + 2)"),
        (call_of("'\ud800'"), "'?'"),
        (call_of(""), ""),
        ("I call nothing: \\boxed{4}", None),
        ("```python\nprint(1)\n```\n", None),
        ("", None),
    ],
)
def test_a_call_is_what_stands_between_the_marks(text: str, source: str | None) -> None:
    """Line ends within the program may be bare, and thoughts do not count."""
    assert called(text) == source


MALFORMED = [
    ("<tool_call>\nprint(1)\n</tool_call>", "not one object of JSON: Expecting value"),
    (
        '<tool_call>{"name": "python", "arguments": {}}</tool_call>',
        "not a call of python: Object missing required field `code`",
    ),
    (
        '<tool_call>{"name": "python", "arguments": {"code": 3}}</tool_call>',
        "Expected `str`, got `int`",
    ),
    ("<tool_call>[1]</tool_call>", "not a call of python"),
    (CALL.replace('"python"', '"search"'), "there is no function 'search', only python"),
    (CALL.removesuffix("</tool_call>"), "must stand between <tool_call> and </tool_call>"),
    ("x = 1\n</tool_call>", "must stand between"),
    (CALL.removesuffix("</tool_call>") + CALL, "one call at a time"),
    (CALL.replace("\n</tool", '\n{"name": "python"}\n</tool'), "Extra data"),
]


@pytest.mark.parametrize(("text", "complaint"), MALFORMED)
def test_a_malformed_call_says_what_is_wrong(text: str, complaint: str) -> None:
    """Bad JSON, another function, no program, marks that do not match, two at once."""
    with pytest.raises(MalformedCallError, match=complaint):
        called(text)


PIECES = ["<tool_call>", "</tool_call>", "<think>", "</think>", '{"name": "python"', "{", "}", '"']


@given(st.lists(st.text() | st.sampled_from([*PIECES, call_of("1")])).map("".join))
@example(f"<tool_call>{'[' * 100_000}</tool_call>")
@example(f"<tool_call>{'9' * 10_000}</tool_call>")
def test_no_text_breaks_the_reading(text: str) -> None:
    """Whatever a model writes, it is a program, no call, or a complaint in words."""
    call = Native(ARM).called(text)
    assert call is None or (call.source is None) == call.complaint.startswith("Error: ")


# A sample's life.


def test_a_sample_goes_on_behind_what_the_template_writes() -> None:
    """It halts at the closing mark, and is told the output in the wrapping of its model."""
    tool = Tool()
    ears = converse(calculating, tool)
    assert ears.kinds() == [SampleStarted, ToolCalled, ToolReturned, SampleFinished]
    started, _, returned, finished = ears.heard
    assert returned.tokens == len(BEHIND)
    assert finished.answer == "4"
    assert finished.tokens == len(CALL) + len("So it is \\boxed{4}.")
    assert ears.texts == [f"{CALL}{BEHIND}So it is \\boxed{{4}}."]
    assert tool.sources == ["print(2 + 2)"]
    chat = wrapped(ARM.chat("what is it?"), Native(ARM).tools)
    assert started.prompt_tokens == len(chat)  # the tool's description is part of it


@pytest.mark.parametrize(("text", "complaint"), MALFORMED)
def test_a_malformed_call_kills_no_sample(text: str, complaint: str) -> None:
    """The model is told what is wrong as the tool's answer; that counts as a call, runs nothing."""
    tool = Tool()
    prompts: list[str] = []

    def model(prompt: str) -> str:
        prompts.append(prompt)
        return text if len(prompts) == 1 else "\\boxed{4}"

    ears = converse(model, tool, tools=Tools(form="native", calls=1))
    assert ears.kinds() == [SampleStarted, ToolCalled, ToolReturned, SampleFinished]
    assert ears.heard[-1].answer == "4"
    assert not tool.sources
    told = prompts[1].rpartition("[TOOL]")[2]
    assert told.startswith("Error: ")
    assert complaint in told
    assert told.endswith(f"{SPOKEN}[END]\n[ME]")


def test_the_last_answer_says_that_it_is_the_last() -> None:
    """After it the sample is not halted, and what it calls is not run."""
    tool = Tool()
    ears = converse(
        lambda prompt: CALL if prompt.count("[TOOL]") < 2 else f"{CALL} \\boxed{{9}}",
        tool,
        tools=Tools(form="native", calls=2),
    )
    assert len(tool.sources) == 2
    assert ears.heard[-1].answer == "9"
    assert ears.texts[0].count(SPOKEN) == 1


def test_a_long_output_is_cut() -> None:
    """As in fences."""
    ears = converse(calculating, Tool("a" * 500), tools=Tools(form="native", output_chars=64))
    assert f"[TOOL]{'a' * 16}\n[… 436 characters …]\n{'a' * 48}[END]" in ears.texts[0]


def test_a_probe_sees_what_the_sample_was_told() -> None:
    """Its prompt is the sample's own context."""
    prompts: list[str] = []

    def model(prompt: str) -> str:
        if prompt.endswith("\\boxed{"):
            prompts.append(prompt)
            return "4}\n"
        return calculating(prompt)

    every = len(CALL) + 3
    ears = converse(model, Tool(), probe_every_tokens=every)
    assert [one.tokens for one in ears.unheard if isinstance(one, ProbeAnswered)] == [every]
    assert f"{CALL}{BEHIND}So " in prompts[0]


@pytest.mark.parametrize("template", [lines, without_tools, otherwise, bare, refusing])
def test_a_template_without_such_calls_leaves_fences(template: Callable[..., str]) -> None:
    """Said once; its prompt tells of no tool then, and programs in fences are run."""
    tool = Tool()
    seen: list[str] = []

    def model(prompt: str) -> str:
        seen.append(prompt)
        return "\\boxed{4}" if "```output" in prompt else "```python\nprint(2 + 2)\n```\n"

    with logged() as said:
        ears = converse(model, tool, template=template, samples=3)
    assert [one.answer for one in ears.heard if isinstance(one, SampleFinished)] == ["4"] * 3
    assert tool.sources == ["print(2 + 2)\n"] * 3
    assert not any("[TOOLS]" in prompt for prompt in seen)
    assert len([line for line in said if "the model has no native calls" in line]) == 1


def test_an_engine_at_fault_is_not_the_templates() -> None:
    """A template that refuses any chat fails the sample, and nothing is said of fences."""

    def broken(*_: object) -> str:
        raise RequestFailedError("no chat template")

    with logged() as said:
        ears = converse(calculating, Tool(), template=broken)
    assert "no chat template" in ears.heard[-1].message
    assert not any("fences" in line for line in said)


def test_an_arm_of_a_file_says_its_form() -> None:
    """As data; fences unless it says otherwise, and nothing else is known."""
    assert msgspec.convert({"form": "native"}, Tools) == Tools(form="native")
    assert Tools().form == "fences"
    with pytest.raises(msgspec.ValidationError, match="form"):
        msgspec.convert({"form": "xml"}, Tools)
    arms = read_arms()
    assert [name for name, arm in arms.items() if arm.tools and arm.tools.form == "native"] == [
        "code-native"
    ]
