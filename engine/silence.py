"""Notices an engine that sends nothing to anybody: one timer, moved on only when it rings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_S = 0.01
"""Seconds between two rings, at least."""


class SilenceAlarm:
    """Rings after a silence while somebody waits.

    Args:
        silence_s: How long nobody may hear anything.
        clock: Seconds; never goes back.
        waiting: Whether anybody waits for the engine now.
        ring: Called with the seconds of silence.
    """

    def __init__(
        self,
        silence_s: float,
        clock: Callable[[], float],
        waiting: Callable[[], bool],
        ring: Callable[[float], None],
    ) -> None:
        self._silence_s = silence_s
        self._clock = clock
        self._waiting = waiting
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self.heard_s = clock()
        """When something was last heard."""

    def arm(self) -> None:
        """Begin to listen: whoever has just asked waits for a whole silence."""
        self.heard_s = self._clock()
        if self._timer is None:
            self._set(self._silence_s)

    def close(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, in_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(in_s, SHORTEST_S), self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._waiting():
            return
        silent_s = self._clock() - self.heard_s
        if silent_s >= self._silence_s:
            self._ring(silent_s)
            self.heard_s = self._clock()
            silent_s = 0.0
        self._set(self._silence_s - silent_s)
