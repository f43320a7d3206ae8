"""Prompts of the questions under way: made once for each question and arm, shared by all samples.

That the token ids are the very same is what makes the prefix cache work: a probe is the prompt,
the sample's own ids, and a few tokens that ask for the answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loguru import logger

from engine.entropy import score_features
from engine.errors import EngineDeadError, EngineError, RequestFailedError
from engine.tool_forms import ToolForms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.arms import Arm
    from engine.sample import RunningSample
    from engine.supervisor import Supervisor

FEATURES_WAIT_S = 2.0
"""A question waits no longer for what the model thinks of its prompt."""


class Prompts:
    """Makes prompts.

    Args:
        supervisor: Of the engine whose chat template is used.
        arms: How to sample, by name.
    """

    def __init__(self, supervisor: Supervisor, arms: Mapping[str, Arm]) -> None:
        self._supervisor = supervisor
        self._arms = arms
        self.forms = ToolForms(supervisor, arms)
        """How each arm's samples call the tool."""
        self._questions: dict[int, str] = {}
        self._made: dict[tuple[int, str], asyncio.Task[tuple[int, ...]]] = {}
        self._thinking: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def open(self, position: int, question: str) -> None:
        """Take the text of the question at a place of the stream."""
        self._questions[position] = question

    def close(self, position: int) -> None:
        """Forget a question that needs no more prompts."""
        self._questions.pop(position, None)
        for key in [key for key in self._made if key[0] == position]:
            self._made.pop(key).cancel()

    def lose(self) -> None:
        """Give up what an engine that died is still asked for."""
        for task in self._made.values():
            task.cancel()

    async def prompt(self, position: int, arm: str) -> tuple[int, ...]:
        """Give the tokens that begin every sample of an arm.

        Raises:
            EngineError: if the engine can't make them.
        """
        key = (position, arm)
        task = self._made.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._made[key] = asyncio.create_task(self._make(position, arm))
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
        engine = await self._supervisor.ready()
        if self._thinking is None:
            self._thinking = (await engine.encode("<think>"), await engine.encode("</think>"))
        begin, end = self._thinking
        text = sample.arm.probe
        if len(begin) == len(end) == 1:  # the model knows the marks
            # After a call it may think anew, so the last mark counts.
            seen = reversed((*sample.prompt, *sample.context(tokens)))
            mark = next((token for token in seen if token in {begin[0], end[0]}), None)
            if mark == begin[0]:
                text = f"\n</think>{text}"
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
            down or does not say in time.
        """
        if wait_s <= 0.0 or not self._supervisor.is_up:
            return {}
        start = self._supervisor.starts
        try:
            async with asyncio.timeout(wait_s):
                prompt = await self.prompt(position, arm)
                score = await (await self._supervisor.ready()).score(prompt)
        except TimeoutError:
            logger.warning("question {}: the engine told nothing of the prompt in time", position)
            return {}
        except EngineDeadError as error:
            self._supervisor.report_death(str(error), start)
            return {}
        except EngineError as error:
            logger.warning("question {}: the prompt has no score: {}", position, error)
            return {}
        if score is None:
            return {"prompt_tokens": float(len(prompt))}
        return score_features(score.logprobs)

    async def _make(self, position: int, arm: str) -> tuple[int, ...]:
        engine = await self._supervisor.ready()
        how = self._arms[arm]
        chat = how.chat(self._questions[position])
        form = await self.forms.of(arm)
        tools = () if form is None else form.tools
        return await engine.encode_chat(chat, thinking=how.thinking, tools=tools)
