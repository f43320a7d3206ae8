"""What a comparison finds: exact cases, and agreement with what a replay says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl
import pytest

from scheduler import CallerError
from simulations.bootstrap import RESAMPLES, Estimate
from simulations.compare.contexts import contexts_of
from simulations.compare.groups import group_masks
from simulations.compare.results import CompareResults, Reach
from simulations.compare.scopes import compare, reach, steps
from simulations.comparison import Bound, Comparison
from simulations.sums import PolicySums

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.compare.results import FamilyCost, Match
    from simulations.pool import Pool

    Rows = Callable[..., pl.DataFrame]

ONE = Reach(value=1.0, low=1.0, high=1.0)
HALF = Reach(value=0.5, low=0.5, high=0.5)
NEVER = Reach(value=None, low=None, high=None)


def compared(rows: pl.DataFrame, baseline: str | None = None) -> CompareResults:
    """Compare the cells of these rows."""
    return compare(contexts_of(rows), baseline=baseline, seed=0, advance=lambda _: None)


def renamed(rows: pl.DataFrame, policy: str, **columns: pl.Expr) -> pl.DataFrame:
    """Return the same cells as another policy, with some columns changed."""
    return rows.with_columns(
        policy=pl.lit(policy), cell=pl.col("cell").str.head(32) + pl.lit(policy), **columns
    )


def cost_of(match: Match, family: str) -> FamilyCost:
    """Return one family's costs."""
    return next(cost for cost in match.families if cost.family == family)


@pytest.fixture
def alone(sweep: Rows) -> pl.DataFrame:
    """One policy under one total."""
    return sweep(played=[("self-consistency", 0.1, 60_000, 128.0)], totals=(3000.0,))


