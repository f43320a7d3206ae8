"""Knobs: which parameters of a policy can be tuned, and over which values.

A policy declares them beside its parameters, as a class attribute `knobs` that maps parameters to
ranges. What tunes them is not its concern.
"""

from __future__ import annotations

import msgspec

from scheduler.checks import require_finite


class Whole(msgspec.Struct, frozen=True, tag=True):
    """Whole numbers from `low` to `high`, both included.

    Attributes:
        low: The least.
        high: The largest, at least `low`.
        log: Whether a doubling counts the same everywhere; `low` is then at least 1.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        require_finite("high", self.high, self.low)
        if self.log:
            require_finite("low", self.low, 1)

    @property
    def ends(self) -> tuple[int, int]:
        """Both ends."""
        return self.low, self.high

    def holds(self, value: object) -> bool:
        """Whether a value lies in the range."""
        return type(value) is int and self.low <= value <= self.high


class Real(msgspec.Struct, frozen=True, tag=True):
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: The least.
        high: The largest, at least `low`.
        log: Whether a doubling counts the same everywhere; `low` is then above 0.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        require_finite("high", self.high, self.low)
        if self.log:
            require_finite("low", self.low, 1e-300)

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high

    def holds(self, value: object) -> bool:
        """Whether a value lies in the range."""
        return type(value) is float and self.low <= value <= self.high


class Choice(msgspec.Struct, frozen=True, tag=True):
    """One of several values without an order.

    Attributes:
        values: All of them, at least one.
    """

    values: tuple[str | int | float | bool | None, ...]

    @property
    def ends(self) -> tuple[str | int | float | bool | None, ...]:
        """All values, since none lies between others."""
        return self.values

    def holds(self, value: object) -> bool:
        """Whether a value is one of them."""
        return any(type(value) is type(one) and value == one for one in self.values)


Knob = Whole | Real | Choice
