"""Why an expression is not read; neither error leaves this package."""

from __future__ import annotations


class UnsureError(Exception):
    """It is malformed, ambiguous or too large: there is no answer."""


class NotPlainError(Exception):
    """It takes algebra: the worker decides."""
