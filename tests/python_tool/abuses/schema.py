"""What an abuse is, and short ways to write some down."""

from __future__ import annotations

from enum import StrEnum
from textwrap import dedent
from typing import NamedTuple


class Wants(StrEnum):
    """How a program has to end."""

    RAISES = "raises"
    """With an exception of its own."""
    REFUSED = "refused"
    """The system refuses each of its attempts; it prints `refused` then, else what it got."""
    HARMLESS = "harmless"
    """As any other program."""
    LATE = "late"
    """At the deadline, which it heeds."""
    CATCHES = "catches"
    """By itself, after the deadline: it has caught what that raises."""
    ENDS = "ends"
    """Its process is gone."""
    STOPS = "stops"
    """In time, in whatever way."""


class After(StrEnum):
    """What is left of its session."""

    KEEPS = "keeps"
    """All of it, variables too."""
    LOSES = "loses"
    """Maybe nothing; the next call is answered all the same."""
    SPOILS = "spoils"
    """What it has broken itself: the next call may fail, other sessions don't."""


class Abuse(NamedTuple):
    """A program.

    Attributes:
        name: What it tries.
        code: CANARY_PATH is a file outside, HOST_PID the process that uses the tool. It is the
            second call of its session.
        wants: How it has to end.
        prints: What stands in its output; None for anything.
        after: What is left of its session.
    """

    name: str
    code: str
    wants: Wants
    prints: str | None = None
    after: After = After.KEEPS


def attempt(name: str, *attempts: str, before: str = "") -> Abuse:
    """Try things that the system has to refuse, one by one."""
    lines = [before] if before else []
    lines.append("got = []")
    for one in attempts:
        lines += [
            "try:",
            f"    got.append(repr({one})[:80])",
            "except (OSError, MemoryError) as error:",
            "    pass",
        ]
    lines.append("print(got or 'refused')")
    return Abuse(name, "\n".join(lines), Wants.REFUSED)


def unchanged(name: str, path: str, *attempts: str, before: str = "") -> Abuse:
    """Try things that may seem to work but must leave a file as it is, to the time of its change.

    They set what is set already, so that the machine comes to no harm if they do work.
    """
    lines = ["import os", before, "got = []"]
    for one in attempts:
        lines += [
            f"was = os.stat({path})",
            "try:",
            f"    {one}",
            "except OSError:",
            "    pass",
            f"if os.stat({path}).st_ctime_ns != was.st_ctime_ns:",
            f"    got.append({one!r})",
        ]
    lines.append("print(got or 'refused')")
    return Abuse(name, "\n".join(lines), Wants.REFUSED)


RAW = dedent(
    """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    def raw(number, *arguments):
        words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
        result = libc.syscall(ctypes.c_long(number), *words)
        if result < 0:
            raise OSError(ctypes.get_errno(), 'refused')
        return result
    """
)
"""Defines `raw`, which makes a system call; whole numbers are passed in 64 bits."""


def call(name: str, *calls: str) -> Abuse:
    """Try system calls by their numbers."""
    return attempt(name, *(f"raw({one})" for one in calls), before=RAW)


def text(code: str) -> str:
    """Write a program of several lines, indented as what stands around it."""
    return dedent(code).strip()
