"""An event loop in a thread of its own, for callers that have none.

A gateway calls `predict` from a thread of its choosing and waits; the engine needs a loop that
goes on between two calls. Whatever is raised there, the loop goes on.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, TypeVar

from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

CLOSE_WAIT_S = 5.0
"""Whoever closes the thread waits so long for it to end."""


class LoopThread:
    """Runs coroutines for callers in other threads.

    Args:
        new_loop: Makes the loop.
    """

    def __init__(
        self, new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    ) -> None:
        self.loop = new_loop()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, future: Future[Any], for_s: float) -> bool:
        """Block the calling thread until a future is done; return whether it is, in time."""
        return bool(wait((future,), timeout=max(0.0, for_s)).done)

    def close(self) -> None:
        """End the thread; what still runs in it is dropped."""
        self._closing = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(CLOSE_WAIT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._closing:
            try:
                self.loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - a task may raise even SystemExit
                logger.error("the engine's thread goes on after {!r}", error)
        self.loop.close()
