"""Samples that use the Python tool: a generation halts at a program, and goes on after its output.

What the model generated stays as it is, token by token, and the output is put behind it in the
form that the arm's samples call in (`engine.tool_forms`), so all of it but the output is in the
engine's prefix cache when the sample goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loguru import logger

from engine.python_tool.tool import ToolError
from engine.texts import encodable
from scheduler import ToolCalled, ToolReturned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.arms import Arm
    from engine.port import Engine
    from engine.python_tool.tool import PythonTool
    from engine.sample import RunningSample
    from engine.tool_calls import Tools
    from engine.tool_forms import Call, Form
    from scheduler import AnyEvent


class ToolTurns:
    """Answers the programs of samples.

    Args:
        tool: What runs them; None leaves them unanswered.
        arms: Of the first one samples come for certain; if it has tools, they come up at the start.
        tell: Called with what happens.
        clock: Seconds since the stream began.
    """

    def __init__(
        self,
        tool: PythonTool | None,
        arms: Mapping[str, Arm],
        tell: Callable[[AnyEvent], None],
        clock: Callable[[], float],
    ) -> None:
        self._tool = tool
        self._arms = arms
        self._starting = asyncio.Lock()
        self._is_up = False
        self._tell = tell
        self._clock = clock

    async def start(self) -> None:
        """Load the tool's libraries, so that the first program does not wait for them."""
        first = next(iter(self._arms.values()), None)
        if first is not None and first.tools is not None:
            await self._bring_up()

    async def _bring_up(self) -> None:
        async with self._starting:
            if self._is_up or self._tool is None:
                return
            try:
                await self._tool.start()
            except ToolError as error:
                logger.warning("{}: programs of samples stay unanswered", error)
                self._tool = None
            else:
                self._is_up = True

    def close(self) -> None:
        """End all programs."""
        if self._tool is not None:
            self._tool.close()

    def stops(self, sample: RunningSample) -> tuple[str, ...]:
        """Give the texts at which a sample's next generation halts; none without a tool."""
        allowed = self._allowed(sample)
        return allowed[1].stops if allowed else ()

    async def go_on(self, sample: RunningSample, engine: Engine) -> bool:
        """Run the program that a sample has stopped at, if there is one.

        Returns:
            Whether it has to generate on: after a program, or where it halted at no call.

        Raises:
            EngineError: if the engine can't make tokens of the output.
        """
        allowed = self._allowed(sample)
        if allowed is None:
            return False
        tools, form = allowed
        turn = "".join(sample.text[sample.turn :])
        call, halted = form.called(turn), turn.endswith(form.stops)
        if call is None:
            return halted
        if not halted:
            # It ended its own turn after the program.
            sample.forget_end(await engine.encode(encodable(turn)))
        place = {"position": sample.position, "sample": sample.sample}
        sample.calls += 1
        sample.waits = True
        self._tell(ToolCalled(at_s=self._clock(), **place))
        output = await self._output(sample, call, tools)
        last = sample.calls == tools.calls
        text = await form.answer(engine, output, most=tools.output_chars, last=last)
        ids = await engine.encode(encodable(text))
        sample.tell(text, ids)
        sample.waits = False
        self._tell(ToolReturned(at_s=self._clock(), tokens=len(ids), **place))
        return True

    def _allowed(self, sample: RunningSample) -> tuple[Tools, Form] | None:
        """Give what a sample may still call, and how."""
        tools, form = sample.arm.tools, sample.form
        if tools is None or form is None or self._tool is None or sample.calls >= tools.calls:
            return None
        return tools, form

    async def _output(self, sample: RunningSample, call: Call, tools: Tools) -> str:
        if call.source is None:
            return call.complaint
        await self._bring_up()
        if self._tool is None:
            return _UNAVAILABLE
        if sample.tool is None:
            sample.tool = self._tool.session()
        try:
            return (await sample.tool.run(call.source, tools.deadline_s)).output
        except ToolError as error:
            logger.warning("question {}, sample {}: {}", sample.position, sample.sample, error)
            return _UNAVAILABLE


_UNAVAILABLE = "The Python tool is not available.\n"
