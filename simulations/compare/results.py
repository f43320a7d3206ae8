"""What a comparison of sweeps found out: the JSON that `--json` writes and pages are made from.

Field names are a contract. Accuracies and ratios are fractions, times are seconds, counts are
totals over all streams. Paths and clock times stay out, so that equal inputs give equal bytes.
"""

from __future__ import annotations

import msgspec

from simulations.results import Interval

FORMAT = 1


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What comparable cells share; the columns of `simulations.sweep_table` of these names."""

    traces: str
    profile: str
    profile_digest: str
    questions: int
    order: str
    draw: str
    streams: int
    seed: int


class GroupDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One policy less the baseline on questions that are alike in difficulty.

    A question counts once for each model that was asked it, by that model's own pass rate.

    Attributes:
        group: Which pass rates: `0`, `0-1/4`, `1/4-3/4`, `3/4-1` or `1`.
        questions: How many there are.
        accuracy: Difference; None if there are none.
        better: Questions on which the policy is better by more than 2 points.
        worse: Questions on which it is worse by more than 2 points.
    """

    group: str
    questions: int
    accuracy: Interval | None
    better: int
    worse: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One cell.

    Attributes:
        policy: As it was given.
        cell: The cell's name.
        accuracy: Share of right answers.
        tokens_per_question: Tokens generated.
        seconds_per_question: From a question's opening to its answer.
        difference: Accuracy less that of the baseline under the same total, paired by
            question; None if the baseline was not played under it.
        overruns: Streams that ran past their total.
        unanswered: Questions without a timely submission.
        exhausted: Questions that ran out of logged samples.
        on_tokens_front: No policy under the same total is at least as accurate for at most as
            many tokens, and better in one of them.
        on_seconds_front: The same in seconds.
        groups: By pass rate; empty where `difference` is None.
    """

    policy: str
    cell: str
    accuracy: Interval
    tokens_per_question: Interval
    seconds_per_question: Interval
    difference: Interval | None
    overruns: int
    unanswered: int
    exhausted: int
    on_tokens_front: bool
    on_seconds_front: bool
    groups: list[GroupDifference]


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """All policies under one total (None: no limit)."""

    total_s: float | None
    policies: list[Standing]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that may be out of reach.

    Attributes:
        value: As the data have it; None if never reached.
        low: Lower end of its 95 % interval; None if hardly any resample reached it.
        high: Upper end; None if more than 2.5 % of the resamples did not reach it.
    """

    value: float | None
    low: float | None
    high: float | None


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a family pays for the baseline's accuracy.

    Attributes:
        needed: Tokens or seconds a question.
        ratio: The same as a multiple of what the baseline pays; None if it pays nothing.
        at_most: The family's cheapest policy is more accurate than that, so it may need less.
    """

    needed: Reach
    ratio: Reach
    at_most: bool


class FamilyCost(msgspec.Struct, frozen=True, kw_only=True):
    """One family's costs.

    Attributes:
        family: Name of the policies, without parameters.
        points: Its cells in the context.
        reached: Resamples in which it was as accurate as the baseline.
        tokens: What it pays in tokens.
        seconds: What it pays in seconds.
    """

    family: str
    points: int
    reached: int
    tokens: Cost
    seconds: Cost


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What each family pays to be as accurate as one cell of the baseline.

    Attributes:
        total_s: The baseline's total; None without a limit.
        accuracy: What is to be reached.
        families: In the order of their first appearance.
    """

    total_s: float | None
    accuracy: Interval
    families: list[FamilyCost]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """All tables over some models, each of which weighs the same."""

    budgets: list[Budget]
    matches: list[Match]


class ContextResult(msgspec.Struct, frozen=True, kw_only=True):
    """Cells that met the same questions on the same terms.

    Attributes:
        terms: What they share.
        baseline: The policy that others are compared with.
        models: All models.
        pool: Different questions over all models: the clusters of the bootstrap.
        policies: All policies; a policy's number is its place here.
        overall: Over all models.
        by_model: Each by itself; empty if there is one.
    """

    terms: Terms
    baseline: str
    models: list[str]
    pool: int
    policies: list[str]
    overall: Scope
    by_model: dict[str, Scope]


class CompareResults(msgspec.Struct, frozen=True, kw_only=True):
    """A whole comparison."""

    format: int = FORMAT
    seed: int
    resamples: int
    level: float
    contexts: list[ContextResult]


def encode_compare_results(results: CompareResults) -> bytes:
    """Write results as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n"
