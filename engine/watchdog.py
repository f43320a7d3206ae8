"""A policy that blocks costs its question nothing but the policy.

The core runs in a thread of its own. Where a call takes too long and sits inside the policy, an
exception is raised there, which the core meets as any fault of a policy (`PolicyBlockedError`).
A policy that hangs outside Python, where no exception reaches it, loses its thread: whoever
holds the core learns of that by `CoreLostError` and goes on with a new one.
"""

from __future__ import annotations

import asyncio
import ctypes
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from scheduler import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduler import Allowance, AnyAction, QuestionView, SampleView

A = TypeVar("A")
T = TypeVar("T")

GRACE_S = 0.25
"""Seconds that a policy has to leave once it was told to."""

LANDING_S = 0.05
"""Seconds in which an exception raised in another thread has surely arrived."""


class PolicyBlockedError(Exception):
    """A policy took too long and was torn out of what it did."""


class _Torn(BaseException):
    """What is raised inside the policy: no handler of its own takes it for an error."""


class CoreLostError(Exception):
    """The policy never came back; its core can't be used any more."""


class WatchedPolicy(Policy):
    """Passes everything on to a policy, and can be torn out of it.

    Args:
        inner: The policy.
    """

    def __init__(self, inner: Policy) -> None:
        self._inner = inner
        self.progress_every_tokens = inner.progress_every_tokens
        self._lock = threading.Lock()
        self._inside: int | None = None  # the thread that is in the policy
        self._torn = False
        self.view: QuestionView | None = None
        """What the policy last saw."""

    def request(self, view: QuestionView) -> Allowance:
        """Ask the policy."""
        return self._ask(view, self._inner.request, view)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Ask the policy."""
        return self._ask(view, self._inner.decide, view)

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Ask the policy."""
        return self._ask(view, self._inner.next_wakeup_s, view)

    def weigh(self, sample: SampleView) -> float:
        """Ask the policy."""
        return self._ask(self.view, self._inner.weigh, sample)

    def tear_out(self) -> bool:
        """Raise an exception inside the policy, once; False if nobody is in it any more."""
        with self._lock:
            if self._inside is None or self._torn:
                return False
            self._torn = True
            thread = ctypes.c_ulong(self._inside)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_Torn))
            return True

    def _ask(self, view: QuestionView | None, function: Callable[[A], T], about: A) -> T:
        """Call the policy; the exception may land at any step from entering to having left."""
        self.view = view
        try:
            try:
                self._enter()
                return function(about)
            finally:
                self._leave()
        except _Torn:
            self._inside = None  # it may have landed before this was done
            raise PolicyBlockedError("the policy took too long") from None

    def _enter(self) -> None:
        with self._lock:
            self._torn = False
            self._inside = threading.get_ident()

    def _leave(self) -> None:
        """Leave the policy; an exception that is still on its way lands here, not in the core."""
        with self._lock:
            self._inside = None
            torn = self._torn
        deadline_s = time.monotonic() + LANDING_S
        while torn and not self._landed() and time.monotonic() < deadline_s:
            time.sleep(0.001)

    @staticmethod
    def _landed() -> bool:
        """Whether the exception is the one that the policy is being left with."""
        return isinstance(sys.exception(), _Torn)


class CoreThread:
    """Runs calls of the core one after another, each with a limit.

    Args:
        policy: The one that the core asks.
    """

    def __init__(self, policy: WatchedPolicy) -> None:
        self._policy = policy
        self.at_work = 0
        """Calls that have not come back; one that was given up stays."""
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="core", daemon=True)
        self._thread.start()

    async def call(self, function: Callable[..., T], *args: object, limit_s: float) -> T:
        """Run a call of the core in its thread.

        Args:
            function: What to call.
            args: With what.
            limit_s: After so many seconds the policy is torn out of it.

        Raises:
            CoreLostError: if the call has not come back `GRACE_S` after that.
            CancelledError: if the caller was cancelled, once the call has come back or, like
                above, has not.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self.at_work += 1
        done.add_done_callback(self._come_back)
        self._calls.put(lambda: _run(loop, done, function, args))
        try:
            await asyncio.wait((done,), timeout=limit_s)
            if not done.done():
                self._policy.tear_out()
                await asyncio.wait((done,), timeout=GRACE_S)
        except asyncio.CancelledError:
            self._policy.tear_out()
            await asyncio.wait((done,), timeout=GRACE_S)
            raise
        if not done.done():
            raise CoreLostError(f"the policy did not come back within {limit_s:.3g} s")
        return done.result()

    def close(self) -> None:
        """Let the thread end after its calls."""
        self._calls.put(None)

    def _come_back(self, _: object) -> None:
        self.at_work -= 1

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _run(
    loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[T],
    function: Callable[..., T],
    args: tuple[Any, ...],
) -> None:
    result: T | None = None
    error: BaseException | None = None
    try:
        result = function(*args)
    except BaseException as raised:  # noqa: BLE001 - handed to whoever waits
        error = raised
    try:
        loop.call_soon_threadsafe(_settle, done, result, error)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return


def _settle(done: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
