"""Parses texts; what takes algebra goes to a worker process that is killed at a deadline."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from loguru import logger
from pebble import ProcessPool

from engine.answers.fast import Hard, canonical
from engine.answers.statements import stated

if TYPE_CHECKING:
    from engine.answers.kinds import AnswerKind

_SLOW = "engine.answers.symbolic"
_KEPT = 4096
"""Answers to hard expressions that are remembered."""


class AnswerParser:
    """Turns texts into canonical answers; safe to use from several threads and event loops.

    The same hard expression is decided once: samples of one question tend to agree. A deadline
    that is hit costs one worker, and the next is forked from a server that has sympy loaded.

    Args:
        kind: What answers the contest takes.
        deadline_s: Seconds that the worker may spend on one expression; waiting for a worker
            that starts or is busy comes on top.
    """

    def __init__(self, kind: AnswerKind, *, deadline_s: float = 1.0) -> None:
        self._kind = kind
        self._deadline_s = deadline_s
        self._pool: ProcessPool | None = None
        self._decided: dict[str, Future[str | None]] = {}
        self._lock = Lock()

    async def warm(self) -> None:
        """Start the worker, so that the first hard expression does not wait for it."""
        await asyncio.wrap_future(self._decide(r"\sqrt{2}"))

    async def parse(self, text: str) -> str | None:
        """Give the answer that a text states; None when unsure. The event loop goes on."""
        answer = self._read(text)
        if isinstance(answer, Hard):
            return await asyncio.wrap_future(self._decide(answer.latex))
        return answer

    def parse_now(self, text: str) -> str | None:
        """Give the answer that a text states; None when unsure."""
        answer = self._read(text)
        return self._decide(answer.latex).result() if isinstance(answer, Hard) else answer

    def close(self) -> None:
        """End the worker; what it was deciding becomes None. Parsing again starts another."""
        with self._lock:
            pool, self._pool = self._pool, None
            decided, self._decided = self._decided, {}
        for answer in decided.values():  # a stopped pool leaves its work undone
            with suppress(InvalidStateError):  # it came at this very moment
                answer.set_result(None)
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()

    def _read(self, text: str) -> str | Hard | None:
        expression = stated(text)
        return None if expression is None else canonical(expression, self._kind)

    def _decide(self, latex: str) -> Future[str | None]:
        with self._lock:
            known = self._decided.get(latex)
            if known is not None:
                return known
            if len(self._decided) >= _KEPT:
                self._decided = {e: a for e, a in self._decided.items() if not a.done()}
            answer: Future[str | None] = Future()
            # Running futures can't be cancelled: others may wait for this one too.
            answer.set_running_or_notify_cancel()
            self._decided[latex] = answer
            if self._pool is None or not self._pool.active:
                self._pool = _start()
            work = self._pool.schedule(_decide, args=(latex, self._kind), timeout=self._deadline_s)
        work.add_done_callback(partial(_pass_on, answer, latex))
        return answer


def _start() -> ProcessPool:
    # Not fork: the engine has threads. The server loads sympy once, and workers are forked from it.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_SLOW])
    return ProcessPool(max_workers=1, context=context, initializer=_load)


def _load() -> None:
    from engine.answers.symbolic import warm_up  # noqa: PLC0415 - sympy is for the worker alone

    warm_up()


def _decide(latex: str, kind: AnswerKind) -> str | None:
    from engine.answers.symbolic import decide  # noqa: PLC0415 - sympy is for the worker alone

    return decide(latex, kind)


def _pass_on(answer: Future[str | None], latex: str, work: Future[str | None]) -> None:
    """Make None of whatever kept the worker from answering."""
    if answer.done():  # the parser was closed meanwhile
        return
    error = None if work.cancelled() else work.exception()
    if error is not None:
        logger.debug("no answer from {!r}: {!r}", latex, error)
    with suppress(InvalidStateError):
        answer.set_result(None if work.cancelled() or error is not None else work.result())
