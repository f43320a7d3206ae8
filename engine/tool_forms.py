"""The forms in which samples call the Python tool: fences, or what the model was trained on.

A native answer is no text of ours: the model's chat template is asked to write a call, the tool's
answer and the opening of the next turn, and what follows the call is put behind the sample. So the
wrapping of any model is right, if its template writes calls as `engine.native_calls` reads them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from loguru import logger

from engine import native_calls, tool_calls
from engine.arms import Extras
from engine.errors import RequestFailedError
from engine.port import FunctionCall, Message, is_begun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.arms import Arm, EngineName
    from engine.port import Engine
    from engine.supervisor import Supervisor


class Call(NamedTuple):
    """What a sample has called.

    Attributes:
        source: The program; None where the call is malformed.
        complaint: What is wrong with a malformed one, for the model.
    """

    source: str | None
    complaint: str = ""


class Form(Protocol):
    """How samples of an arm call the tool."""

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which a generation halts."""

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """What the template is told that the model may call."""

    def called(self, turn: str) -> Call | None:
        """Give the call that a text ends with; None where there is none."""

    async def answer(self, engine: Engine, output: str, *, most: int, last: bool) -> str:
        """Give the text that tells a sample what came of its call.

        Args:
            engine: Whose template may be asked.
            output: Of the program.
            most: Characters of it that are told.
            last: Whether the sample may call no more.

        Raises:
            EngineError: if the engine does not tell.
        """


class Fences:
    """Programs in fences of Markdown (`engine.tool_calls`)."""

    stops = tool_calls.STOPS
    tools: Sequence[Mapping[str, Any]] = ()

    def called(self, turn: str) -> Call | None:
        """Give the program that a text ends with."""
        source = tool_calls.called(turn)
        return None if source is None else Call(source)

    async def answer(self, engine: Engine, output: str, *, most: int, last: bool) -> str:
        """Give the output in a fence."""
        del engine, last
        return tool_calls.answered(output, most)


class Native:
    """Calls as the model's chat template writes them (`engine.native_calls`).

    Args:
        arm: Whose samples call; its messages and switches are part of what the template writes.
    """

    stops = (native_calls.CLOSING,)
    tools: Sequence[Mapping[str, Any]] = (native_calls.PYTHON,)

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    def called(self, turn: str) -> Call | None:
        """Give the call that a text ends with."""
        try:
            source = native_calls.called(turn)
        except native_calls.MalformedCallError as error:
            return Call(None, f"Error: {error}.")
        return None if source is None else Call(source)

    async def answer(self, engine: Engine, output: str, *, most: int, last: bool) -> str:
        """Give what the template writes behind a call: its answer and the next turn's opening."""
        output = tool_calls.shortened(output, most)
        if last:
            # Else a model that calls again would end its turn there, without an answer.
            output = f"{output}\n{_NO_MORE}".lstrip("\n")
        return (await self._written(engine, output))[1]

    async def fits(self, engine: Engine) -> bool:
        """Whether the template tells of tools, and writes calls as they are read here.

        Raises:
            EngineError: if the engine does not tell, or the template refuses such a chat.
        """
        chat, thinking = _chat(self._arm), self._arm.thinking
        told = await engine.chat_text(chat, thinking=thinking, tools=self.tools)
        if told == await engine.chat_text(chat, thinking=thinking):
            return False
        call, after = await self._written(engine, _OUTPUT)
        try:
            return native_calls.called(call) == _PROGRAM and _OUTPUT in after
        except native_calls.MalformedCallError:
            return False

    async def _written(self, engine: Engine, output: str) -> tuple[str, str]:
        """Let the template write a call and its answer; give the call and what follows it."""
        arguments = {native_calls.CODE: _PROGRAM}
        call = FunctionCall(name=native_calls.NAME, arguments=arguments)
        chat = _chat(self._arm)
        # An answer that the prompt has begun goes on to the call.
        begun = chat[-1].content if is_begun(chat) else ""
        turns = (
            *(chat[:-1] if is_begun(chat) else chat),
            Message(role="assistant", content=begun, call=call),
            Message(role="tool", content=output),
        )
        text = await engine.chat_text(turns, thinking=self._arm.thinking, tools=self.tools)
        before, program, after = text.partition(_PROGRAM)
        rest, closing, after = after.partition(native_calls.CLOSING)
        opening = before[before.rfind(native_calls.OPENING) :] if program else ""
        return opening + program + rest + closing, after


class ToolForms:
    """Chooses each arm's form, once the engine is up.

    Args:
        supervisors: Of the engines, whose chat templates are asked, by name.
        arms: How to sample, by name.
    """

    def __init__(
        self, supervisors: Mapping[EngineName, Supervisor], arms: Mapping[str, Arm]
    ) -> None:
        self._supervisors = supervisors
        self._arms = arms
        self._forms: dict[str, Form] = {}
        # One each: an engine that is down keeps no arm of another waiting.
        self._asking = {name: asyncio.Lock() for name in supervisors}

    async def of(self, name: str) -> Form | None:
        """Give the form of an arm; None if it has no tools.

        Raises:
            EngineError: if the engine can't even write a chat without tools.
        """
        arm = self._arms[name]
        if arm.tools is None:
            return None
        async with self._asking[arm.engine]:
            if name not in self._forms:
                self._forms[name] = await self._chosen(name, arm)
            return self._forms[name]

    async def _chosen(self, name: str, arm: Arm) -> Form:
        if arm.tools is None or arm.tools.form == "fences":
            return Fences()
        engine = await self._supervisors[arm.engine].ready()
        native, why = Native(arm), "its chat template writes none"
        try:
            if await native.fits(engine):
                return native
        except RequestFailedError as error:
            # The template's fault, if it writes a chat without tools.
            await engine.chat_text(_chat(arm), thinking=arm.thinking)
            why = str(error)
        logger.warning("arm {}: the model has no native calls ({}); it uses fences", name, why)
        return Fences()


def _chat(arm: Arm) -> tuple[Message, ...]:
    """Give an arm's chat of some question, with all that it may ask for beside."""
    return arm.chat(_QUESTION, _EXTRAS)


_QUESTION = "?"
_EXTRAS = Extras(candidates=("1", "2"), reasoning="?")
_PROGRAM = "the_program"
_OUTPUT = "the_output"
_NO_MORE = "(No calls are left: answer now.)"
