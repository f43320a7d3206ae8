"""Prompts of the questions under way: made once for all samples that begin alike.

Samples begin alike that are of one question and arm and, where the arm asks for more, judge the
same candidates in the same order and build on the same reasoning.

That the token ids are the very same is what makes the prefix cache work: a probe is the prompt,
the sample's own ids, and a few tokens that ask for the answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loguru import logger

from engine.arms import NO_EXTRAS
from engine.entropy import score_features
from engine.errors import EngineDeadError, EngineError, RequestFailedError
from engine.reasoning import BEGIN, END
from engine.tool_forms import ToolForms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.arms import Arm, EngineName, Extras
    from engine.sample import RunningSample
    from engine.supervisor import Supervisor

    Key = tuple[int, str, Extras]

FEATURES_WAIT_S = 2.0
"""A question waits no longer for what the model thinks of its prompt."""


class Prompts:
    """Makes prompts.

    Args:
        supervisors: Of the engines, whose chat templates are used, by name.
        arms: How to sample, by name.
    """

    def __init__(
        self, supervisors: Mapping[EngineName, Supervisor], arms: Mapping[str, Arm]
    ) -> None:
        self._supervisors = supervisors
        self._arms = arms
        self.forms = ToolForms(supervisors, arms)
        """How each arm's samples call the tool."""
        self._questions: dict[int, str] = {}
        self._made: dict[Key, asyncio.Task[tuple[int, ...]]] = {}
        self._thinking: dict[EngineName, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def open(self, position: int, question: str) -> None:
        """Take the text of the question at a place of the stream."""
        self._questions[position] = question

    def is_open(self, position: int) -> bool:
        """Whether the question at a place may still need prompts."""
        return position in self._questions

    def close(self, position: int) -> None:
        """Forget a question that needs no more prompts."""
        self._questions.pop(position, None)
        for key in [key for key in self._made if key[0] == position]:
            self._made.pop(key).cancel()

    def lose(self, engine: EngineName) -> None:
        """Give up what an engine that died is still asked for."""
        for (_, arm, _), task in self._made.items():
            if self._arms[arm].engine == engine:
                task.cancel()

    async def prompt(self, position: int, arm: str, extras: Extras = NO_EXTRAS) -> tuple[int, ...]:
        """Give the tokens that begin every sample of an arm.

        Args:
            position: Of the question.
            arm: Its name.
            extras: What the arm asks for beside the question.

        Raises:
            EngineError: if the engine can't make them.
        """
        key = (position, arm, extras)
        task = self._made.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._made[key] = asyncio.create_task(self._make(*key))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                raise
            raise RequestFailedError("the prompt was given up") from None

    async def suffix(self, sample: RunningSample, tokens: int) -> tuple[int, ...]:
        """Give the tokens that ask a sample for its answer after so many tokens.

        Raises:
            EngineError: if the engine can't make them.
        """
        name = sample.arm.engine
        engine = await self._supervisors[name].ready()
        if name not in self._thinking:
            self._thinking[name] = (await engine.encode(BEGIN), await engine.encode(END))
        begin, end = self._thinking[name]
        text = sample.arm.probe
        if len(begin) == len(end) == 1:  # the model knows the marks
            # After a call it may think anew, so the last mark counts.
            seen = reversed((*sample.prompt, *sample.context(tokens)))
            mark = next((token for token in seen if token in {begin[0], end[0]}), None)
            if mark == begin[0]:
                text = f"\n{END}{text}"
        return await engine.encode(text)

    async def features(
        self, position: int, arm: str, wait_s: float = FEATURES_WAIT_S
    ) -> dict[str, float]:
        """Tell what is known of a question before its first sample.

        Args:
            position: Of the question.
            arm: Whose prompt is meant.
            wait_s: Seconds that this may take.

        Returns:
            Numbers by name (see `engine.entropy.score_features`); empty where the engine is
            down or does not say in time, and where the prompt holds more than the question.
        """
        how = self._arms[arm]
        supervisor = self._supervisors.get(how.engine)
        if wait_s <= 0.0 or supervisor is None or not (how.stands_alone and supervisor.is_up):
            return {}
        start = supervisor.starts
        try:
            async with asyncio.timeout(wait_s):
                prompt = await self.prompt(position, arm)
                score = await (await supervisor.ready()).score(prompt)
        except TimeoutError:
            logger.warning("question {}: the engine told nothing of the prompt in time", position)
            return {}
        except EngineDeadError as error:
            supervisor.report_death(str(error), start)
            return {}
        except EngineError as error:
            logger.warning("question {}: the prompt has no score: {}", position, error)
            return {}
        if score is None:
            return {"prompt_tokens": float(len(prompt))}
        return score_features(score.logprobs)

    async def _make(self, position: int, arm: str, extras: Extras) -> tuple[int, ...]:
        how = self._arms[arm]
        engine = await self._supervisors[how.engine].ready()
        chat = how.chat(self._questions[position], extras)
        form = await self.forms.of(arm)
        tools = () if form is None else form.tools
        return await engine.encode_chat(chat, thinking=how.thinking, tools=tools)
