"""A world in which only time is virtual: five hours of the real `predict` pass in a second.

All of `make_predict`, stream, session, runner, supervisor and journal run as they are. Whoever
calls `predict` has a thread and the engine's loop has another one, as in the product, since an
engine that blocks its loop must be seen to hold up nobody. But only one of the two runs at a
time: the loop runs while the caller waits and stands still while the caller works. So time has
one place where it moves, each run of a seed is the same run, and a caller's deadline comes in the
midst of whatever blocks.

Three things are not as in the product. The core has no thread of its own, since at which step
another thread comes back is luck (`tests/engine/test_watchdog.py` shows that thread). Boxes are
read by a pattern, not by a process. And what a journal's header says of the checkout is not asked
of git for each stream.
"""

from __future__ import annotations

import asyncio
import os
import selectors
from bisect import bisect_right
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from loguru import logger
from scripted_streams import BoxParser

from engine import journal
from engine.kaggle.loop_thread import LoopThread
from engine.watchdog import CoreThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from engine.watchdog import WatchedPolicy

T = TypeVar("T")

TURN_S = 1e-5
"""Virtual seconds of a turn of the loop: whoever turns for ever meets the caller's deadline."""

BOOTED_S = 1000.0
"""What the steady clock shows when a stream's world begins."""

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

_AFTERLIFE_S = 1e6
"""Virtual seconds that what was left running is given to end."""

_STUCK_S = 30.0
"""Real seconds after which it counts as stuck."""


class ProcessKilledError(BaseException):
    """The process was killed; what the caller still does is seen by nobody."""


