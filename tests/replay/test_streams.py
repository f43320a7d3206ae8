"""Draws are addressed, orders are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.pool import LoggedQuestion, LoggedSample, Pool
from simulations.streams import Draw, Order, Streams


def pool(pass_rates: dict[str, int], samples: int = 10) -> Pool:
    """Make questions of which so many samples are right."""
    return Pool(
        "m",
        tuple(
            LoggedQuestion(
                name,
                "1",
                {
                    "default": tuple(
                        LoggedSample(i, 10 + i, "1" if i < right else "0") for i in range(samples)
                    )
                },
                None,
                {},
            )
            for name, right in pass_rates.items()
        ),
    )


RATES = {"a": 5, "b": 0, "c": 9, "d": 2, "e": 7}


def test_hard_first_and_hard_last_sort_by_the_share_of_right_samples() -> None:
    """Hard first begins with the lowest share of right samples; hard last ends with it."""
    questions = pool(RATES)
    first = Streams(questions, 5, Order.HARD_FIRST, Draw.RANDOM, 3).questions_of(0)
    last = Streams(questions, 5, Order.HARD_LAST, Draw.RANDOM, 3).questions_of(0)
    assert [questions.questions[index].question_id for index in first] == list("bdaec")
    assert last == first[::-1]


def test_every_order_draws_the_same_questions() -> None:
    """A stream holds the same questions in whatever order they come."""
    drawn = {
        frozenset(Streams(pool(RATES), 3, order, Draw.RANDOM, 3).questions_of(4))
        for order in (Order.RANDOM, Order.HARD_FIRST, Order.HARD_LAST)
    }
    assert len(drawn) == 1


def test_logged_order_is_the_trace() -> None:
    """Logged order plays the first questions of the trace as they stand."""
    assert Streams(pool(RATES), 3, Order.LOGGED, Draw.RANDOM, 0).questions_of(7) == [0, 1, 2]


def test_samples_are_drawn_without_replacement() -> None:
    """A draw is a permutation of what was logged, and a logged draw is its own order."""
    questions = pool(RATES)
    drawn = Streams(questions, 5, Order.RANDOM, Draw.RANDOM, 0).question_of(0, 2)
    logged = Streams(questions, 5, Order.RANDOM, Draw.LOGGED, 0).question_of(0, 2)
    assert logged == questions.questions[2]
    before, after = (question.samples["default"] for question in (logged, drawn))
    assert after != before
    assert sorted(after, key=lambda sample: sample.sample) == list(before)


def test_other_questions_do_not_change_a_questions_draws() -> None:
    """A draw depends on seed, stream and question alone."""
    few, many = pool({"c": 9}), pool(RATES)
    alone = Streams(few, 1, Order.RANDOM, Draw.RANDOM, 8).question_of(3, 0)
    among = Streams(many, 5, Order.RANDOM, Draw.RANDOM, 8).question_of(3, 2)
    assert alone == among
    assert among != Streams(many, 5, Order.RANDOM, Draw.RANDOM, 8).question_of(4, 2)
    assert among != Streams(many, 5, Order.RANDOM, Draw.RANDOM, 9).question_of(3, 2)


@pytest.mark.parametrize("draw", ["questions", "samples"])
def test_draws_are_uniform(draw: str) -> None:
    """Every question and every sample comes first equally often (chi-square, 1,000 streams)."""
    streams = Streams(pool(RATES), 2, Order.RANDOM, Draw.RANDOM, 1)
    counts = np.zeros(5 if draw == "questions" else 10)
    for stream in range(1000):
        if draw == "questions":
            counts[streams.questions_of(stream)[0]] += 1
        else:
            counts[streams.question_of(stream, 0).samples["default"][0].sample] += 1
    expected = counts.sum() / len(counts)
    assert float(((counts - expected) ** 2 / expected).sum()) < 30.0
