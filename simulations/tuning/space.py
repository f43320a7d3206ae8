"""What is searched: the knobs of one policy, beside the parameters that are fixed."""

from __future__ import annotations

from inspect import signature
from itertools import product
from typing import TYPE_CHECKING

import msgspec

from policies import PolicySpec, knobs_of, policy_class
from policies.knobs import Knob
from policies.registry import Value, read_policy
from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Space(msgspec.Struct, frozen=True):
    """A policy with some parameters fixed and some to tune.

    Attributes:
        policy: A name of `POLICIES`.
        fixed: Values of parameters that stay as they were given.
        knobs: Ranges of those that are tuned, at least one.
        arms: Which arms it samples by; None for the first one.
    """

    policy: str
    fixed: dict[str, Value]
    knobs: dict[str, Knob]
    arms: str | None = None

    def spec(self, values: Mapping[str, Value]) -> PolicySpec:
        """Return the policy with these values of the knobs.

        Numbers are cut to four significant digits, so that what is shown is what was played.
        """
        cut = {
            name: float(f"{value:.4g}") if isinstance(value, float) else value
            for name, value in values.items()
        }
        return PolicySpec(self.policy, {**self.fixed, **cut}, self.arms)

    def defaults(self) -> dict[str, Value]:
        """Return the policy's own values of the knobs, less those out of range."""
        parameters = signature(policy_class(self.policy)).parameters
        return {
            name: parameters[name].default
            for name, knob in self.knobs.items()
            if knob.holds(parameters[name].default)
        }


def read_space(text: str, only: Sequence[str] = ()) -> Space:
    """Read a policy whose given parameters are fixed.

    Args:
        text: As `--policy` takes it.
        only: The knobs to tune; by default all that are not fixed.

    Raises:
        CallerError: if the policy or a knob is unknown, a knob is fixed and to be tuned, none is
            left to tune, or no values of them make a policy.
    """
    given = read_policy(text)
    knobs = knobs_of(given.policy, only)
    for name in only:
        if name in given.parameters:
            raise CallerError(f"knob {name!r} is fixed by {text!r} and cannot be tuned too")
    free = {name: knob for name, knob in knobs.items() if name not in given.parameters}
    if not free:
        raise CallerError(f"policy {text!r} fixes all its knobs, so there is nothing to tune")
    space = Space(given.policy, given.parameters, free, given.arms)
    _check(space)
    return space


def policy_text(spec: PolicySpec) -> str:
    """Write a policy as `--policy` takes it."""
    words = {None: "none", True: "true", False: "false"}
    written = ",".join(
        f"{name}={words[value] if value is None or isinstance(value, bool) else value}"
        for name, value in spec.parameters.items()
    )
    arms = "" if spec.arms is None else f"@{spec.arms}"
    return f"{spec.policy}:{written}{arms}" if written else f"{spec.policy}{arms}"


def _check(space: Space) -> None:
    """Refuse a space in which no policy can be built.

    Its corners decide: what policies refuse is one parameter above or below another.
    """
    refused: CallerError | None = None
    for corner in product(*(knob.ends for knob in space.knobs.values())):
        try:
            space.spec(dict(zip(space.knobs, corner, strict=True))).build()
        except CallerError as error:
            refused = error
        else:
            return
    if refused is not None:
        raise refused
