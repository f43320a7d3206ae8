"""Accuracy against what it costs: a point a policy, and the bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from simulations.report.look import (
    DASHES,
    INK,
    Picture,
    Record,
    chart_of,
    colour,
    counted_policies,
    finished,
    shape,
)
from simulations.report.placing import Mark, beside, emptier_side
from simulations.results import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.results import Results

_ACCURACY = "Accuracy (%)"
_INSET = 4  # pixels between the plot's edge and a bound's name


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
    caption = "Up and left is better. Bars are 95 % intervals; dashed rules are the bounds."
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
    bounds = _bound_records(results)
    x_high = 1.04 * max(cost.high for cost in costs.values()) or 1.0
    ends = [end for accuracy in accuracies.values() for end in (accuracy.low, accuracy.high)]
    ends += [bound["accuracy"] for bound in bounds]
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
    sides = [emptier_side(marks, height(bound["accuracy"])) for bound in bounds]
    rules = chart_of(bounds).mark_rule(strokeDash=DASHES, color=INK, opacity=0.6)
    bound_y = alt.Y("accuracy:Q", scale=y_scale, title=_ACCURACY)
    return finished(
        [
            rules.encode(y=bound_y),
            *_point_layers(results, records, x_scale, y_scale, title),
            *(
                chart_of([bound])
                .mark_text(
                    align=side, dx=_INSET if side == "left" else -_INSET, dy=bound["dy"], color=INK
                )
                .encode(
                    x=alt.value(0 if side == "left" else "width"),
                    y=bound_y,
                    text=alt.Text("name:N"),
                )
                for bound, side in zip(bounds, sides, strict=True)
            ),
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


def _bound_records(results: Results) -> list[Record]:
    """Return both bounds; the higher is named above its rule and the lower below."""
    bounds = results.bounds
    named = sorted(
        [
            ("pool majority", 100.0 * bounds.pool_majority.mean),
            ("best stopping", 100.0 * bounds.best_stopping.mean),
        ],
        key=lambda bound: bound[1],
    )
    return [
        {"name": f"{name} {accuracy:.1f} %", "accuracy": accuracy, "dy": dy}
        for (name, accuracy), dy in zip(named, (9, -8), strict=True)
    ]


def _scaled(interval: Interval, scale: float) -> Interval:
    return Interval(interval.mean * scale, interval.low * scale, interval.high * scale)


def _spoken(interval: Interval) -> str:
    return f"{interval.mean:,.2f} ({interval.low:,.2f}…{interval.high:,.2f})"
