"""The one error of this package, and how a bad value is shown in it."""

from __future__ import annotations

import reprlib

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


class TraceError(ValueError):
    """A trace, or a file to be made into one, is not what it has to be.

    The message is one line and names the file, the place in it and the value found.
    """


def shown(value: object) -> str:
    """Write a value for a message: on one line, long ones cut in the middle, None as null."""
    return "null" if value is None else _SHORT.repr(value)
