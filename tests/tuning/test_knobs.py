"""Knobs: what policies declare is true of their parameters."""

from __future__ import annotations

from inspect import signature

import pytest

from policies import POLICIES, PolicySpec, knobs_of, policy_class
from policies.knobs import Choice, Real, Whole
from scheduler import CallerError

TUNABLE = [name for name in POLICIES if name != "null"]

IMPOSSIBLE = {
    ("deep-confidence", "budget", 1): "budget must be finite and at least 16",
    ("early-stopping-window", "cap", 1): "cap must be finite and at least 8",
    ("lead", "cap", 1): "cap must be finite and at least 16",
    ("lead", "width", 32): "cap must be finite and at least 32",
    ("line", "early", 0.0): "late must be from 0 to 0",
    ("line", "late", 0.5): "late must be from 0 to 0.25",
}
"""Ends that do not go with the other parameters' defaults, as their docstrings say."""


@pytest.mark.parametrize("name", TUNABLE)
def test_every_knob_is_a_parameter_that_takes_its_range(name: str) -> None:
    """Each end of a range builds, or is refused for the reason that is documented."""
    parameters = signature(policy_class(name)).parameters
    for knob, values in knobs_of(name).items():
        assert knob in parameters
        for end in values.ends:
            refusal = IMPOSSIBLE.get((name, knob, end))
            spec = PolicySpec(name, {knob: end})
            if refusal is None:
                spec.build()
            else:
                with pytest.raises(CallerError, match=refusal):
                    spec.build()


def test_null_has_nothing_to_tune() -> None:
    """A policy without knobs says so."""
    with pytest.raises(CallerError, match="policy 'null' has no knobs to tune"):
        knobs_of("null")


def test_some_knobs_can_be_looked_up() -> None:
    """One that is asked for comes alone; an unknown one gets its near miss."""
    assert list(knobs_of("lead", ["cap"])) == ["cap"]
    with pytest.raises(CallerError, match=r"no knob 'widht': did you mean 'width'\?"):
        knobs_of("lead", ["widht"])


@pytest.mark.parametrize(
    ("knob", "inside", "outside"),
    [
        (Whole(1, 8), 8, 9),
        (Whole(0, 8), 0, False),
        (Real(0.5, 1.0), 0.5, 0.4),
        (Real(0.5, 1.0), 1.0, None),
        (Choice((None, 1024)), None, 2048),
        (Choice((False, True)), True, 1),
    ],
)
def test_a_range_knows_what_it_holds(
    knob: Whole | Real | Choice, inside: object, outside: object
) -> None:
    """Both ends belong to a range; nothing outside it and no other type does."""
    assert knob.holds(inside)
    assert not knob.holds(outside)


@pytest.mark.parametrize(
    "make", [lambda: Whole(2, 1), lambda: Whole(0, 4, log=True), lambda: Real(0.0, 1.0, log=True)]
)
def test_an_impossible_range_is_refused(make: type[Whole]) -> None:
    """A range must not be empty, and a logarithmic one must stay above 0."""
    with pytest.raises(CallerError, match="must be finite and at least"):
        make()  # type: ignore[call-arg] # each makes its own