def test_a_policy_costs_exactly_itself(alone: pl.DataFrame) -> None:
    """Against itself the ratio is 1 and the difference 0, without any width."""
    results = compared(alone)
    (context,) = results.contexts
    for scope in (context.overall, *context.by_model.values()):
        (cost,) = scope.matches[0].families
        assert cost.tokens.ratio == cost.seconds.ratio == ONE
        assert cost.reached == RESAMPLES
        difference = scope.budgets[0].policies[0].difference
        assert difference is not None
        assert (difference.mean, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_half_the_cost_at_equal_accuracy_is_half(alone: pl.DataFrame) -> None:
    """A policy that is twice as cheap on every question has the ratio 0.5, without any width."""
    cheap = renamed(alone, "cheap", tokens=pl.col("tokens") // 2, seconds=pl.col("seconds") / 2)
    even = alone.with_columns(tokens=pl.col("tokens") // 2 * 2)
    (match,) = compared(pl.concat([even, cheap])).contexts[0].overall.matches
    cost = cost_of(match, "cheap")
    assert cost.tokens.ratio == cost.seconds.ratio == HALF
    assert not cost.tokens.at_most


def test_a_worse_family_never_reaches_the_baseline(alone: pl.DataFrame) -> None:
    """Never reached is null, in the figure, in its interval and in the count of resamples."""
    worse = renamed(alone, "worse", correct=pl.lit(0, dtype=pl.Int64))
    (match,) = compared(pl.concat([alone, worse])).contexts[0].overall.matches
    cost = cost_of(match, "worse")
    assert cost.tokens.needed == cost.tokens.ratio == cost.seconds.ratio == NEVER
    assert cost.reached == 0


def test_a_better_family_is_bounded_by_its_cheapest_point(alone: pl.DataFrame) -> None:
    """A cheapest point that is more accurate says how much is enough, and that less may be."""
    better = renamed(alone, "better", correct=pl.col("plays"), seconds=pl.col("seconds") / 2)
    (match,) = compared(pl.concat([alone, better])).contexts[0].overall.matches
    cost = cost_of(match, "better")
    assert cost.seconds.ratio == HALF
    assert cost.seconds.at_most


def test_parameters_and_totals_of_a_family_make_one_hull(sweep: Rows) -> None:
    """Half way in accuracy between two of a family's points costs half way between them."""
    rows = sweep(
        played=[
            ("base", 0.0, 1000, 64.0),
            ("mix:k=1", 0.0, 2000, 32.0),
            ("mix:k=2", 0.0, 4000, 96.0),
        ],
        totals=(None,),
        models=("only",),
    )
    right = {"base": 20, "mix:k=1": 10, "mix:k=2": 30}
    rows = rows.with_columns(
        correct=pl.col("policy").replace_strict(right, return_dtype=pl.Int64),
        tokens=pl.col("policy").replace_strict(
            {"base": 40_000, "mix:k=1": 20_000, "mix:k=2": 100_000}, return_dtype=pl.Int64
        ),
    )
    (match,) = compared(rows, "base").contexts[0].overall.matches
    cost = cost_of(match, "mix")
    assert cost.points == 2
    assert cost.tokens.needed.value == 1500.0
    assert cost.tokens.ratio.value == 1.5


def test_a_baseline_that_pays_nothing_has_no_ratio(alone: pl.DataFrame) -> None:
    """Costs are told, multiples of nothing are not."""
    idle = renamed(alone, "null", tokens=pl.col("tokens") * 0, seconds=pl.col("seconds") * 0)
    (match,) = compared(pl.concat([alone, idle]), "null").contexts[0].overall.matches
    cost = cost_of(match, "self-consistency")
    assert cost.tokens.needed.value is not None
    assert cost.tokens.ratio == NEVER


def test_an_end_that_too_many_resamples_miss_is_open() -> None:
    """The upper end is out of reach as soon as more than 2.5 % of the resamples are."""
    column = np.ones(1 + RESAMPLES)
    column[-50:] = np.inf
    assert reach(column) == ONE
    column[-51:] = np.inf
    assert reach(column) == Reach(value=1.0, low=1.0, high=None)


def test_figures_agree_with_those_of_a_replay(sweep: Rows) -> None:
    """The same sums give the same means and intervals as `simulations.comparison`."""
    context = contexts_of(sweep())[0]
    standing = compared(sweep()).contexts[0].overall.budgets[0].policies[1]
    cell = next(k for k, cell in enumerate(context.cells) if cell.name == standing.cell)
    questions = [SimpleNamespace(question_id=name) for name in context.question_ids]
    pools = [SimpleNamespace(model=model, questions=questions) for model in context.models]
    sums = {
        model: PolicySums(
            count=context.plays[cell, k].astype(float),
            correct=context.correct[cell, k].astype(float),
            tokens=context.tokens[cell, k].astype(float),
            seconds=context.seconds[cell, k],
            elapsed_s=np.ones(2),
            elapsed_squared=np.ones(2),
        )
        for k, model in enumerate(context.models)
    }
    nothing = Estimate(0.0, np.zeros(RESAMPLES))
    replayed = Comparison(cast("list[Pool]", pools), 0).policy(
        "p", sums, Bound(nothing, nothing, nothing)
    )
    for mine, theirs in (
        (standing.accuracy, replayed.accuracy),
        (standing.tokens_per_question, replayed.tokens_per_question),
        (standing.seconds_per_question, replayed.seconds_per_question),
    ):
        assert (mine.mean, mine.low, mine.high) == pytest.approx(
            (theirs.mean, theirs.low, theirs.high)
        )


def test_the_usual_baseline_is_taken_where_it_was_played(sweep: Rows) -> None:
    """Without it the first policy is the baseline; an unknown one is refused with what there is."""
    assert compared(sweep()).contexts[0].baseline == "self-consistency"
    others = sweep().filter(pl.col("policy") != "self-consistency")
    assert compared(others).contexts[0].baseline == "self-consistency:k=16"
    with pytest.raises(CallerError, match=r"argument --baseline: 'bank' was not played .*clamp"):
        compared(sweep(), "bank")


def test_a_total_without_the_baseline_has_no_differences(sweep: Rows) -> None:
    """Differences pair cells under the same total only; accuracies are still told."""
    unlimited = (pl.col("policy") == "self-consistency") & pl.col("total_s").is_null()
    context = compared(sweep().filter(~unlimited)).contexts[0]
    first, last = context.overall.budgets
    assert all(standing.difference is not None for standing in first.policies)
    assert all(standing.difference is None for standing in last.policies)
    assert all(not standing.groups for standing in last.policies)
    assert [match.total_s for match in context.overall.matches] == [3000.0]


def test_models_weigh_the_same_and_stand_apart(sweep: Rows) -> None:
    """The whole accuracy is the mean of the models' accuracies; one model has no parts."""
    context = compared(sweep()).contexts[0]
    parts = [scope.budgets[0].policies[0].accuracy.mean for scope in context.by_model.values()]
    assert list(context.by_model) == ["small", "large"]
    assert context.overall.budgets[0].policies[0].accuracy.mean == pytest.approx(sum(parts) / 2)
    assert compared(sweep(models=("only",))).contexts[0].by_model == {}


def test_groups_add_up_to_the_whole_difference(sweep: Rows) -> None:
    """Weighed by their questions, the groups' differences make the whole difference."""
    context = compared(sweep()).contexts[0]
    for standing in context.overall.budgets[0].policies:
        groups = [group for group in standing.groups if group.accuracy is not None]
        total = sum(group.questions for group in groups)
        parts = sum(group.questions * group.accuracy.mean for group in groups if group.accuracy)
        assert standing.difference is not None
        assert total == 24
        assert parts / total == pytest.approx(standing.difference.mean)


def test_pass_rates_fall_into_five_groups() -> None:
    """The quarters themselves belong to the middle; a question not asked belongs nowhere."""
    rates = np.array([0.0, 0.1, 0.25, 0.75, 0.9, 1.0, np.nan])
    places = [np.flatnonzero(mask).tolist() for mask in group_masks(rates)]
    assert places == [[0], [1], [2, 3], [4], [5]]


def test_wins_are_counted_beyond_two_points(alone: pl.DataFrame) -> None:
    """Of 50 plays one more right is exactly two points and no win; two more are a win."""
    base = alone.with_columns(plays=pl.lit(50), correct=pl.lit(25), pass_rate=pl.lit(0.5))
    base = base.with_columns(pl.col("plays", "correct").cast(pl.Int64))
    place = pl.int_range(pl.len()).over("model") % 4
    other = renamed(base, "other", correct=25 + place - 1)
    (group,) = [
        group
        for group in compared(pl.concat([base, other]))
        .contexts[0]
        .overall.budgets[0]
        .policies[1]
        .groups
        if group.questions
    ]
    assert (group.questions, group.better, group.worse) == (24, 6, 0)


def test_progress_ends_at_what_was_announced(sweep: Rows) -> None:
    """Every step is told, the last one is the number of steps."""
    contexts = contexts_of(sweep())
    told: list[int] = []
    compare(contexts, baseline=None, seed=0, advance=told.append)
    assert told == list(range(1, steps(contexts) + 1))
