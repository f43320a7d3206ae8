"""The simulated world with a stopwatch: when each sample had some numbers of tokens.

A live engine tells a sample's start at its first token, and a journal knows its age at some
later times. Here the same moments are noted, without an event and so without any change of what
happens.
"""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from simulations.clock import TokenClock
from simulations.fidelity.course import FIRST_TOKEN
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler import AnyEvent, LatencyProfile
    from simulations.deck import Prompt
    from simulations.pool import LoggedSample
    from simulations.sequence import Sequence


class WatchedClock(TokenClock):
    """A token clock that notes the wall time of chosen tokens as it passes them."""

    __slots__ = ("_marks", "_order")

    def __init__(self, profile: LatencyProfile) -> None:
        super().__init__(profile)
        self._marks: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = 0

    def mark(self, tokens: float, note: Callable[[float], None]) -> None:
        """Call `note` with the wall time at which the clock reaches `tokens`."""
        self._order += 1
        heappush(self._marks, (tokens, self._order, note))

    def run_to_tokens(self, tokens: float, at_s: float) -> None:
        """Advance to `tokens`, whose wall time `at_s` is known from `time_of`."""
        while self._marks and self._marks[0][0] <= tokens:
            reached, _, note = heappop(self._marks)
            note(min(self.time_of(reached), at_s))
        super().run_to_tokens(tokens, at_s)

    def run_to_time(self, at_s: float) -> None:
        """Advance to the wall time `at_s`."""
        while self.width and self._marks:
            reached_s = self.time_of(self._marks[0][0])
            if reached_s > at_s:
                break
            heappop(self._marks)[2](reached_s)
        super().run_to_time(at_s)


class WatchedWorld(World):
    """A simulated engine that notes when samples had some numbers of tokens.

    Attributes:
        reached: By position and sample: own tokens → seconds since the stream began. A sample's
            first token is always noted. Tokens after a stretch out of the batch are not.
    """

    __slots__ = ("_watched", "_watching_clock", "reached")

    def __init__(self, profile: LatencyProfile, progress_every_tokens: int | None) -> None:
        super().__init__(profile, progress_every_tokens)
        self._clock = self._watching_clock = WatchedClock(profile)
        self._watched: dict[tuple[int, int], tuple[int, ...]] = {}
        self.reached: dict[tuple[int, int], dict[int, float]] = {}

    def watch(self, *at_tokens: int) -> None:
        """Note when the sample started last has so many tokens."""
        self._watched[self._position, len(self._sequences) - 1] = at_tokens

    def start(
        self, log: LoggedSample | None, max_tokens: int | None, prompt: Prompt | None = None
    ) -> None:
        """Start the next sample of the open question; None if the log holds no more."""
        self.reached[self._position, len(self._sequences)] = {}
        super().start(log, max_tokens, prompt)

    def _join(self, sequence: Sequence) -> AnyEvent | None:
        begins = not sequence.begun
        event = super()._join(sequence)
        if begins and sequence.begun:
            address = sequence.position, sequence.sample
            for own in (FIRST_TOKEN, *self._watched.get(address, ())):
                note = partial(self._note, sequence, sequence.epoch, own)
                self._watching_clock.mark(self._clock.tokens + own, note)
        return event

    def _note(self, sequence: Sequence, epoch: int, own: int, at_s: float) -> None:
        if sequence.epoch == epoch:  # it has decoded ever since it was marked
            self.reached[sequence.position, sequence.sample][own] = at_s
