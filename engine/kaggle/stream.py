"""A stream for a gateway: questions come from any thread, an answer goes back in time.

The engine, the runner and the core live in a thread of their own. Whoever asks waits for the
question's hard deadline and not much longer, so that not even an engine that blocks that thread
holds up an answer: the leader of the votes is then read from here.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from loguru import logger

from engine.glance import glance_at
from engine.kaggle.loading import Loading
from engine.questions import Question
from scheduler import GivenLine

if TYPE_CHECKING:
    from engine.answer import Answer
    from engine.glance import Glance
    from engine.kaggle.choosing import Choice
    from engine.kaggle.limits import Limits
    from engine.kaggle.loop_thread import LoopThread
    from engine.kaggle.record import Record
    from engine.rig import Rig
    from engine.runner import Runner
    from policies.registry import PolicySpec
    from scheduler import LatencyProfile, QuestionView

CLOSE_WAIT_S = 30.0
"""An engine has so long to end; then it is left to end with the process."""

CANCEL_WAIT_S = 5.0
"""A question that is open at the end has so long to be given up."""


class Stream:
    """Answers questions one after another; the engine comes up meanwhile.

    Args:
        rig: The engine, which the stream owns from now on, and how it is used.
        policy: The rule.
        limits: The time of the stream.
        choice: What is handed over.
        record: What was so far, and where it is written.
        profile: What the engine costs; None measures it once it is up.
        thread: Where everything runs; the stream owns it.
    """

    def __init__(
        self,
        rig: Rig,
        policy: PolicySpec,
        limits: Limits,
        choice: Choice,
        record: Record,
        *,
        profile: LatencyProfile | None,
        thread: LoopThread,
    ) -> None:
        self._limits = limits
        self._choice = choice
        self._record = record
        self._clock = record.clock
        self._rig = rig
        self._loading = Loading(rig, policy, record, profile)
        self._thread = thread
        self._given = {_key(line.question): line.answer for line in record.given}
        self._names = set(record.names)
        self._asked = len(self._given.keys() - {""})
        self._called = len(record.given)
        self._turn = threading.Lock()
        self._runner: Runner | None = None
        self._free = asyncio.Lock()
        self._load: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[int] | None = None
        self._closed = False
        self._thread.submit(self._begin())

    def answer(self, question_id: str, text: str) -> int:
        """Answer a question; returns in time whatever happens.

        A text that came before gets the answer that was given then. An empty one costs nothing.

        Args:
            question_id: What it is called.
            text: The problem.
        """
        with self._turn:
            self._called += 1
            key = _key(text)
            value = self._given.get(key)
            if value is None:
                value = self._ask_safely(question_id, text) if key else self._choice.fallback
                self._given[key] = value
            if not self._closed:  # what a close has cut short is asked again by the next process
                self._record.write(
                    GivenLine(
                        at_s=self._clock(), question_id=question_id, question=text, answer=value
                    )
                )
            return value

    def look(self) -> Glance | None:
        """Say what there is to see now, from any thread; None while the engine starts."""
        if self._runner is None or not self._loading.is_over:
            return None
        return glance_at(
            self._runner,
            self._clock,
            done=len(self._given.keys() - {""}),
            total=self._limits.questions,
        )

    def close(self) -> None:
        """End the engine; what is slow to end is left behind. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        end = self._thread.submit(self._end())
        if not self._thread.wait(end, CLOSE_WAIT_S):
            logger.warning("the engine did not end within {:g} s", CLOSE_WAIT_S)
        self._thread.close()
        self._rig.parser.close()
        if self._record.journal is not None:
            self._record.journal.close()

    # In the caller's thread.

    def _ask_safely(self, question_id: str, text: str) -> int:
        try:
            return self._ask(question_id, text)
        except BaseException as error:  # noqa: BLE001 - a gateway hangs or aborts on any of them
            fallback = self._choice.fallback
            logger.error("{}: answered {} after {!r}", question_id, fallback, error)
            return fallback

    def _ask(self, question_id: str, text: str) -> int:
        question = Question(question_id=self._unique(question_id), question=text)
        self._asked += 1
        now_s = self._clock()
        capped = self._called > 1  # a gateway's first call has no deadline of its own
        most_s = self._limits.most_s(now_s, self._asked, capped=capped)
        loads_s = 0.0
        if not self._loading.is_over:
            loads_s = self._limits.loading_s(now_s, self._asked, capped=capped)
        opened: Future[float] = Future()
        work = self._thread.submit(self._answer(question, opened, loads_s))
        work.add_done_callback(lambda _: _resolve(opened, now_s))
        opens_s = min(loads_s + self._limits.share_s(now_s, self._asked), most_s)
        by_s = now_s + opens_s + self._limits.late_s(now_s + opens_s)
        if self._thread.wait(opened, by_s - now_s):
            # One that opened late has no more than if it had opened when it came.
            hard_at_s = min(opened.result(), now_s + most_s)
            by_s = hard_at_s + self._limits.late_s(hard_at_s)
            self._thread.wait(work, by_s - self._clock())
        try:
            return work.result(timeout=0.0)
        except BaseException as error:  # noqa: BLE001 - also that it is not done in time
            work.cancel()
            view = self._view(question)
            value = self._choice(None if view is None else view.tally.leader, view)
            if most_s <= 0.0 and isinstance(error, TimeoutError):  # as it has to be
                logger.info("{}: {} at once, no time is left", question_id, value)
            else:
                logger.error("{}: {} without the engine's thread: {!r}", question_id, value, error)
            return value

    def _unique(self, question_id: str) -> str:
        """Call a question what no other is called: gateways may repeat ids."""
        name, number = question_id or "question", 1
        while name in self._names:
            number += 1
            name = f"{question_id or 'question'}#{number}"
        self._names.add(name)
        return name

    def _view(self, question: Question) -> QuestionView | None:
        """Give what the policy saw of a question last; None if it never did."""
        view = None if self._runner is None else self._runner.view
        if view is None or view.opened.question_id != question.question_id:
            return None
        return view

    # In the engine's thread.

    async def _begin(self) -> None:
        self._runner = self._loading.make_runner()
        self._load = asyncio.create_task(self._loading.run(self._runner, self._free))

    async def _answer(self, question: Question, opened: Future[float], loads_s: float) -> int:
        self._answering = asyncio.current_task()
        if self._runner is None:
            raise RuntimeError("the stream did not begin")
        await self._loading.wait(loads_s)
        async with self._free:
            answer = await self._runner.answer(
                question, on_open=lambda hard_at_s: _resolve(opened, hard_at_s)
            )
        value = self._choice(answer.answer, self._view(question))
        self._say(answer, value)
        return value

    def _say(self, answer: Answer, value: int) -> None:
        left_s = max(0.0, self._limits.usable_s - self._clock())
        logger.info(
            "{}: {} ({}) after {:.1f} of {:.0f} s, {} samples, {:,} tokens; {:.0f} s left",
            answer.question_id,
            value,
            answer.reason.value if answer.answer is not None else f"{answer.reason.value}, no vote",
            answer.seconds,
            answer.granted_s,
            answer.samples,
            answer.tokens,
            left_s,
        )

    async def _end(self) -> None:
        if self._load is not None:
            self._load.cancel()
        if self._answering is not None:
            # Whoever waits for it must not wait for a loop that has ended.
            self._answering.cancel()
            await asyncio.wait((self._answering,), timeout=CANCEL_WAIT_S)
        if self._runner is not None:
            await self._runner.close()


def _key(text: str) -> str:
    """Return what two tellings of one problem have in common."""
    return " ".join(text.split())


def _resolve(future: Future[float], value: float) -> None:
    """Set a result unless there is one."""
    with suppress(InvalidStateError):
        future.set_result(value)