class VirtualTime:
    """What clocks show.

    Args:
        now_s: What it is at the beginning.
        suspensions: When the machine sleeps and for how long, in seconds: the steady clock
            then jumps ahead.
        calendar_jumps: When somebody sets the calendar, and by how many seconds.
    """

    def __init__(
        self,
        now_s: float = 0.0,
        *,
        suspensions: Sequence[tuple[float, float]] = (),
        calendar_jumps: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.now_s = now_s
        self._suspensions = sorted(suspensions, reverse=True)
        self._jumps = sorted(calendar_jumps)
        self._zero_s = BOOTED_S
        self.boot = "first boot"
        """Of the machine."""
        self.killed_at_s = inf
        """When the process is killed."""
        self.threads: list[VirtualThread] = []
        """Of the processes so far."""

    def pass_to(self, at_s: float) -> None:
        """Let time go on."""
        while self._suspensions and self._suspensions[-1][0] <= at_s:
            began_s, for_s = self._suspensions.pop()
            at_s = max(at_s, began_s + for_s)
        self.now_s = max(self.now_s, at_s)

    def monotonic(self) -> float:
        """Read the machine's steady clock."""
        return self.now_s + self._zero_s

    def calendar(self) -> datetime:
        """Read the calendar, as it was set last."""
        set_by = self._jumps[: bisect_right(self._jumps, (self.now_s, inf))]
        return _EPOCH + timedelta(seconds=self.now_s + sum(by_s for _, by_s in set_by))

    def reboot(self) -> None:
        """Start the machine again: its steady clock has a new beginning."""
        self.boot = f"boot at {self.now_s}"
        self._zero_s = -self.now_s


class _Turns:
    """Whose turn it is: the caller's or the loop's.

    Args:
        time: That passes while it is the loop's.
    """

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.over = False
        self._caller: SimpleQueue[None] = SimpleQueue()
        self._loop: SimpleQueue[None] = SimpleQueue()
        self._is_done: Callable[[], bool] = lambda: False
        self._until_s = -inf

    # In the caller's thread.

    def begin(self) -> None:
        """Wait until the loop is there."""
        self._caller.get()

    def give(self, is_done: Callable[[], bool], until_s: float) -> None:
        """Let the loop run until something is done, or a moment comes."""
        self._is_done, self._until_s = is_done, until_s
        self._loop.put(None)
        self._caller.get()

    def end(self) -> None:
        """Let the loop run for good; its time is nobody's any more."""
        self.over = True
        self._loop.put(None)

    # In the loop's thread.

    @property
    def is_callers(self) -> bool:
        """Whether the caller has what it waits for, or waits no longer."""
        return self._until_s <= self.time.now_s or self._is_done()

    def give_back(self) -> None:
        """Let the caller run."""
        self._caller.put(None)
        self._loop.get()

    def pass_to(self, at_s: float) -> bool:
        """Let time go on to a moment or the caller's, whichever is first; whether it got there."""
        if self.over:
            self.time.now_s = max(self.time.now_s, at_s)
            return True
        self.time.pass_to(min(at_s, self._until_s))
        return at_s <= self.time.now_s and not self.is_callers

    def block(self, for_s: float) -> None:
        """Block the loop's thread; the caller goes on when its time comes.

        Raises:
            ProcessKilledError: if that is still so when all is over.
        """
        end_s = self.time.now_s + for_s
        while not self.over:
            if self.is_callers:
                self.give_back()
            elif self.pass_to(end_s):
                return
        raise ProcessKilledError


class _Selector(selectors.DefaultSelector):
    """Jumps where another one waits."""

    def __init__(self, turns: _Turns) -> None:
        super().__init__()
        self._turns = turns

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready; if nothing is, let time go on."""
        turns = self._turns
        if not turns.over:
            turns.time.pass_to(turns.time.now_s + TURN_S)
            if turns.is_callers:
                turns.give_back()
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None and turns.over:
            return super().select(_STUCK_S)
        at_s = inf if timeout is None else turns.time.now_s + timeout
        if not turns.pass_to(at_s):
            turns.give_back()
            ready = super().select(0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time.

    Args:
        turns: When it runs.
    """

    def __init__(self, turns: _Turns) -> None:
        self.turns = turns
        super().__init__(_Selector(turns))
        self.set_exception_handler(lambda *_: None)  # what engines raise is no news here

    def time(self) -> float:
        """Read the virtual clock."""
        return self.turns.time.now_s


def block(for_s: float) -> None:
    """Block the running loop's thread for so many virtual seconds: what `time.sleep` would do."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.turns.block(for_s)


class VirtualThread(LoopThread):
    """The engine's thread, on virtual time.

    Args:
        time: That passes while somebody waits for it.
    """

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._turns = _Turns(time)
        super().__init__(lambda: VirtualLoop(self._turns))
        self._turns.begin()
        time.threads.append(self)

    def wait(self, future: Future[Any], for_s: float) -> bool:
        """Let the loop run until a future is done; return whether it is, in time.

        Raises:
            ProcessKilledError: if the process is killed meanwhile.
        """
        until_s = self._time.now_s + max(0.0, for_s)
        self._turns.give(future.done, min(until_s, self._time.killed_at_s))
        if self._time.now_s >= self._time.killed_at_s:
            kill_journals()
            raise ProcessKilledError
        return future.done()

    def close(self) -> None:
        """End the thread and, unlike the product, whatever was left running in it."""
        if self.loop.is_closed():
            return
        now_s = self._time.now_s
        self._turns.end()
        self.submit(_end_all()).result(_STUCK_S)
        super().close()
        self._time.now_s = now_s


async def _end_all() -> None:
    """Cancel every task, those too that take it for a suggestion."""
    for _ in range(5):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_AFTERLIFE_S)
    await asyncio.get_running_loop().shutdown_asyncgens()


def kill_journals() -> None:
    """Close the files of all journals, as the system does for a process that was killed."""
    for one in tuple(journal._open_journals):
        if one._descriptor != journal._CLOSED:
            os.close(one._descriptor)
            one._descriptor = journal._CLOSED


class _Core(CoreThread):
    """A core that is called in the loop's thread.

    Args:
        policy: The one that the core asks.
    """

    def __init__(self, policy: WatchedPolicy) -> None:
        self._policy = policy
        self.at_work = 0

    async def call(self, function: Callable[..., T], *args: object, limit_s: float) -> T:
        """Call at once."""
        del limit_s
        return function(*args)

    def close(self) -> None:
        """Hold nothing."""


@contextmanager
def virtual_world(time: VirtualTime) -> Iterator[None]:
    """Let the product live on virtual time; what is left of it at the end is ended.

    Args:
        time: What all its clocks show.
    """
    calendar = SimpleNamespace(now=lambda _: time.calendar())
    logger.disable("engine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.clock.time", SimpleNamespace(monotonic=time.monotonic))
        patch.setattr("engine.clock.datetime", calendar)
        patch.setattr("engine.clock.boot_id", lambda: time.boot)
        patch.setattr("engine.header._checkout", lambda: (None, None))
        patch.setattr("engine.header._version", lambda _: None)
        named = "engine.kaggle.predict"
        patch.setattr(f"{named}.time", SimpleNamespace(time=lambda: time.calendar().timestamp()))
        patch.setattr(f"{named}.atexit", SimpleNamespace(register=lambda _: None))
        patch.setattr(f"{named}.LoopThread", lambda: VirtualThread(time))
        patch.setattr(f"{named}.AnswerParser", lambda _: BoxParser())
        patch.setattr("engine.runner.CoreThread", _Core)
        try:
            yield
        finally:
            for thread in time.threads:
                thread.close()
            kill_journals()
            logger.enable("engine")
