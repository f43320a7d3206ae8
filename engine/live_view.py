"""Shows a live stream on a terminal; without one, what is said stays plain lines."""

from __future__ import annotations

import sys
from threading import Event, Thread
from typing import TYPE_CHECKING

from loguru import logger
from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.live_picture import Picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from loguru import Message

    from engine.glance import Glance

_EVERY_S = 0.25

_QUIET = "INFO"
"""What is logged at this level needs no word about its level."""


class LiveView:
    """Keeps a picture of the stream at the foot of the terminal; log lines go above it.

    A notebook counts as no terminal.

    Args:
        look: Says what there is to see; None while an engine starts, which writes to the
            terminal itself.
    """

    def __init__(self, look: Callable[[], Glance | None]) -> None:
        self._look = look
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._over = Event()
        self._thread = Thread(target=self._show, name="live view", daemon=True)

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal:
            # The log's own way to the terminal would tear the picture apart.
            logger.remove()
            logger.add(self._log, level=_QUIET)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; the picture goes."""
        if not self._console.is_terminal:
            return
        self._over.set()
        self._thread.join()
        if self._live is not None:
            self._live.stop()
        logger.remove()
        logger.add(sys.stderr)

    def say(self, line: str) -> None:
        """Write a line, above the picture if there is one."""
        # A terminal breaks it between words; whoever reads a file wants it whole.
        self._console.print(Text(line), soft_wrap=not self._console.is_terminal)

    def _log(self, message: Message) -> None:
        level, said = message.record["level"].name, message.record["message"]
        self.say(said if level == _QUIET else f"{level.lower()}: {said}")

    def _show(self) -> None:
        while not self._over.wait(_EVERY_S):
            glance = self._look()
            if glance is None:
                continue
            if self._live is None:
                self._live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(Picture(glance), refresh=True)
