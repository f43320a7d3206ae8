"""The pictures of a comparison: accuracy against cost, with the front of every total.

Costs of rules that sample one by one and of those that sample at once lie orders apart, so their
axis is logarithmic.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import altair as alt

from simulations.compare.table import limit_text
from simulations.report.look import (
    HEIGHT,
    INK,
    Picture,
    Record,
    chart_of,
    colour_of,
    finished,
    shape_of,
)
from simulations.report.placing import LINE, Mark, beside, pushed_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.compare.results import ContextResult, Standing
    from simulations.results import Interval

_ACCURACY = "Accuracy (%)"
_DASHES = ([1, 0], [6, 4], [2, 3], [10, 3, 2, 3])  # of the totals' fronts
_INSET = 4  # pixels between the plot's edge and a front's name
_LEAST_COST = 1e-4  # seconds or thousand tokens
_FAINT, _CLEAR = 0.35, 1.0  # off a front and on it


@dataclass(frozen=True, slots=True)
class _Point:
    """A cell in one picture.

    Attributes:
        place: Of its total.
        total_s: Its total.
        standing: Its figures.
        cost: Seconds or thousand tokens a question.
        on_front: In this cost.
    """

    place: int
    total_s: float | None
    standing: Standing
    cost: Interval
    on_front: bool


def family_of(policy: str) -> str:
    """Return a policy without its parameters."""
    return policy.partition(":")[0]


def family_places(context: ContextResult) -> dict[str, int]:
    """Return each family's place, which gives its policies their colour and shape."""
    families = dict.fromkeys(family_of(policy) for policy in context.policies)
    return {family: place for place, family in enumerate(families)}


def seconds_picture(context: ContextResult) -> Picture:
    """Draw accuracy against seconds a question."""
    points = [
        _Point(place, total_s, one, _drawable(one.seconds_per_question), one.on_seconds_front)
        for place, total_s, one in _standings(context)
    ]
    return _picture(context, points, "time", "Seconds a question (s)")


def tokens_picture(context: ContextResult) -> Picture:
    """Draw accuracy against thousand tokens a question."""
    points = []
    for place, total_s, one in _standings(context):
        cost = _drawable(_scaled(one.tokens_per_question, 1e-3))
        points.append(_Point(place, total_s, one, cost, one.on_tokens_front))
    return _picture(context, points, "tokens", "Thousand tokens a question")


def _standings(context: ContextResult) -> list[tuple[int, float | None, Standing]]:
    """Return the cells that spend tokens, or all if none does, each with its total.

    One that attempts nothing would only press the others together.
    """
    every = [
        (place, budget.total_s, standing)
        for place, budget in enumerate(context.overall.budgets)
        for standing in budget.policies
    ]
    return [found for found in every if found[2].tokens_per_question.mean > 0.0] or every


def _picture(context: ContextResult, points: list[_Point], what: str, axis: str) -> Picture:
    """Put words around a figure."""
    totals = len(context.overall.budgets)
    caption = (
        "Up and left is better. Steps are fronts"
        f"{', one for each total' if totals > 1 else ''}; policies on them are strong and "
        "numbered, the others faint; bars are 95 % intervals; the ring is the baseline."
    )
    drawn = {point.standing.policy for point in points}
    idle = [policy for policy in context.policies if policy not in drawn]
    if idle:
        caption += f" Not drawn, for they spend no token: {', '.join(idle)}."
    spoken = (
        f"Accuracy in percent against {axis.lower()} of {len(points)} cells, with the front of "
        f"each of {totals} totals; the tables below hold the figures."
    )
    return Picture(f"Accuracy against {what}", spoken, caption, _spec(context, points, axis))


def _spec(context: ContextResult, points: list[_Point], axis: str) -> Record:
    """Draw fronts, then bars, rings, points and numbers over them."""
    x_high = 1.1 * max(point.cost.high for point in points)
    x_least = 0.9 * min(point.cost.low for point in points)
    ends = [
        100.0 * end
        for point in points
        for end in (point.standing.accuracy.low, point.standing.accuracy.high)
    ]
    margin = 0.08 * (max(ends) - min(ends)) or 1.0
    y_low, y_high = min(ends) - margin, max(ends) + margin
    # Every layer names the same scales, lest one of them widens it.
    x_scale = alt.Scale(type="log", domain=[x_least, x_high], nice=False)
    y_scale = alt.Scale(domain=[y_low, y_high], nice=False, zero=False)
    axes = _Axes(
        x=alt.X("x:Q", scale=x_scale, title=axis),
        x_low=alt.X("x_low:Q", scale=x_scale, title=axis),
        y=alt.Y("y:Q", scale=y_scale, title=_ACCURACY),
        y_low=alt.Y("y_low:Q", scale=y_scale, title=_ACCURACY),
        title=axis,
        left=x_least,
        right=x_high,
        bottom=y_low,
        top=y_high,
    )
    return finished([*_front_layers(points, axes), *_point_layers(context, points, axes)])


@dataclass(frozen=True, slots=True)
class _Axes:
    """Encodings that all layers share, the cost's name and the scales' ends."""

    x: alt.X
    x_low: alt.X
    y: alt.Y
    y_low: alt.Y
    title: str
    left: float
    right: float
    bottom: float
    top: float

    def along(self, cost: float) -> float:
        """Return how far from the left of the plot a cost lies, as a share of it."""
        return log(cost / self.left) / log(self.right / self.left)

    def height(self, accuracy: float) -> float:
        """Return how far from the top of the plot an accuracy (%) lies, as a share of it."""
        return (self.top - accuracy) / (self.top - self.bottom)


