"""Accuracy against what it costs: a point a policy, and the bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from simulations.report.look import (
    DASHES,
    HEIGHT,
    INK,
    Picture,
    Record,
    chart_of,
    colour,
    counted_policies,
    finished,
    shape,
)
from simulations.report.placing import LINE, Mark, beside, pushed_apart
from simulations.results import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulations.results import Results

_ACCURACY = "Accuracy (%)"
_ASIDE = 8  # pixels between the plot and a bound's name
_NAME_HEIGHT = 2.4 * LINE  # of its two lines


def time_picture(results: Results) -> Picture:
    """Draw accuracy against seconds a question."""
    costs = {k: results.policies[k].seconds_per_question for k in _attempting(results)}
    return _picture(
        results, costs, "Accuracy against time", "seconds a question", "Seconds a question (s)"
    )


def token_picture(results: Results) -> Picture:
    """Draw accuracy against thousand tokens a question."""
    costs = {
        k: _scaled(results.policies[k].tokens_per_question, 1e-3) for k in _attempting(results)
    }
    return _picture(
        results,
        costs,
        "Accuracy against tokens",
        "thousand tokens a question",
        "Thousand tokens a question",
    )


def _attempting(results: Results) -> list[int]:
    """Return the places of the policies that spend tokens; of all if none does.

    One that attempts nothing would only press the others together.
    """
    places = range(len(results.policies))
    return [k for k in places if results.policies[k].tokens_per_question.mean > 0.0] or [*places]


def _picture(
    results: Results, costs: dict[int, Interval], title: str, cost: str, axis: str
) -> Picture:
    """Put words around a scatter."""
    caption = (
        "Up and left is better. Bars are 95 % intervals. Dashed rules are the bounds: the majority "
        "of all logged samples, and the best stopping in hindsight."
    )
    for place, policy in enumerate(results.policies):
        if place not in costs:
            caption += (
                f" Not drawn, for it spends no token: {place + 1}, {policy.policy} "
                f"({100.0 * policy.accuracy.mean:.1f} %)."
            )
    spoken = (
        f"Accuracy in percent of {counted_policies(results)} against {cost}, with both bounds; "
        "the tables below hold the figures."
    )
    return Picture(title, spoken, caption, _spec(results, costs, axis))


def _spec(results: Results, costs: dict[int, Interval], title: str) -> Record:
    """Draw the points with their intervals both ways, and both bounds as rules."""
    accuracies = {place: _scaled(results.policies[place].accuracy, 100.0) for place in costs}
    x_high = 1.04 * max(cost.high for cost in costs.values()) or 1.0
    ends = [end for accuracy in accuracies.values() for end in (accuracy.low, accuracy.high)]
    bounds_of = (results.bounds.pool_majority, results.bounds.best_stopping)
    ends += [100.0 * bound.mean for bound in bounds_of]
    margin = 0.08 * (max(ends) - min(ends)) or 1.0
    y_low, y_high = min(ends) - margin, max(ends) + margin

    def height(accuracy: float) -> float:
        return (y_high - accuracy) / (y_high - y_low)

    marks = [
        Mark(
            x=cost.mean / x_high,
            y=height(accuracies[place].mean),
            left=cost.low / x_high,
            right=cost.high / x_high,
            top=height(accuracies[place].high),
            bottom=height(accuracies[place].low),
        )
        for place, cost in costs.items()
    ]
    records: list[Record] = [
        {
            "number": str(place + 1),
            "policy": results.policies[place].policy,
            "x": cost.mean,
            "x_low": cost.low,
            "x_high": cost.high,
            "y": accuracies[place].mean,
            "y_low": accuracies[place].low,
            "y_high": accuracies[place].high,
            "cost": _spoken(cost),
            "accuracy": _spoken(accuracies[place]),
            "dx": round(dx, 1),
            "dy": round(dy, 1),
        }
        for (place, cost), (dx, dy) in zip(costs.items(), beside(marks), strict=True)
    ]
    # Every layer names the same scale, lest one of them widens it.
    x_scale = alt.Scale(domain=[0, x_high], nice=False)
    y_scale = alt.Scale(domain=[y_low, y_high], nice=False, zero=False)
    bounds = chart_of(_bound_records(results, height))
    bound_y = alt.Y("accuracy:Q", scale=y_scale, title=_ACCURACY)
    names = bounds.mark_text(align="left", dx=_ASIDE, dy=alt.expr("datum.dy"), lineBreak="\n")
    return finished(
        [
            bounds.mark_rule(strokeDash=DASHES, color=INK, opacity=0.6).encode(y=bound_y),
            *_point_layers(results, records, x_scale, y_scale, title),
            names.encode(x=alt.value("width"), y=bound_y, text="name:N"),
        ]
    )


def _point_layers(
    results: Results, records: list[Record], x_scale: alt.Scale, y_scale: alt.Scale, title: str
) -> Sequence[alt.Chart]:
    """Draw the points, their bars and their numbers."""
    base = chart_of(records)
    x = alt.X("x:Q", scale=x_scale, title=title)
    x_low = alt.X("x_low:Q", scale=x_scale, title=title)
    y = alt.Y("y:Q", scale=y_scale, title=_ACCURACY)
    y_low = alt.Y("y_low:Q", scale=y_scale, title=_ACCURACY)
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.75).encode(color=colour(results))
    return [
        bars.encode(x=x_low, x2="x_high:Q", y=y),
        bars.encode(x=x, y=y_low, y2="y_high:Q"),
        base.mark_point(filled=True, size=130, opacity=1).encode(
            x=x,
            y=y,
            color=colour(results),
            shape=shape(results),
            tooltip=[
                alt.Tooltip("policy:N", title="Policy"),
                alt.Tooltip("accuracy:N", title=_ACCURACY),
                alt.Tooltip("cost:N", title=title),
            ],
        ),
        base.mark_text(
            fontWeight="bold", color=INK, dx=alt.expr("datum.dx"), dy=alt.expr("datum.dy")
        ).encode(x=x, y=y, text="number:N"),
    ]


def _bound_records(results: Results, height: Callable[[float], float]) -> list[Record]:
    """Return both bounds with their names, which stand to the right of the plot.

    Args:
        results: Where the bounds are.
        height: Where an accuracy is drawn, as a share of the plot from its top.
    """
    bounds = [
        ("majority", 100.0 * results.bounds.pool_majority.mean),
        ("stopping", 100.0 * results.bounds.best_stopping.mean),
    ]
    at = [height(accuracy) * HEIGHT for _, accuracy in bounds]
    apart = pushed_apart(at, _NAME_HEIGHT)
    return [
        {
            "name": f"{name}\n{accuracy:.1f} %",
            "accuracy": accuracy,
            "dy": round(label - rule - LINE / 2, 1),  # a text of two lines stands on its first
        }
        for (name, accuracy), rule, label in zip(bounds, at, apart, strict=True)
    ]


def _scaled(interval: Interval, scale: float) -> Interval:
    return Interval(interval.mean * scale, interval.low * scale, interval.high * scale)


def _spoken(interval: Interval) -> str:
    return f"{interval.mean:,.2f} ({interval.low:,.2f}…{interval.high:,.2f})"
