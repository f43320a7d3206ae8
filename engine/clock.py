"""The stream's clock: seconds since a moment of the calendar, never going back.

A second process goes on with the first one's clock, so the time between the two counts. On the
same boot of the machine it goes on by the steady clock, however the calendar was set meanwhile.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class StreamClock:
    """Seconds since a stream began.

    Args:
        began: When that was; None for now.
    """

    def __init__(self, began: datetime | None = None) -> None:
        now = datetime.now(UTC)
        self.began = now if began is None else began
        """When the stream began."""
        self.boot_id = boot_id()
        """The boot that the steady clock belongs to; None where unknown."""
        self.zero_s = time.monotonic() - (now - self.began).total_seconds()
        """What the steady clock showed when the stream began."""

    @classmethod
    def resume(
        cls, began: datetime, *, at_least_s: float, boot: str | None, zero_s: float | None
    ) -> StreamClock:
        """Go on with the clock of a process that has died.

        Args:
            began: By the calendar, for another boot than the first process ran on.
            at_least_s: What the clock has shown already.
            boot: Its `boot_id`.
            zero_s: Its `zero_s`.
        """
        clock = cls(began)
        if zero_s is not None and boot is not None and boot == clock.boot_id:
            clock.zero_s = zero_s
        behind_s = at_least_s - clock()
        if behind_s > 0.0:
            clock.zero_s -= behind_s
        return clock

    @classmethod
    def since(cls, seconds_ago: float) -> StreamClock:
        """Begin so many seconds ago."""
        return cls(datetime.now(UTC) - timedelta(seconds=seconds_ago))

    def __call__(self) -> float:
        """Read the clock."""
        return time.monotonic() - self.zero_s


def boot_id() -> str | None:
    """Return what this boot of the machine is called; None where it has no name."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return None
