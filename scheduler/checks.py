"""Checks of numbers, with messages that name the field and the value received."""

from __future__ import annotations

from math import inf

from scheduler.errors import CallerError


def require_number(name: str, value: float, low: float, high: float = inf) -> None:
    """Refuse a number that is NaN or lies outside `low … high` (both ends allowed).

    Raises:
        CallerError: naming the field, the value and the range.
    """
    if not low <= value <= high:  # also False for NaN
        bound = f"from {low:g} to {high:g}" if high < inf else f"at least {low:g}"
        raise CallerError(f"{name} must be {bound}, got {value!r}")


def require_finite(name: str, value: float, low: float = -inf) -> None:
    """Refuse NaN, an infinity, or a number below `low`.

    Raises:
        CallerError: naming the field and the value.
    """
    if not low <= value < inf:
        bound = "finite" if low == -inf else f"finite and at least {low:g}"
        raise CallerError(f"{name} must be {bound}, got {value!r}")
