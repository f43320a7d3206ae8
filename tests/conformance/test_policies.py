"""What every policy owes: the same decisions anywhere, an end always, nothing it may not do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from policies import POLICIES
from scheduler import Reason
from simulations.conformance import breaches
from simulations.pool import LoggedQuestion

if TYPE_CHECKING:
    from collections.abc import Callable


def test_every_registered_policy_is_under_test(specs: list[str]) -> None:
    """A policy that can be named must be in the list, under two settings or its only one."""
    listed = [spec.partition(":")[0] for spec in specs]
    assert set(listed) == set(POLICIES)
    assert {name for name in listed if listed.count(name) == 1} == {"null"}


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_decides_the_same(actions_here: bytes, hash_seed: str) -> None:
    """One seed, one list of actions, byte for byte, whatever Python's hash seed."""
    script = Path(__file__).with_name("conftest.py")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
    )
    assert done.stdout == actions_here


def test_it_survives(
    spec: str, scenario: str, survive: Callable[[str, str], tuple[Any, Any]]
) -> None:
    """It ends in time, without a fault or a step outside its allowance, with a possible answer."""
    played, given = survive(spec, scenario)
    assert breaches(played, given) == []
    if given.answers is not None and spec != "null":
        assert {submit.answer for submit in played.submits} == given.answers


def test_without_seconds_nothing_is_started(
    spec: str, survive: Callable[[str, str], tuple[Any, Any]]
) -> None:
    """Where no time is left the core answers alone and the policy isn't asked."""
    played, _ = survive(spec, "no seconds")
    assert {submit.reason for submit in played.submits} == {Reason.NO_TIME}
    assert len(played.lines) == len(played.submits)


def test_without_a_limit_its_own_rule_ends_it(
    spec: str, survive: Callable[[str, str], tuple[Any, Any]]
) -> None:
    """With endless time neither a deadline nor the core has to step in."""
    played, _ = survive(spec, "infinite seconds")
    core = {Reason.HARD_DEADLINE, Reason.IDLE, Reason.POLICY_FAILED, Reason.NO_TIME}
    assert core.isdisjoint(submit.reason for submit in played.submits)


def test_where_it_turns(
    case: Any,  # noqa: ANN401 - `PolicyCase` of the conftest
    watch: Callable[..., Any],
) -> None:
    """One vote or probe before the threshold it goes on, at it it stops, for the reason given."""
    question = LoggedQuestion("q0", "7", {"default": case.samples}, None, {})
    played = watch(case.spec, [("q0", question)], total_s=1e7)
    (submit,) = played.submits
    assert (submit.reason, played.heard[case.kind]) == (case.reason, case.heard)
    assert played.faults == []
