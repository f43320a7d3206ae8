"""Results as a replay would give them, made up but plausible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulations.results import (
    Bounds,
    BurnDown,
    Interval,
    ModelResult,
    PairedResult,
    PolicyResult,
    Regret,
    Results,
    Settings,
    TraceInfo,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Policy, accuracy, tokens and seconds a question, why its questions ended.
PLAYED = [
    ("self-consistency:width=64", 0.742, 91_300.0, 301.4, {"cap": 9_020, "hard-deadline": 980}),
    ("adaptive-consistency", 0.738, 38_900.0, 143.2, {"confident": 8_300, "cap": 1_700}),
    (
        "lead:width=16,lead=4,cap=64",
        0.735,
        29_650.0,
        88.7,
        {"lead": 8_140, "cap": 1_690, "hard-deadline": 170},
    ),
    (
        "lead:width=1,lead=3,cap=64,cut_tokens=20000",
        0.729,
        21_480.0,
        196.3,
        {"lead": 7_800, "cap": 900, "too-long": 400, "no-time": 900},
    ),
    ("share", 0.731, 47_210.0, 205.9, {"settled": 6_100, "soft-deadline": 3_900}),
    ("null", 0.012, 0.0, 0.02, {"no-attempt": 10_000}),
]
QUESTIONS = 50


def around(mean: float, half: float) -> Interval:
    """Return an interval that is slightly lopsided, as a bootstrap's is."""
    return Interval(mean, mean - half, mean + 1.1 * half)


def policy_result(
    policy: str,
    accuracy: float = 0.7,
    tokens: float = 20_000.0,
    seconds: float = 100.0,
    reasons: dict[str, int] | None = None,
    models: tuple[str, ...] = ("qwen3-8b",),
) -> PolicyResult:
    """Return one policy's result, the same on every model."""
    places = range(1, QUESTIONS + 1)
    early = [seconds * place * (1.0 + 0.15 * (1.0 - place / QUESTIONS)) for place in places]
    figures = {
        "accuracy": around(accuracy, 0.028 if accuracy > 0.1 else 0.004),
        "tokens_per_question": around(tokens, 0.06 * tokens),
        "seconds_per_question": around(seconds, 0.05 * seconds),
    }
    return PolicyResult(
        policy=policy,
        **figures,
        overruns=0,
        unanswered=3 if policy.startswith("self") else 0,
        exhausted=1_204 if "64" in policy else 0,
        reasons={"answered": 10_000} if reasons is None else reasons,
        regret=Regret(
            pool_majority=around(0.744 - accuracy, 0.011),
            best_stopping=around(0.861 - accuracy, 0.021),
        ),
        by_model={model: ModelResult(**figures) for model in models},
        burn_down=BurnDown(
            elapsed_s=[120.0 + value for value in early],
            spread_s=[0.3 * seconds * place**0.5 for place in places],
        ),
    )


def paired_results(policies: list[PolicyResult]) -> list[PairedResult]:
    """Return every policy less the first."""
    base, *others = policies
    return [
        PairedResult(
            policy=other.policy,
            baseline=base.policy,
            accuracy=around(other.accuracy.mean - base.accuracy.mean, 0.009),
            tokens_per_question=around(
                other.tokens_per_question.mean - base.tokens_per_question.mean, 1_900.0
            ),
            seconds_per_question=around(
                other.seconds_per_question.mean - base.seconds_per_question.mean, 6.0
            ),
        )
        for other in others
    ]


def make_results(
    policies: list[PolicyResult] | None = None,
    total_s: float | None = 18_000.0,
    models: tuple[str, ...] = ("qwen3-8b",),
) -> Results:
    """Return a whole replay; by default of the six policies above."""
    if policies is None:
        policies = [policy_result(*played, models=models) for played in PLAYED]
    return Results(
        traces=[
            TraceInfo(
                name=f"{model}-maths",
                model=model,
                digest=f"{number}f3a9c2e71b04d58" * 4,
                questions=412,
                samples=26_368,
            )
            for number, model in enumerate(models)
        ],
        settings=Settings(
            profile="measured-h100-qwen3-8b",
            profile_digest="5be1c07d94a2f683" * 4,
            questions=QUESTIONS,
            total_s=total_s,
            reserve_s=300.0,
            floor_s=5.0,
            startup_s=120.0,
            gateway_s=0.5,
            order="random",
            draw="random",
            streams=200,
            seed=7,
        ),
        policies=policies,
        paired=paired_results(policies),
        bounds=Bounds(
            pool_majority=around(0.744, 0.03),
            best_stopping=around(0.861, 0.024),
            best_stopping_tokens=around(3_240.0, 260.0),
        ),
    )


@pytest.fixture
def results_of() -> Callable[..., Results]:
    """Make results: of which policies, with which time limit, on which models."""
    return make_results


@pytest.fixture
def result_of() -> Callable[..., PolicyResult]:
    """Make one policy's result: of which policy, with which figures, on which models."""
    return policy_result
