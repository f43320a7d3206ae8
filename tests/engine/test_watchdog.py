"""A policy is torn out of what it does, and the core is never hit."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from engine.watchdog import (
    GRACE_S,
    CoreLostError,
    CoreThread,
    PolicyBlockedError,
    WatchedPolicy,
)
from scheduler import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scheduler import QuestionView

VIEW = cast("QuestionView", None)

pytestmark = pytest.mark.asyncio


class Rule(Policy):
    """A policy that does one thing."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401 - whatever it does
        """Do it."""
        del view
        return self._do()


class Core:
    """A core in its thread, with a policy that does something.

    Args:
        do: What the policy does.
        after: What the core does next.
    """

    def __init__(
        self, do: Callable[[], object], after: Callable[[], object] = lambda: None
    ) -> None:
        self.policy = WatchedPolicy(Rule(do))
        self.thread = CoreThread(self.policy)
        self._after = after

    async def ask(self, limit_s: float) -> object:
        """Ask the core, which asks the policy."""
        return await self.thread.call(self._work, limit_s=limit_s)

    def _work(self) -> object:
        try:
            return self.policy.decide(VIEW)
        except PolicyBlockedError as error:
            return error
        finally:
            self._after()


@pytest.fixture
def cores() -> Iterator[list[Core]]:
    """Cores that are closed at the end."""
    made: list[Core] = []
    yield made
    for core in made:
        core.thread.close()


def spin() -> None:
    """Never come back."""
    while True:
        pass


def in_turn(*deeds: Callable[[], object]) -> Callable[[], object]:
    """Do one after another, a call each."""
    left = iter(deeds)

    def do() -> object:
        return next(left)()

    return do


async def test_a_quick_policy_is_left_alone(cores: list[Core]) -> None:
    """Its result comes back, and nothing stays under way."""
    cores.append(Core(lambda: ["start"]))
    assert await cores[0].ask(5.0) == ["start"]
    await asyncio.sleep(0)
    assert cores[0].thread.at_work == 0


async def test_a_policy_that_blocks_is_torn_out_in_time(cores: list[Core]) -> None:
    """The core meets an error of the policy, and serves the next call."""
    cores.append(Core(in_turn(spin, lambda: ["start"])))
    began_s = time.monotonic()
    assert isinstance(await cores[0].ask(0.1), PolicyBlockedError)
    took_s = time.monotonic() - began_s
    print(f"torn out {1e3 * (took_s - 0.1):.1f} ms after the limit")
    assert 0.1 <= took_s < 0.1 + GRACE_S
    assert await cores[0].ask(5.0) == ["start"]


async def test_a_policy_cannot_swallow_it_as_an_error(cores: list[Core]) -> None:
    """A handler of errors does not catch what tears it out; a bare one can, and may then leave."""

    def stubborn() -> str:
        try:
            spin()
        except Exception:  # noqa: BLE001 - that is what policies do
            return "swallowed"
        return "never"

    def bare() -> str:
        try:
            spin()
        except BaseException:  # noqa: BLE001 - the same
            return "swallowed"
        return "never"

    cores += [Core(stubborn), Core(bare)]
    assert isinstance(await cores[0].ask(0.05), PolicyBlockedError)
    assert await cores[1].ask(0.05) == "swallowed"


async def test_a_policy_that_no_exception_reaches_is_left_behind(cores: list[Core]) -> None:
    """Who holds the core is told; when the policy wakes up, its thread ends in peace."""
    wake = threading.Event()
    cores.append(Core(wake.wait))
    began_s = time.monotonic()
    with pytest.raises(CoreLostError, match=r"did not come back within 0\.05 s"):
        await cores[0].ask(0.05)
    assert time.monotonic() - began_s < 0.05 + GRACE_S + 0.2
    assert cores[0].thread.at_work == 1
    wake.set()
    cores[0].thread.close()
    await asyncio.to_thread(cores[0].thread._thread.join, 5.0)
    assert not cores[0].thread._thread.is_alive()


async def test_nobody_is_torn_out_of_the_core_itself(cores: list[Core]) -> None:
    """Only the policy is; a core that is slow is waited for, or given up."""
    cores.append(Core(lambda: "quick", lambda: time.sleep(0.15)))
    assert await cores[0].ask(0.05) == "quick"


async def test_a_cancelled_call_leaves_no_call_behind(cores: list[Core]) -> None:
    """The policy is torn out at once, so that the core can be judged and used again."""
    cores.append(Core(in_turn(spin, lambda: "next")))
    call = asyncio.create_task(cores[0].ask(60.0))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert cores[0].thread.at_work == 0
    assert await cores[0].ask(5.0) == "next"


@pytest.fixture
def quick_threads() -> Iterator[None]:
    """Threads take turns every 20 microseconds, so that exceptions land at any step."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(before_s)


@pytest.mark.usefixtures("quick_threads")
async def test_the_core_is_never_hit(cores: list[Core]) -> None:
    """Policies that leave around the very moment: what lands late lands in the policy, always."""
    luck = np.random.default_rng(7)
    limit_s, tries = 0.001, 2000
    hits: list[BaseException] = []
    take_s = [0.0]

    def leave_around_the_limit() -> str:
        end_s = time.perf_counter() + take_s[0]
        while time.perf_counter() < end_s:
            pass
        return "left"

    def core_goes_on() -> None:
        try:
            for _ in range(100):
                pass
        except BaseException as error:
            hits.append(error)
            raise

    cores.append(Core(leave_around_the_limit, core_goes_on))
    torn = 0
    for _ in range(tries):
        take_s[0] = limit_s * float(luck.uniform(0.8, 1.8))
        result = await cores[0].ask(limit_s)
        torn += isinstance(result, PolicyBlockedError)
        assert cores[0].policy._inside is None
        assert result == "left" or isinstance(result, PolicyBlockedError)
    print(f"{torn} of {tries} torn out")
    assert hits == []
    assert 0 < torn < tries
