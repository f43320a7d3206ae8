"""Policies by name, with parameters checked by name, type and value.

A policy is written as `NAME[:key=value,…][@ARMS]` or as a JSON file with the same content:
`{"policy": "lead", "parameters": {"width": 8}, "arms": "code"}`; a field `tuning` there, which
says where the parameters come from, is not read. `@ARMS` says which arms it samples by: `@code`,
`@code+default` by turns, or `@mixture.json` as fitted (`policies.mixtures`); without it the
engine's or the trace's first arm.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec
from msgspec.structs import replace

from policies.fitted import FittedPolicy
from policies.mixed import Mixed
from policies.mixtures import CrossFittedMixture, read_mixture
from scheduler import CallerError, Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from policies.mixtures import MixedArm

POLICIES = {
    "adaptive-consistency": "policies.adaptive_consistency:AdaptiveConsistency",
    "bank": "policies.bank:Bank",
    "clamp": "policies.clamp:Clamp",
    "confidence-momentum": "policies.confidence_momentum:ConfidenceMomentum",
    "deep-confidence": "policies.deep_confidence:DeepConfidence",
    "early-stopping-window": "policies.early_stopping_window:EarlyStoppingWindow",
    "gears": "policies.gears:Gears",
    "lead": "policies.lead:Lead",
    "line": "policies.line:Line",
    "null": "policies.null:Null",
    "parallel-probe": "policies.parallel_probe:ParallelProbe",
    "self-consistency": "policies.self_consistency:SelfConsistency",
    "sequential-test": "policies.sequential_test:SequentialTest",
    "shadow-price": "policies.shadow_price:ShadowPrice",
    "share": "policies.share:Share",
    "uncatchable-leader": "policies.uncatchable_leader:UncatchableLeader",
    "uniform-allocation": "policies.uniform_allocation:UniformAllocation",
}
"""Name → where its class stands; imported when asked for, since some need SciPy."""

Value = str | int | float | bool | None


class PolicySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A policy by name with its parameters.

    Attributes:
        policy: A name of `POLICIES`.
        parameters: Values by parameter name; strings are read by the parameter's type.
        arms: Which arms it samples by, as `policies.mixtures.read_mixture` takes them; None for
            the first one.
    """

    policy: str
    parameters: dict[str, Value] = {}
    arms: str | None = None

    def build(self) -> Policy:
        """Make a fresh policy, for one stream.

        Raises:
            CallerError: naming the policy, the parameter and its value, and the near miss.
        """
        kind = policy_class(self.policy)
        arguments: dict[str, object] = {}
        hints = get_type_hints(kind.__init__)
        known = [name for name in signature(kind).parameters if name in hints]
        for name, value in self.parameters.items():
            if name not in known:
                raise CallerError(
                    f"policy {self.policy!r} has no parameter {name!r}{_near_miss(name, known)}"
                )
            read = _read_value(value) if isinstance(value, str) else value
            try:
                arguments[name] = msgspec.convert(read, hints[name])
            except msgspec.ValidationError as error:
                raise CallerError(
                    f"policy {self.policy!r}, parameter {name}: {error}, got {value!r}"
                ) from error
        try:
            policy = kind(**arguments)
        except CallerError as error:
            raise CallerError(f"policy {self.policy!r}, parameter {error}") from error
        return policy if self.arms is None else Mixed(policy, read_mixture(self.arms))

    def mixed_arms(self) -> tuple[MixedArm, ...]:
        """Return the arms that it samples by; none where the first one is meant.

        Raises:
            CallerError: if the arms cannot be read.
        """
        if self.arms is None:
            return ()
        mixture = read_mixture(self.arms)
        whole = mixture.folds[0] if isinstance(mixture, CrossFittedMixture) else mixture
        return whole.arms

    def for_model(self, model: str) -> PolicySpec:
        """Return the policy with the parameters fitted to a model, where it has such.

        Parameters that were given stay.

        Raises:
            CallerError: if the policy is unknown.
        """
        kind = policy_class(self.policy)
        if not issubclass(kind, FittedPolicy) or "parameters" in self.parameters:
            return self
        parameters = {**self.parameters, "parameters": kind.fitted_to(model)}
        return PolicySpec(self.policy, parameters, self.arms)


