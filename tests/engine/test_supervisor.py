"""The keeper of the engine: one start at a time, with growing pauses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from scripted_streams import PROFILE, Model, logged
from virtual_time import play

from engine.errors import EngineDeadError, MissingPartError
from engine.scripted import ScriptedEngine
from engine.supervisor import CLOSE_WAIT_S, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any


class Shy(ScriptedEngine):
    """An engine that comes up at its first start and then refuses some.

    Attributes:
        refusals: How many starts it refuses from now on.
    """

    refusals = 0
    tries: list[float]

    async def start(self) -> None:
        """Note when, and refuse or come up."""
        self.tries.append(asyncio.get_running_loop().time())
        if self.refusals:
            self.refusals -= 1
            raise EngineDeadError("not now")
        await super().start()


class Missing(ScriptedEngine):
    """An engine that lacks a part."""

    async def start(self) -> None:
        """Say so."""
        raise MissingPartError("no vLLM here")


def supervise(act: Callable[[Supervisor, Shy, list[str]], Coroutine[Any, Any, None]]) -> list[str]:
    """Let a supervisor act on an engine that is up; return what was logged."""

    async def main() -> None:
        engine = Shy(Model(), PROFILE)
        engine.tries = []
        deaths: list[str] = []
        supervisor = Supervisor(engine, deaths.append)
        await supervisor.start()
        await act(supervisor, engine, deaths)
        await supervisor.close()
        assert not supervisor.is_up

    with logged() as lines:
        play(main)
    return lines


def test_it_backs_off() -> None:
    """Pauses double from one second to thirty; each attempt is a line of the log."""

    async def act(supervisor: Supervisor, engine: Shy, deaths: list[str]) -> None:
        engine.refusals = 8
        supervisor.report_death("boom")
        assert not supervisor.is_up
        assert await supervisor.ready() is engine
        pauses = [b - a for a, b in zip(engine.tries[1:], engine.tries[2:], strict=False)]
        assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        assert deaths == ["boom"]
        assert supervisor.starts == 2

    lines = supervise(act)
    assert lines[0] == "ERROR engine dead, starting it again: boom"
    assert lines[1] == "ERROR engine did not start, next attempt in 1 s: not now"
    assert lines[-1] == "INFO engine is up"
    assert len(lines) == 10


def test_a_dead_engine_that_does_not_close_is_started_all_the_same() -> None:
    """Its end is waited for, but not for ever."""

    async def act(supervisor: Supervisor, engine: Shy, deaths: list[str]) -> None:
        del deaths
        close = engine.close
        engine.close = asyncio.Event().wait  # type: ignore[assignment,method-assign]
        began_s = asyncio.get_running_loop().time()
        supervisor.report_death("boom")
        await supervisor.ready()
        assert asyncio.get_running_loop().time() - began_s == CLOSE_WAIT_S
        engine.close = close  # type: ignore[method-assign]

    assert supervise(act) == [
        "ERROR engine dead, starting it again: boom",
        "ERROR the dead engine did not close within 30 s",
        "INFO engine is up",
    ]


def test_many_reports_are_one_death() -> None:
    """Every sample of a dead engine tells of it; it is started once."""

    async def act(supervisor: Supervisor, engine: Shy, deaths: list[str]) -> None:
        for n in range(3):
            supervisor.report_death(f"boom {n}")
        await supervisor.ready()
        assert deaths == ["boom 0"]
        assert engine.start_number == 2

    supervise(act)


def test_news_of_an_earlier_start_is_no_news() -> None:
    """What the dead engine's requests tell late does not kill the new one."""

    async def act(supervisor: Supervisor, engine: Shy, deaths: list[str]) -> None:
        supervisor.report_death("boom", start=1)
        await supervisor.ready()
        supervisor.report_death("boom", start=1)
        assert supervisor.is_up
        supervisor.report_death("again", start=2)
        assert not supervisor.is_up
        assert deaths == ["boom", "again"]
        assert engine.start_number == 2

    supervise(act)


def test_closing_ends_a_start_under_way() -> None:
    """Nothing goes on trying."""

    async def act(supervisor: Supervisor, engine: Shy, deaths: list[str]) -> None:
        del deaths
        engine.refusals = 1000
        supervisor.report_death("boom")
        await asyncio.sleep(10.0)

    supervise(act)


def test_an_engine_that_is_up_is_not_started() -> None:
    """Somebody may have started it before."""

    async def main() -> None:
        engine = ScriptedEngine(Model(), PROFILE)
        await engine.start()
        supervisor = Supervisor(engine, lambda _: None)
        await supervisor.start()
        assert engine.start_number == 1
        await supervisor.close()

    play(main)


def test_what_goes_wrong_at_the_first_start_is_raised() -> None:
    """Who starts it hears what is missing."""

    async def main() -> None:
        supervisor = Supervisor(Missing(Model(), PROFILE), lambda _: None)
        with pytest.raises(MissingPartError, match="no vLLM"):
            await supervisor.start()

    play(main)


def test_a_patient_start_makes_as_many_attempts_as_it_takes() -> None:
    """Whoever needs the engine waits meanwhile."""

    async def main() -> None:
        engine = Shy(Model(), PROFILE)
        engine.tries = []
        engine.refusals = 2
        supervisor = Supervisor(engine, lambda _: None)
        waiting = asyncio.create_task(supervisor.ready())
        await supervisor.load()
        assert await waiting is engine
        assert engine.tries == [0.0, 1.0, 3.0]
        await supervisor.close()

    play(main)


def test_a_patient_start_gives_up_what_no_attempt_mends() -> None:
    """Whoever waits hears so, then and later."""

    async def main() -> None:
        supervisor = Supervisor(Missing(Model(), PROFILE), lambda _: None)
        waiting = asyncio.create_task(supervisor.ready())
        with pytest.raises(MissingPartError, match="no vLLM"):
            await supervisor.load()
        for hopeless in (waiting, supervisor.ready()):
            with pytest.raises(EngineDeadError, match="no vLLM"):
                await hopeless
        assert not supervisor.is_up
        await supervisor.close()

    play(main)
