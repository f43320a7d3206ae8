"""Replay against figures from an evaluator that shares no code with this project.

The figures and their tolerances are those that come with the AIME24 traces: means over random
orders with their standard errors, agreeing when within three combined standard errors; with a
clock, within one point and one per cent of the seconds.
"""

from __future__ import annotations

from math import hypot, inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from policies import parse_policy
from scheduler import TimeBudget
from simulations.bundled import read_profile
from simulations.play import play
from simulations.pools import pools_of
from simulations.streams import Draw, Order, Streams
from simulations.traces import read_trace

if TYPE_CHECKING:
    from pathlib import Path

MODELS = ("Qwen3-0.6B", "Qwen3-1.7B", "Qwen3-4B", "Qwen3-8B")

Pair = tuple[float, float]
# Accuracy in per cent and thousand tokens a question, each with its standard error, by model.
UNLIMITED: dict[str, tuple[tuple[Pair, Pair], ...]] = {
    "self-consistency:k=64": (
        ((21.14, 0.07), (1007.9, 0.3)),
        ((72.39, 0.06), (1026.2, 0.3)),
        ((80.00, 0.02), (886.2, 0.3)),
        ((80.58, 0.04), (910.3, 0.3)),
    ),
    "self-consistency:k=16": (
        ((19.01, 0.11), (252.2, 0.2)),
        ((67.53, 0.12), (256.3, 0.2)),
        ((80.12, 0.02), (221.5, 0.2)),
        ((81.58, 0.06), (227.5, 0.2)),
    ),
    "adaptive-consistency:confidence=.95,cap=64": (
        ((21.29, 0.10), (805.5, 1.6)),
        ((71.81, 0.10), (481.5, 2.4)),
        ((80.00, 0.02), (214.0, 1.2)),
        ((80.36, 0.05), (226.3, 1.3)),
    ),
    "lead:width=1,lead=3,cap=64": (
        ((20.84, 0.13), (533.2, 2.1)),
        ((69.40, 0.17), (233.6, 1.7)),
        ((79.97, 0.03), (122.8, 1.1)),
        ((80.61, 0.07), (138.2, 1.2)),
    ),
    "lead:width=16,lead=2,cap=16": (
        ((18.89, 0.18), (209.2, 0.4)),
        ((69.28, 0.16), (171.7, 0.4)),
        ((79.44, 0.12), (149.6, 0.2)),
        ((82.31, 0.12), (159.0, 0.2)),
    ),
    "share:width=8,equal=4": (
        ((17.32, 0.19), (123.7, 0.2)),
        ((64.41, 0.24), (118.7, 0.2)),
        ((80.03, 0.08), (95.7, 0.2)),
        ((81.62, 0.11), (98.4, 0.1)),
    ),
}

# Policy, seconds a question (or no limit), model, accuracy in per cent, seconds used a question.
CLOCKED = [
    ("share:width=8,equal=4", 60.0, "Qwen3-8B", 18.1, 60.0),
    ("share:width=8,equal=4", 120.0, "Qwen3-8B", 63.7, 115.9),
    ("share:width=8,equal=4", 180.0, "Qwen3-8B", 78.5, 150.0),
    ("share:width=8,equal=4", 240.0, "Qwen3-8B", 81.9, 166.1),
    ("share:width=8,equal=4", inf, "Qwen3-8B", 81.8, 179.6),
    ("share:width=8,equal=4", 60.0, "Qwen3-1.7B", 17.5, 60.0),
    ("share:width=8,equal=4", 120.0, "Qwen3-1.7B", 50.7, 118.8),
    ("share:width=8,equal=4", 180.0, "Qwen3-1.7B", 62.3, 171.9),
    ("share:width=8,equal=4", 240.0, "Qwen3-1.7B", 64.8, 208.8),
    ("share:width=8,equal=4", inf, "Qwen3-1.7B", 64.4, 242.6),
    ("share:width=16,equal=17", 120.0, "Qwen3-8B", 50.1, 119.9),
    ("share:width=16,equal=17", 240.0, "Qwen3-8B", 81.0, 233.2),
    ("share:width=16,equal=17", inf, "Qwen3-8B", 81.7, 339.7),
    ("share:width=16,equal=17", 120.0, "Qwen3-1.7B", 46.5, 119.9),
    ("share:width=16,equal=17", 240.0, "Qwen3-1.7B", 66.9, 238.5),
    ("share:width=16,equal=17", inf, "Qwen3-1.7B", 67.9, 372.1),
    ("share:width=1,equal=1", 120.0, "Qwen3-8B", 55.8, 110.8),
    ("share:width=1,equal=1", inf, "Qwen3-8B", 75.7, 150.6),
    ("share:width=1,equal=1", 120.0, "Qwen3-1.7B", 33.6, 115.9),
    ("share:width=1,equal=1", inf, "Qwen3-1.7B", 46.1, 169.8),
]


def streams_of(trace: Path, policy: str, per_question_s: float, streams: int) -> np.ndarray:
    """Play all thirty questions; accuracy %, thousand tokens and seconds a question by stream."""
    (pool,) = pools_of([read_trace(trace)])
    count = len(pool.questions)
    luck = Streams(pool, count, Order.RANDOM, Draw.RANDOM, seed=7)
    spec = parse_policy(policy)
    profile = read_profile("assumed-qwen3-8b")
    rows = []
    for stream in range(streams):
        drawn = [luck.question_of(stream, index) for index in luck.questions_of(stream)]
        budget = TimeBudget(count * per_question_s, questions=count)
        outcomes = play(spec.build(), budget, profile, drawn)
        right = sum(
            outcome.answer == question.gold
            for outcome, question in zip(outcomes, drawn, strict=True)
        )
        tokens = sum(outcome.tokens for outcome in outcomes)
        seconds = sum(outcome.seconds for outcome in outcomes)
        rows.append((100.0 * right / count, tokens / count / 1e3, seconds / count))
    return np.array(rows)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("policy", UNLIMITED)
def test_without_a_clock_tokens_and_accuracy_agree(
    aime: dict[str, Path], policy: str, model: str
) -> None:
    """Without a limit, a rule costs and scores what the independent evaluator found."""
    streams = 60 if policy.endswith("k=64") else 150
    rows = streams_of(aime[model], policy, inf, streams)
    for column, (theirs, error) in zip((0, 1), UNLIMITED[policy][MODELS.index(model)], strict=True):
        ours = rows[:, column].mean()
        combined = hypot(error, rows[:, column].std(ddof=1) / sqrt(streams))
        assert abs(ours - theirs) <= 3.0 * combined + 0.05  # they round to a tenth


@pytest.mark.parametrize(("policy", "per_question_s", "model", "accuracy", "seconds"), CLOCKED)
def test_with_a_clock_streams_agree(
    aime: dict[str, Path],
    policy: str,
    per_question_s: float,
    model: str,
    accuracy: float,
    seconds: float,
) -> None:
    """Under a total time, a stream scores and takes what the independent evaluator found."""
    streams = 150
    rows = streams_of(aime[model], policy, per_question_s, streams)
    noise = rows.std(axis=0, ddof=1) / sqrt(streams)
    assert abs(rows[:, 0].mean() - accuracy) <= 1.0 + noise[0]
    assert abs(rows[:, 2].mean() - seconds) <= 0.01 * seconds + 3.0 * noise[2]
