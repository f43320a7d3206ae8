"""The policies under test.

A new policy joins with a line in `POLICY_CASES`. Run as a script, this file plays every case and
prints all actions: the same bytes in any process.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from policies import parse_policy
from scheduler import Reason
from simulations.conformance import SCENARIOS, Played, Scenario, play_scenario, play_watched
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What is under test.


def ending(answers: str) -> tuple[LoggedSample, ...]:
    """Return samples that end in the order of their letters, and more that never end."""
    ends = (LoggedSample(i, 100 + 10 * i, answer) for i, answer in enumerate(answers))
    return (*ends, *(LoggedSample(i, 10**6, "z") for i in range(len(answers), 64)))


def answering(answers: str, every: int) -> tuple[LoggedSample, ...]:
    """Return samples that all give these answers, one each `every` tokens, and never end."""
    logged = tuple(
        Checkpoint(every * (i + 1), None, None, probed=True, answer=answer)
        for i, answer in enumerate(answers)
    )
    return tuple(LoggedSample(i, 10**6, "z", checkpoints=logged) for i in range(64))


def steady(ends: str, runs: str) -> tuple[LoggedSample, ...]:
    """Return samples that end after one round of 500 tokens, then samples that never end."""
    ended = (LoggedSample(i, 600 + i, answer) for i, answer in enumerate(ends))
    return (*ended, *(LoggedSample(len(ends) + i, 10**6, answer) for i, answer in enumerate(runs)))


@dataclass(frozen=True)
class PolicyCase:
    """A policy, and where its rule turns from going on to stopping.

    Attributes:
        spec: As `replay.py --policy` reads it.
        samples: What its only question meets.
        heard: After so many events of the kind it stops, and not before.
        reason: With this reason.
        kind: Which events count.
    """

    spec: str
    samples: tuple[LoggedSample, ...]
    heard: int
    reason: Reason
    kind: str = "SampleFinished"


POLICY_CASES = [
    PolicyCase("adaptive-consistency", ending("aaaa"), 4, Reason.CONFIDENT),
    PolicyCase("adaptive-consistency:confidence=.8,cap=4", ending("aa"), 2, Reason.CONFIDENT),
    PolicyCase("adaptive-consistency:confidence=.8,cap=4", ending("abab"), 4, Reason.CAP),
    PolicyCase("bank", ending("abacaa"), 6, Reason.AGREEMENT),
    PolicyCase("bank:width=6,equal=6,enough=3", ending("abc"), 3, Reason.ENOUGH),
    PolicyCase("clamp", ending("abaaba"), 6, Reason.AGREEMENT),
    PolicyCase("clamp:base_s=50,high_s=200,width=3,equal=2", ending("abc"), 3, Reason.CAP),
    PolicyCase(
        "confidence-momentum:beta=0", steady("aa", "zz"), 5, Reason.CONFIDENT, "ProbeAnswered"
    ),
    PolicyCase("confidence-momentum:beta=0.2,interval=50", ending("a" * 16), 5, Reason.CAP),
    PolicyCase(
        "deep-confidence:warm_up=2,budget=6,width=1,consensus=.6,window=128",
        ending("aba"),
        3,
        Reason.CONFIDENT,
    ),
    PolicyCase("deep-confidence:warm_up=2,budget=4,width=2", ending("aaab"), 2, Reason.CONFIDENT),
    PolicyCase("early-stopping-window:window=2,cap=6", ending("abaa"), 4, Reason.AGREEMENT),
    PolicyCase("early-stopping-window:window=2,cap=4", ending("abab"), 4, Reason.CAP),
    PolicyCase("gears", ending("aaaa"), 4, Reason.AGREEMENT),
    PolicyCase("gears:every=1", ending("abaaa"), 5, Reason.AGREEMENT),
    PolicyCase("lead", ending("abaa"), 4, Reason.LEAD),
    PolicyCase("lead:width=1,lead=3,cap=5,cut_tokens=1500", ending("abaaa"), 5, Reason.LEAD),
    PolicyCase("line", ending("abaacba"), 7, Reason.AGREEMENT),
    PolicyCase("line:first=0,early=.5,late=.1,width=2,equal=2", ending("ab"), 2, Reason.CAP),
    PolicyCase("null", (), 0, Reason.NO_ATTEMPT),
    PolicyCase(
        "parallel-probe:width=2,interval=100,stable=2",
        answering("abbb", 100),
        2 * 4,
        Reason.STABLE,
        "ProbeAnswered",
    ),
    PolicyCase("parallel-probe:width=3,interval=40,stable=30", ending("abc"), 3, Reason.CAP),
    PolicyCase("self-consistency:k=4", ending("aaab"), 4, Reason.CAP),
    PolicyCase("self-consistency:k=1", ending("a"), 1, Reason.CAP),
    PolicyCase("sequential-test", ending("aabaa"), 5, Reason.CONFIDENT),
    PolicyCase("sequential-test:form=mixture,cap=4", ending("abab"), 4, Reason.CAP),
    PolicyCase("shadow-price", ending("abaaa"), 5, Reason.PRICE),
    PolicyCase("shadow-price:level=high", ending("abcaa"), 5, Reason.LEAD),
    PolicyCase("shadow-price:level=high", ending("ab" * 12), 24, Reason.CAP),
    PolicyCase(
        "shadow-price:price=.005",
        answering("bb" + "a" * 18, 1000),
        16 * 4,
        Reason.PRICE,
        "ProbeAnswered",
    ),
    PolicyCase("share", ending("abaaba"), 6, Reason.AGREEMENT),
    PolicyCase("share:width=3,equal=2,forced=true", ending("abc"), 3, Reason.CAP),
    PolicyCase("uncatchable-leader:width=5", ending("abaa"), 4, Reason.SETTLED),
    PolicyCase("uncatchable-leader:width=2", ending("ab"), 1, Reason.SETTLED),
    PolicyCase("uniform-allocation:n=4", ending("abcd"), 4, Reason.CAP),
    PolicyCase("uniform-allocation:n=1,cap=3", ending("a"), 1, Reason.CAP),
]
SPECS = list(dict.fromkeys(case.spec for case in POLICY_CASES))


def all_actions() -> bytes:
    """Return every action of every policy on two streams, plain and costly."""
    lines: list[bytes] = []
    for spec in SPECS:
        for name in ("plain", "costly engine"):
            lines.append(f"# {spec}, {name}".encode())
            lines += play_scenario(parse_policy(spec).build(), SCENARIOS[name]).lines
    return b"\n".join(lines) + b"\n"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that asks for one every spec, case or scenario."""
    for name, values, ids in (
        ("spec", SPECS, SPECS),
        ("case", POLICY_CASES, [f"{c.spec} {c.reason} {c.heard}" for c in POLICY_CASES]),
        ("scenario", SCENARIOS, list(SCENARIOS)),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=ids)


@pytest.fixture(scope="session")
def specs() -> list[str]:
    """Every policy under test, with its parameters."""
    return SPECS


@pytest.fixture(scope="session")
def watch() -> Callable[..., Played]:
    """Play a policy's threshold case."""

    def watched(
        spec: str, questions: Sequence[tuple[str, LoggedQuestion]], *, total_s: float
    ) -> Played:
        return play_watched(parse_policy(spec).build(), questions, total_s=total_s)

    return watched


@pytest.fixture(scope="session")
def survive() -> Callable[[str, str], tuple[Played, Scenario]]:
    """Play a policy through a scenario."""

    def survived(spec: str, name: str) -> tuple[Played, Scenario]:
        return play_scenario(parse_policy(spec).build(), SCENARIOS[name]), SCENARIOS[name]

    return survived


@pytest.fixture(scope="session")
def actions_here() -> bytes:
    """Every action of every policy, made in this process."""
    return all_actions()


if __name__ == "__main__":
    sys.stdout.buffer.write(all_actions())
