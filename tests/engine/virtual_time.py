"""An event loop whose time is virtual: minutes of a live stream pass in milliseconds.

Nothing waits: once no callback is ready, time jumps to the next timer. Only while the core is at
work in its thread does time stand still, since how long that really takes is luck. A policy that
blocks says so by `VirtualLoop.block`; then time goes on without it.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

from engine.watchdog import CoreThread, WatchedPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

T = TypeVar("T")

STUCK_S = 60.0
"""Real seconds without anything to do after which a test has hung."""

_TURN_S = 1e-4
"""Real seconds that a policy which spins keeps the loop from its turn."""

_LANDING_S = 0.3
"""Real seconds in which an exception surely reaches a thread, on a loaded machine too."""


class _JumpingSelector(selectors.DefaultSelector):
    """Jumps where another one waits.

    Attributes:
        now_s: The virtual time.
        at_work: Calls of the core that are under way.
        blocked: Whether the thread of the core blocks, so that nobody waits for it.
        landing: Whether an exception is on its way to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.at_work = 0
        self.blocked = False
        self.landing = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready, without waiting for anything but the core."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.at_work and not self.blocked:
            return self._wait()
        if self.at_work and self.landing:
            self.landing = False
            ready = super().select(_LANDING_S)
            if ready:
                return ready
        if timeout is None:
            return self._wait()
        self.now_s += timeout
        return ready

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(STUCK_S)
        if not ready:
            raise RuntimeError("nothing will ever happen: something waits for good")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its time begins at 0."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Read the virtual clock."""
        return self._jumping.now_s

    def block(self) -> None:
        """Let time go on though the core is at work; for a policy that is about to block."""
        self._jumping.blocked = True
        self.call_soon_threadsafe(lambda: None)

    def elapse(self, seconds: float) -> None:
        """Let a policy that is at work take so long; less than its watchdog bears."""
        self._jumping.now_s += seconds

    def expect_landing(self) -> None:
        """Wait a moment for the exception that was sent to the core's thread."""
        self._jumping.landing = True

    @contextmanager
    def core_at_work(self) -> Iterator[None]:
        """Let time stand still."""
        self._jumping.at_work += 1
        try:
            yield
        finally:
            self._jumping.at_work -= 1
            self._jumping.blocked = False


def virtual_loop() -> VirtualLoop:
    """Return the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


class _TimedCore(CoreThread):
    """A core at whose work time stands still."""

    async def call(self, function: Callable[..., T], *args: object, limit_s: float) -> T:
        with virtual_loop().core_at_work():
            return await super().call(function, *args, limit_s=limit_s)


class _TimedPolicy(WatchedPolicy):
    """A policy that is torn out in real time."""

    def tear_out(self) -> bool:
        virtual_loop().expect_landing()
        return super().tear_out()


def play(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on virtual time, and see to it that nothing is left running.

    Errors that a task or callback left to the loop are raised.
    """
    left: list[str] = []

    async def checked() -> T:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: left.append(str(context)))
        result = await main()
        for _ in range(3):
            await asyncio.sleep(0)
        left.extend(map(str, asyncio.all_tasks() - {asyncio.current_task()}))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.runner.CoreThread", _TimedCore)
        patch.setattr("engine.runner.WatchedPolicy", _TimedPolicy)
        before_s = sys.getswitchinterval()
        sys.setswitchinterval(_TURN_S)
        try:
            with asyncio.Runner(loop_factory=VirtualLoop) as runner:
                result = runner.run(checked())
        finally:
            sys.setswitchinterval(before_s)
    assert left == []
    return result
