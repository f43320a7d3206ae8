"""Sequential test (ConSol): a likelihood ratio for the leader."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
from scipy.integrate import quad
from scipy.stats import beta

from policies.sequential_test import SequentialTest
from scheduler import Reason

FORMS = ("sprt", "mixture")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("answers", "stops"), [("aa", False), ("aaa", True), ("abaa", False), ("ab-aaa", True)]
)
def test_a_lead_of_three_is_crossed_from_both_sides(
    bench: type[Any],
    form: str,
    answers: str,
    stops: bool,  # noqa: FBT001
) -> None:
    """At the published constants a lead of two goes on and one of three stops."""
    table = bench(f"sequential-test:form={form}")
    table.vote(answers)
    assert (table.submitted is not None) is stops
    if stops:
        assert (table.submitted.answer, table.reason) == ("a", Reason.CONFIDENT)


@pytest.mark.parametrize("form", FORMS)
def test_the_published_constants_mean_a_lead_of_three(form: Any) -> None:  # noqa: ANN401
    """For all counts of up to 250 votes exactly leads of three and more stop."""
    rule = SequentialTest(form=form)
    for second in range(126):
        stops = [
            not rule._equal < rule.log_ratio(second + lead, second) < rule._leads
            for lead in range(7)
        ]
        assert stops == [False] * 3 + [True] * 4, second


@pytest.mark.parametrize(("v1", "v2"), [(1, 0), (3, 0), (5, 2), (9, 9)])
def test_the_plain_ratio(v1: int, v2: int) -> None:
    """It is the log-likelihood of p1 over that of one half."""
    rule = SequentialTest(p1=0.7)
    expected = v1 * log(0.7 / 0.5) + v2 * log(0.3 / 0.5)
    assert rule.log_ratio(v1, v2) == pytest.approx(expected)


@pytest.mark.parametrize("prior", [1.0, 4.0, 50.0])
@pytest.mark.parametrize(("v1", "v2"), [(1, 0), (3, 0), (5, 2), (9, 9)])
def test_the_mixture_ratio_against_an_integral(prior: float, v1: int, v2: int) -> None:
    """The prior is a symmetric beta cut to the upper half and scaled to one."""
    rule = SequentialTest(form="mixture", prior=prior)

    def part(p: float) -> float:
        return float(p**v1 * (1.0 - p) ** v2 * 2.0 * beta.pdf(p, prior, prior))

    mass, _ = quad(part, 0.5, 1.0)
    assert rule.log_ratio(v1, v2) == pytest.approx(log(mass) + (v1 + v2) * log(2.0), abs=1e-6)


def test_two_equal_answers_end_it_where_the_test_can_tell(bench: type[Any]) -> None:
    """With a p1 far from one half a tie is soon enough: neither leads."""
    table = bench("sequential-test:p1=0.9,excess=0.9,cap=9")
    table.vote("ababab")
    assert (table.submitted.answer, table.reason) == ("a", Reason.CONFIDENT)
    assert table.submitted.numbers["log_ratio"] < 0.0


def test_the_cap_ends_it(bench: type[Any]) -> None:
    """Where the test can't tell, the leader after the last sample is taken."""
    table = bench("sequential-test:cap=4")
    table.vote("abba")
    assert (table.submitted.answer, table.reason) == ("a", Reason.CAP)
