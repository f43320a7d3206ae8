"""An engine that samples run on, with who keeps it alive and who notices its silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.silence import SilenceAlarm
from engine.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.port import Engine


class Backend:
    """One engine of a session.

    Args:
        engine: Started or not; owned from now on.
        silence_s: An engine that sends nothing to anybody for so long counts as dead.
        clock: Seconds; never goes back.
        waiting: Whether anybody waits for a token of this engine.
        on_death: Called when it was found dead, before it is started again.
    """

    def __init__(
        self,
        engine: Engine,
        silence_s: float,
        clock: Callable[[], float],
        waiting: Callable[[], bool],
        on_death: Callable[[str], None],
    ) -> None:
        self.supervisor = Supervisor(engine, on_death)
        """Keeper of the engine."""
        self.alarm = SilenceAlarm(silence_s, clock, self._is_waiting, self._on_silence)
        """Rings where the engine keeps its samples waiting."""
        self._waiting = waiting

    def _is_waiting(self) -> bool:
        return self.supervisor.is_up and self._waiting()

    def _on_silence(self, silent_s: float) -> None:
        self.supervisor.report_death(f"no token for any sample for {silent_s:.0f} s")