def _front_layers(points: list[_Point], axes: _Axes) -> list[alt.Chart]:
    """Draw a step line a total, named at its right end where there are several."""
    layers, names, heights = [], [], []
    for place in sorted({point.place for point in points}):
        front = sorted(
            (point for point in points if point.place == place and point.on_front),
            key=lambda point: point.cost.mean,
        )
        if not front:  # its only members may be those that spend nothing
            continue
        steps = [_corner(point.cost.mean, point.standing.accuracy) for point in front]
        steps.append(_corner(axes.right, front[-1].standing.accuracy))
        line = chart_of(steps).mark_line(
            interpolate="step-after",
            color=INK,
            opacity=0.5,
            strokeWidth=1.5,
            strokeDash=_DASHES[place % len(_DASHES)],
        )
        layers.append(line.encode(x=axes.x, y=axes.y))
        names.append(limit_text(front[0].total_s))
        heights.append(HEIGHT * axes.height(steps[-1]["y"]) - 0.5 * LINE)
    if len(names) > 1:
        for name, height in zip(names, pushed_apart(heights), strict=True):
            text = chart_of([{"name": name}]).mark_text(align="right", dx=-_INSET, color=INK)
            layers.append(
                text.encode(x=alt.value("width"), y=alt.value(height), text=alt.Text("name:N"))
            )
    return layers


def _corner(cost: float, accuracy: Interval) -> Record:
    return {"x": cost, "y": 100.0 * accuracy.mean}


def _point_layers(context: ContextResult, points: list[_Point], axes: _Axes) -> Sequence[alt.Chart]:
    """Draw the points, the baseline's rings, the bars, and numbers on the fronts."""
    places = family_places(context)
    records = [_record(context, point) for point in points]
    colour = alt.Color(
        "family:N",
        scale=alt.Scale(domain=list(places), range=[colour_of(k) for k in places.values()]),
        legend=None,
    )
    shape = alt.Shape(
        "family:N",
        scale=alt.Scale(domain=list(places), range=[shape_of(k) for k in places.values()]),
        legend=None,
    )
    opacity = alt.Opacity("opacity:Q", scale=None)
    base = chart_of(records)
    bars = base.mark_rule(strokeWidth=1.5).encode(color=colour, opacity=opacity)
    rings = [record for record in records if record["policy"] == context.baseline]
    layers = [
        bars.encode(x=axes.x_low, x2="x_high:Q", y=axes.y),
        bars.encode(x=axes.x, y=axes.y_low, y2="y_high:Q"),
        base.mark_point(filled=True, size=110).encode(
            x=axes.x,
            y=axes.y,
            color=colour,
            shape=shape,
            opacity=opacity,
            tooltip=[
                alt.Tooltip("policy:N", title="Policy"),
                alt.Tooltip("total:N", title="Total"),
                alt.Tooltip("accuracy:N", title=_ACCURACY),
                alt.Tooltip("cost:N", title=axes.title),
            ],
        ),
    ]
    if rings:
        ring = chart_of(rings).mark_point(filled=False, size=420, stroke=INK, strokeWidth=1.5)
        layers.append(ring.encode(x=axes.x, y=axes.y))
    numbered = [point for point in points if _numbered(context, point)]
    labels = [
        {**_record(context, point), "dx": round(dx, 1), "dy": round(dy, 1)}
        for point, (dx, dy) in zip(
            numbered, beside([_mark(p, axes) for p in numbered]), strict=True
        )
    ]
    if labels:
        text = chart_of(labels).mark_text(
            fontWeight="bold", color=INK, dx=alt.expr("datum.dx"), dy=alt.expr("datum.dy")
        )
        layers.append(text.encode(x=axes.x, y=axes.y, text="number:N"))
    return layers


def _numbered(context: ContextResult, point: _Point) -> bool:
    return point.on_front or point.standing.policy == context.baseline


def _mark(point: _Point, axes: _Axes) -> Mark:
    accuracy = _scaled(point.standing.accuracy, 100.0)
    return Mark(
        x=axes.along(point.cost.mean),
        y=axes.height(accuracy.mean),
        left=axes.along(point.cost.low),
        right=axes.along(point.cost.high),
        top=axes.height(accuracy.high),
        bottom=axes.height(accuracy.low),
    )


def _record(context: ContextResult, point: _Point) -> Record:
    standing = point.standing
    accuracy = _scaled(standing.accuracy, 100.0)
    return {
        "number": str(context.policies.index(standing.policy) + 1),
        "policy": standing.policy,
        "family": family_of(standing.policy),
        "total": limit_text(point.total_s),
        "x": point.cost.mean,
        "x_low": point.cost.low,
        "x_high": point.cost.high,
        "y": accuracy.mean,
        "y_low": accuracy.low,
        "y_high": accuracy.high,
        "opacity": _CLEAR if _numbered(context, point) else _FAINT,
        "accuracy": _spoken(accuracy),
        "cost": _spoken(point.cost),
    }


def _scaled(interval: Interval, scale: float) -> Interval:
    return type(interval)(interval.mean * scale, interval.low * scale, interval.high * scale)


def _drawable(cost: Interval) -> Interval:
    """Keep a cost above 0, where a logarithm ends."""
    return type(cost)(*(max(end, _LEAST_COST) for end in (cost.mean, cost.low, cost.high)))


def _spoken(interval: Interval) -> str:
    return f"{interval.mean:,.2f} ({interval.low:,.2f}…{interval.high:,.2f})"
