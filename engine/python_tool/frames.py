"""Messages between the tool and a session: a length, then JSON."""

from __future__ import annotations

import os
from struct import Struct

import msgspec

LENGTH = Struct("<I")

MOST_BYTES = 2**24
"""A message that claims to be longer is no message."""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """What a session says first.

    Attributes:
        walls: What it stands behind.
        scratch: Whether it has a folder to write into.
    """

    walls: tuple[str, ...]
    scratch: bool


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A program to run.

    Attributes:
        source: Its text.
        deadline_s: Seconds that it has.
    """

    source: str
    deadline_s: float


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        output: What it printed, its last expression's value, its traceback.
        raised: The name of the exception that ended it.
        late: Whether the deadline did.
    """

    output: str
    raised: str | None = None
    late: bool = False


def write_frame(file: int, message: Hello | Call | Reply) -> None:
    """Write a message to a file that blocks."""
    body = msgspec.json.encode(message)
    data = memoryview(LENGTH.pack(len(body)) + body)
    while data:
        data = data[os.write(file, data) :]


def read_exactly(file: int, count: int) -> bytes:
    """Read so many bytes of a file that blocks.

    Raises:
        EOFError: if it ends before.
    """
    parts = []
    while count:
        part = os.read(file, min(count, 2**16))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
