"""What can go wrong, typed by whose fault it is.

Only `CallerError` is ever raised at the program that embeds the core. The faults of a policy
or an engine are reported inside a `Step` instead, because the question must still be answered.
"""

from __future__ import annotations


class SchedulerError(Exception):
    """Base of every error of this package."""


class CallerError(SchedulerError, ValueError):
    """The embedding program broke the protocol or gave an impossible value."""


class PolicyError(SchedulerError):
    """The policy did what it may not; the question goes on without its decision."""


class PolicyRaisedError(PolicyError):
    """The policy raised, or returned something that is no list of actions."""


class ActionRefusedError(PolicyError):
    """An action lies outside the allowance or names a sample that cannot take it."""


class EngineFaultError(SchedulerError):
    """An event that cannot be true: unknown sample, second finish, a clock that went back."""
