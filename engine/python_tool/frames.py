"""Messages between the tool and a session: a length, then JSON."""

from __future__ import annotations

import os
from struct import Struct

import msgspec

LENGTH = Struct("<I")

NOTE_CHARS = 64
"""Characters by which a note of what is left out may lengthen an output."""


def most_bytes(output_chars: int) -> int:
    """Give the bytes that no honest reply is longer than: six a character, and its other fields."""
    return 6 * (output_chars + NOTE_CHARS) + 256


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """What a session says first.

    Attributes:
        walls: What it stands behind.
    """

    walls: tuple[str, ...]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A program to run.

    Attributes:
        number: Of the session's calls, which the reply has to name.
        source: Its text.
        deadline_s: Seconds that it has.
    """

    number: int
    source: str
    deadline_s: float


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        number: The call's: a program can write replies too, and another's must not be taken.
        output: What it printed, its last expression's value, its traceback.
        raised: Whether an exception ended it; which is in the output.
        late: Whether the deadline did.
    """

    number: int
    output: str
    raised: bool = False
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
