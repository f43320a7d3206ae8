"""Errors of the engine room, by whose fault they are and what helps."""

from __future__ import annotations


class EngineError(Exception):
    """Base: the engine did not do what it was asked."""


class RequestFailedError(EngineError):
    """One request is lost; the engine goes on with the others."""


class EngineDeadError(EngineError):
    """The engine answers nobody any more and must be started again."""


class MissingPartError(EngineError):
    """A library, folder or device is missing; the message names what brings it."""
