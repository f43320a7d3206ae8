"""Which of several servers a request goes to.

The one with the fewest requests of ours, so that all decode equally fast; every server reads a
question's prompt once. But what goes on from a generation, as a probe does, goes where that
generation's context lies in the cache, unless that server has much more to do. Generations are
known by their prompt and first tokens.
"""

from __future__ import annotations

from collections import deque

from loguru import logger

FIRST_TOKENS = 64
REMEMBERED = 256
MUCH_MORE = 8  # requests


class Address:
    """One server.

    Attributes:
        url: Where it listens.
        running: Requests of ours that it works on.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.running = 0
        self._reached = True

    def reached(self) -> None:
        """Note that it answered."""
        if not self._reached:
            self._reached = True
            logger.info("{} can be reached again", self.url)

    def missed(self, error: Exception) -> None:
        """Note that it could not be reached."""
        if self._reached:
            self._reached = False
            logger.warning("{} cannot be reached, trying on: {!r}", self.url, error)


class Addresses:
    """All servers, and where generations of late have run."""

    def __init__(self, urls: list[str]) -> None:
        self.all = [Address(url) for url in urls]
        self._places: deque[tuple[tuple[int, ...], Address]] = deque(maxlen=REMEMBERED)

    def choose(self, prompt: tuple[int, ...] = ()) -> Address:
        """Return the server for a prompt."""
        idlest = min(self.all, key=lambda address: address.running)
        if len(self.all) > 1:
            for beginning, address in reversed(self._places):
                if prompt[: len(beginning)] == beginning:
                    return address if address.running <= idlest.running + MUCH_MORE else idlest
        return idlest

    def remember(self, prompt: tuple[int, ...], first: list[int], address: Address) -> None:
        """Note where a generation runs, once it has `FIRST_TOKENS`."""
        self._places.append(((*prompt, *first[:FIRST_TOKENS]), address))
