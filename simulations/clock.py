"""The virtual token clock: how samples that share one engine advance together.

All running samples gain tokens at one rate, which depends on how many run and on the context
they hold. So one number, the tokens that any running sample has gained, orders everything that
will happen to all of them, and wall time is its integral:

    dt = step_s(n, K) dv,  K = K0 + n (v − v0)

With `step_s(n, K) = base_s(n) + c K` that is a quadratic in v, solved in closed form both ways.
Only a change of n needs care, and it costs O(1). This is the virtual time of fair queueing
(A. Demers, S. Keshav, S. Shenker, SIGCOMM 1989) with a rate that depends on the load.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler import LatencyProfile


class TokenClock:
    """Wall time and virtual tokens of one engine.

    Attributes:
        now_s: Wall time in seconds.
        tokens: Virtual tokens: what a sample running since the beginning would have gained.
        width: Number of running sequences.
        context_tokens: Sum of their contexts.
    """

    __slots__ = (
        "_base_s",
        "_context_s",
        "_profile",
        "_slope_s",
        "_stalled_s",
        "_step_s",
        "context_tokens",
        "now_s",
        "tokens",
        "width",
    )

    def __init__(self, profile: LatencyProfile) -> None:
        self._profile = profile
        self._context_s = profile.decode.context_s_per_token
        self._base_s: list[float] = [inf]  # by width, filled as widths are met
        self.now_s = 0.0
        self.tokens = 0.0
        self.width = 0
        self.context_tokens = 0.0
        self._step_s = inf
        self._slope_s = 0.0
        self._stalled_s = 0.0

    def join(self, context_tokens: float) -> None:
        """Let one more sequence run."""
        self.width += 1
        self.context_tokens += context_tokens
        self._retune()

    def leave(self, context_tokens: float) -> None:
        """Take one running sequence out."""
        self.width -= 1
        self.context_tokens = self.context_tokens - context_tokens if self.width else 0.0
        self._retune()

    def stall(self, until_s: float) -> None:
        """Let nothing decode until `until_s`; stalls that overlap count once."""
        self._stalled_s = max(self._stalled_s, until_s)

    def time_of(self, tokens: float) -> float:
        """Return the wall time at which the clock reaches `tokens`, if nothing changes."""
        ahead = tokens - self.tokens
        if ahead <= 0.0:
            return self.now_s
        begin_s = max(self.now_s, self._stalled_s)
        return begin_s + ahead * (self._step_s + self._slope_s * ahead)

    def run_to_tokens(self, tokens: float, at_s: float) -> None:
        """Advance to `tokens`, whose wall time `at_s` is known from `time_of`."""
        self._gain(tokens - self.tokens)
        self.tokens = tokens
        self.now_s = at_s

    def run_to_time(self, at_s: float) -> None:
        """Advance to the wall time `at_s`."""
        elapsed = at_s - max(self.now_s, self._stalled_s)
        if elapsed > 0.0 and self.width:
            step_s = self._step_s
            gained = (
                2.0 * elapsed / (step_s + sqrt(step_s * step_s + 4.0 * self._slope_s * elapsed))
            )
            self.tokens += gained
            self._gain(gained)
        self.now_s = at_s

    def _gain(self, gained: float) -> None:
        self.context_tokens += self.width * gained
        if self._context_s:
            self._step_s = self._base_s[self.width] + self._context_s * self.context_tokens

    def _retune(self) -> None:
        width = self.width
        while len(self._base_s) <= width:
            self._base_s.append(self._profile.base_step_s(len(self._base_s)))
        self._step_s = self._base_s[width] + self._context_s * self.context_tokens
        self._slope_s = self._context_s * width / 2.0