class _PolicyFile(PolicySpec, frozen=True, forbid_unknown_fields=True):
    """A policy's file, which may also say where its parameters come from."""

    tuning: Any = None


def parse_policy(text: str) -> PolicySpec:
    """Read `NAME[:key=value,…][@ARMS]` or the path of a parameters `.json`, and check it.

    Raises:
        CallerError: if anything about it is unknown or impossible.
    """
    spec = read_policy(text)
    spec.build()
    return spec


def read_policy(text: str) -> PolicySpec:
    """Read a policy as `parse_policy` does, without checking that it can be built.

    Raises:
        CallerError: if it cannot be read.
    """
    policy, at, arms = text.rpartition("@")
    # A path may hold an @ too: that of the policy's file, or of one that a parameter names.
    if Path(text.rpartition("=")[2]).is_file():
        return _read_one(text)
    if at and (_named(policy) or policy.endswith(".json") or not text.endswith(".json")):
        return replace(_read_one(policy), arms=arms.strip())
    return _read_one(text)


def _read_one(text: str) -> PolicySpec:
    is_file = text.endswith(".json") and not _named(text)
    return _read_spec(Path(text)) if is_file else _parse_spec(text)


def _named(text: str) -> bool:
    return text.partition(":")[0].strip() in POLICIES


def knobs_of(name: str, only: Sequence[str] = ()) -> dict[str, Knob]:
    """Return what can be tuned of a policy: ranges by parameter.

    Args:
        name: The policy.
        only: Parameters to look up; by default all that can be tuned.

    Raises:
        CallerError: if there is no such policy or knob, naming the near miss.
    """
    knobs: Mapping[str, Knob] = getattr(policy_class(name), "knobs", {})
    if not knobs:
        raise CallerError(f"policy {name!r} has no knobs to tune")
    for one in only:
        if one not in knobs:
            raise CallerError(f"policy {name!r} has no knob {one!r}{_near_miss(one, list(knobs))}")
    return {one: knob for one, knob in knobs.items() if one in only or not only}


def register(name: str, kind: type[Policy]) -> None:
    """Give a policy of your own a name, in this process: `parse_policy` and replay then know it.

    Its class has to stand at the top of its module; in a notebook it does. Registered anew, the
    name means the new class; names of policies that ship are taken.

    Raises:
        CallerError: naming what does not fit.
    """
    place = f"{kind.__module__}:{kind.__qualname__}"
    if POLICIES.get(name, place) != place:
        raise CallerError(f"policy {name!r} is there already: {POLICIES[name]}")
    if not name or not set(name).isdisjoint(":,=/. ") or "<locals>" in place:
        raise CallerError(f"policy {name!r}: wants a plain name, and a class at a module's top")
    POLICIES[name] = place


def policy_class(name: str) -> type[Policy]:
    """Return the class behind a name.

    Raises:
        CallerError: naming the near miss.
    """
    if name not in POLICIES:
        raise CallerError(f"unknown policy {name!r}{_near_miss(name, list(POLICIES))}")
    module, _, attribute = POLICIES[name].partition(":")
    kind: type[Policy] = getattr(import_module(module), attribute)
    return kind


def _parse_spec(text: str) -> PolicySpec:
    name, _, tail = text.partition(":")
    parameters: dict[str, Value] = {}
    for part in tail.split(",") if tail else ():
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise CallerError(f"policy {text!r}: {part!r} is not key=value")
        if key.strip() in parameters:
            raise CallerError(f"policy {text!r}: parameter {key.strip()!r} comes twice")
        parameters[key.strip()] = value.strip()
    return PolicySpec(name.strip(), parameters)


def _read_value(text: str) -> Value:
    """Read `none`, `true`, `false` or a number as Python writes it; anything else is text."""
    words: dict[str, Value] = {"none": None, "true": True, "false": False}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_spec(path: Path) -> PolicySpec:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_PolicyFile)
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(f"{path}: {error}") from error
    return PolicySpec(file.policy, file.parameters, file.arms)


def _near_miss(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    listed = ", ".join(known) if known else "none"
    return (f": did you mean {close[0]!r}?" if close else ":") + f" (known: {listed})"
