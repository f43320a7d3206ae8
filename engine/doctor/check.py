"""What a check says."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


class State(StrEnum):
    """How a thing stands."""

    OK = "ok"
    """As a live run needs it."""
    WARNING = "warning"
    """A live run can work, but may be slow or fail with some settings."""
    MISSING = "missing"
    """No live run can work without it."""
    UNKNOWN = "unknown"
    """It could not be found out."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a live run needs.

    Attributes:
        name: What was looked at.
        state: How it stands.
        found: What was found.
        step: The command or step that helps; None where nothing has to be done.
    """

    name: str
    state: State
    found: str
    step: str | None = None


def ok(name: str, found: str) -> Check:
    """Say that a thing is as it should be."""
    return Check(name=name, state=State.OK, found=found)


def warning(name: str, found: str, step: str) -> Check:
    """Say that a thing may do."""
    return Check(name=name, state=State.WARNING, found=found, step=step)


def missing(name: str, found: str, step: str) -> Check:
    """Say that a thing is needed and not there."""
    return Check(name=name, state=State.MISSING, found=found, step=step)


def unknown(name: str, found: str, step: str | None = None) -> Check:
    """Say that a thing could not be looked at."""
    return Check(name=name, state=State.UNKNOWN, found=found, step=step)


def guarded(name: str, look: Callable[[], Check]) -> Check:
    """Look at a thing; what goes wrong meanwhile is its finding.

    Args:
        name: Of the check.
        look: Returns the check.
    """
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - the doctor reports, whatever it was
        return unknown(name, one_line(f"cannot be looked at: {type(error).__name__}: {error}"))


def one_line(text: str, longest: int = 300) -> str:
    """Put a text on one line and cut it."""
    words = " ".join(text.split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


GIB = 1 << 30
"""Bytes of a GiB."""


def gib(size: float) -> str:
    """Write bytes for people."""
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / 2**20:.1f} MiB"
