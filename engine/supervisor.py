"""Keeps an engine alive: brings it up, notices its death, starts it again.

One start is under way at most. Whoever needs the engine waits in `ready`; who waits too long has
a deadline of its own. Each death and each start is one line of the log.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from loguru import logger

from engine.errors import EngineDeadError, MissingPartError
from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.port import Engine

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""Seconds between two attempts to start: doubling from the first to the longest."""

CLOSE_WAIT_S = 30.0
"""Seconds that a dead engine has to close before it is started again all the same."""


class Supervisor:
    """Owns an engine.

    Args:
        engine: Started or not.
        on_death: Called when the engine was found dead, before it is started again.
    """

    def __init__(self, engine: Engine, on_death: Callable[[str], None]) -> None:
        self._engine = engine
        self._on_death = on_death
        self._up = False
        self._known = asyncio.Event()  # it is up, or never will be
        self._hopeless: str | None = None
        self._starting: asyncio.Task[None] | None = None
        self.starts = 0
        """How often the engine came up."""

    @property
    def engine(self) -> Engine:
        """The engine, up or not."""
        return self._engine

    @property
    def is_up(self) -> bool:
        """Whether the engine takes requests, as far as is known."""
        return self._up

    async def start(self) -> None:
        """Bring the engine up unless it is; what goes wrong at this first start is raised."""
        try:
            await self._engine.check()
        except EngineDeadError:
            await self._engine.start()
        self._come_up()

    async def load(self) -> None:
        """Bring the engine up, however many attempts that takes.

        Raises:
            MissingPartError: if no attempt can mend what is wrong; `ready` raises from then on.
        """
        self._starting = asyncio.create_task(self._keep_starting())
        await asyncio.shield(self._starting)
        if self._hopeless is not None:
            raise MissingPartError(self._hopeless)

    async def ready(self) -> Engine:
        """Wait until the engine is up.

        Raises:
            EngineDeadError: if it never will be.
        """
        await self._known.wait()
        if self._hopeless is not None:
            raise EngineDeadError(self._hopeless)
        return self._engine

    def report_death(self, why: str, start: int | None = None) -> None:
        """Note that the engine is dead and start it again; a second report changes nothing.

        Args:
            why: What was noticed.
            start: Which of its starts died, where that may be an earlier one.
        """
        if not self._up or start not in {None, self.starts}:
            return
        self._up = False
        self._known.clear()
        logger.error("engine dead, starting it again: {}", why)
        self._on_death(why)
        self._starting = asyncio.create_task(self._keep_starting())

    async def close(self) -> None:
        """End the engine, a start under way included."""
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError):
                await self._starting
        self._up = False
        self._known.clear()
        await self._engine.close()

    async def _keep_starting(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._bury()
                await self._engine.start()
            except (MissingPartError, CallerError) as error:
                logger.error("engine cannot start: {}", error)
                self._hopeless = str(error)
                self._known.set()
                return
            except Exception as error:  # noqa: BLE001 - whatever it was, the next attempt may do
                logger.error("engine did not start, next attempt in {:g} s: {}", pause_s, error)
                await asyncio.sleep(pause_s)
                pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)
            else:
                break
        logger.info("engine is up")
        self._come_up()

    async def _bury(self) -> None:
        """Close what is dead; it may hang even in that."""
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                await self._engine.close()
        except TimeoutError:
            logger.error("the dead engine did not close within {:g} s", CLOSE_WAIT_S)

    def _come_up(self) -> None:
        self.starts += 1
        self._up = True
        self._known.set()
