"""The stream's clock: seconds since a moment of the calendar, never going back.

A second process goes on with the first one's clock, so the time between the two counts.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class StreamClock:
    """Seconds since a stream began.

    Args:
        began: When that was; None for now.
        at_least_s: What the clock has shown already.
    """

    def __init__(self, began: datetime | None = None, *, at_least_s: float = 0.0) -> None:
        now = datetime.now(UTC)
        self.began = now if began is None else began
        """When the stream began."""
        shown_s = max((now - self.began).total_seconds(), at_least_s)
        self._zero_s = time.monotonic() - shown_s

    def __call__(self) -> float:
        """Read the clock."""
        return time.monotonic() - self._zero_s
