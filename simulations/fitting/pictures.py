"""The pictures of a fit: how honest the evidence is, what time buys, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log, log10
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from simulations.report.look import (
    DASHES,
    INK,
    Picture,
    Record,
    chart_of,
    colour_of,
    finished,
    shape_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.pricing import Rule
    from scheduler import LatencyProfile
    from simulations.fitting.assembling import Fit
    from simulations.fitting.calibration import Calibration

Point = tuple[float, float]

LEAST_QUESTIONS = 5
"""Bins of fewer are not drawn: their intervals would look narrower than they are."""

_CALIBRATED = {
    "p_stays": "p_stays: probability that the leader stays ahead (Beta criterion)",
    "leader_share": "leader_share: the leader's share of all votes",
}
_ACCURACY = "Accuracy (%)"
_SECONDS = "Seconds a question (s)"
_WORTH = "Accuracy points per second"
_STEP = 0.05  # between points of a line, by the natural logarithm of seconds
_VALUE_STEPS = 48


@dataclass(frozen=True, slots=True)
class Sign:
    """What a colour and a shape stand for.

    Attributes:
        colour: A CSS colour.
        shape: An SVG path between −1 and 1.
        text: What it means.
    """

    colour: str
    shape: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture with the key to its signs."""

    picture: Picture
    key: list[Sign]


class _Signs:
    """Gives each value of a field its colour and its shape.

    Args:
        field: Of the records, with its kind.
        texts: What each value means, in order.
    """

    def __init__(self, field: str, texts: Mapping[Any, str]) -> None:
        self._texts = [*texts.values()]
        places = range(1, len(texts) + 1)  # the first colour is the ink of what is dashed
        self._colours = [colour_of(place) for place in places]
        self._shapes = [shape_of(place) for place in places]
        domain = [*texts]
        self.colour = alt.Color(
            field, scale=alt.Scale(domain=domain, range=self._colours), legend=None
        )
        self.shape = alt.Shape(
            field, scale=alt.Scale(domain=domain, range=self._shapes), legend=None
        )

    def key(self) -> list[Sign]:
        """Return the key."""
        return list(map(Sign, self._colours, self._shapes, self._texts))


def calibration_picture(calibrations: Sequence[Calibration]) -> Drawn:
    """Draw the share of right leaders against the features that speak for them."""
    records: list[Record] = [
        {
            "feature": one.feature,
            "x": cell.mean,
            "y": 100.0 * cell.right.mean,
            "low": 100.0 * cell.right.low,
            "high": 100.0 * cell.right.high,
            "share": 100.0 * cell.share,
            "questions": cell.questions,
        }
        for one in calibrations
        for cell in one.bins
        if cell.questions >= LEAST_QUESTIONS
    ]
    signs = _Signs("feature:N", {one.feature: _CALIBRATED[one.feature] for one in calibrations})
    axis = alt.Axis(title="The number that speaks for the leader (0 to 1)", tickCount=10)
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)
    y_scale = alt.Scale(domain=[0, 100])
    y = alt.Y("y:Q", scale=y_scale, title="Leader right (% of decisions)")
    low = alt.Y("low:Q", scale=y_scale, title="Leader right (% of decisions)")
    base = chart_of(records)
    size = alt.Size("share:Q", scale=alt.Scale(domain=[0, 100], range=[40, 900]), legend=None)
    layers = [
        _dashed([{"x": at, "y": 100.0 * at} for at in (0.0, 1.0)]).encode(x=x, y=y),
        base.mark_rule(strokeWidth=1.5, opacity=0.7).encode(
            x=x, y=low, y2="high:Q", color=signs.colour
        ),
        base.mark_point(filled=True, opacity=0.85).encode(
            x=x,
            y=y,
            color=signs.colour,
            shape=signs.shape,
            size=size,
            tooltip=[
                alt.Tooltip("feature:N", title="Number"),
                alt.Tooltip("x:Q", title="Mean", format=".3f"),
                alt.Tooltip("y:Q", title="Right (%)", format=".1f"),
                alt.Tooltip("low:Q", title="From (%)", format=".1f"),
                alt.Tooltip("high:Q", title="To (%)", format=".1f"),
                alt.Tooltip("share:Q", title="Of decisions (%)", format=".2g"),
                alt.Tooltip("questions:Q", title="Questions"),
            ],
        ),
    ]
    errors = ", ".join(
        f"{c.feature} {'unknown' if c.error is None else f'{100.0 * c.error:.1f} points'}"
        for c in calibrations
    )
    caption = (
        f"Expected calibration error: {errors}. Over all decisions of the recorded runs, played "
        "to their cap, at which a sample had voted; area: share of decisions; bars: 95 % intervals "
        f"over questions; bins of fewer than {LEAST_QUESTIONS} questions are left out. Dashed: "
        "the number itself. Neither claims to be the probability of being right: below the dashed "
        "line the votes are surer of the leader than they are right."
    )
    spoken = (
        f"Share of decisions at which the leader was right, in percent, against p_stays and "
        f"leader_share, in {len(records)} bins. Expected calibration error: {errors}."
    )
    picture = Picture("Is the evidence honest?", spoken, caption, finished(layers))
    return Drawn(picture, signs.key())


def hull_picture(fit: Fit, profile: LatencyProfile) -> Drawn:
    """Draw accuracy against seconds: a line a width, a point a rule of a lead, and their hull."""
    widths = sorted(fit.values)
    lines: list[Record] = []
    for width in widths:
        value, second = fit.values[width], fit.whole.unit_s(profile, width)
        for units, accuracy, price in zip(value.units, value.accuracy, value.price, strict=True):
            lines.append(
                {
                    "width": width,
                    "x": float(units * second),
                    "y": float(100.0 * accuracy),
                    "price": float(price),
                }
            )
    points: list[Record] = [
        {
            "width": lead.width,
            "x": lead.units * fit.whole.unit_s(profile, lead.width),
            "y": 100.0 * lead.accuracy,
            "rule": f"lead {lead.lead}, cap {lead.cap}",
        }
        for lead in fit.whole.leads
    ]
    every: list[Point] = [(record["x"], record["y"]) for record in (*lines, *points)]
    corners = hull_of(every)
    signs = _of_widths(widths)
    accuracies = [accuracy for _, accuracy in every]
    x = _log_x([*lines, *points])
    margin = 0.08 * (max(accuracies) - min(accuracies)) or 1.0
    y_scale = alt.Scale(
        domain=[min(accuracies) - margin, max(accuracies) + margin], nice=False, zero=False
    )
    y = alt.Y("y:Q", scale=y_scale, title=_ACCURACY)
    tooltip = [
        alt.Tooltip("width:O", title="At once"),
        alt.Tooltip("x:Q", title="Seconds", format=".4~g"),
        alt.Tooltip("y:Q", title=_ACCURACY, format=".1f"),
    ]
    between: list[Record] = [
        {"width": width, "place": place, **point}
        for width in widths
        for place, point in enumerate(
            _straight([(one["x"], one["y"]) for one in lines if one["width"] == width])
        )
    ]
    layers = [
        chart_of(between)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=y, order="place:Q", color=signs.colour),
        _dashed(_straight(corners)).encode(x=x, y=y),
        chart_of(lines)
        .mark_point(filled=True, size=25)
        .encode(
            x=x,
            y=y,
            color=signs.colour,
            shape=signs.shape,
            tooltip=[*tooltip, alt.Tooltip("price:Q", title="Accuracy a unit", format=".2g")],
        ),
        chart_of(points)
        .mark_point(size=110, strokeWidth=2)
        .encode(
            x=x,
            y=y,
            color=signs.colour,
            shape=signs.shape,
            tooltip=[*tooltip, alt.Tooltip("rule:N", title="Rule")],
        ),
    ]
    caption = (
        "Up and left is better. Lines: the learnt rule of each width from dear to cheap time; "
        "large hollow marks: rules of a lead; dashed: the upper concave hull over all of them, "
        "what a mixture of rules reaches. Every question is judged by rules that never saw it; "
        f"seconds by the latency profile {profile.name}."
    )
    spoken = (
        f"Accuracy in percent against seconds a question: {len(widths)} lines of learnt rules and "
        f"{len(points)} points of lead rules with their upper hull, which ends at "
        f"{corners[-1][1]:.1f} % and {corners[-1][0]:.3g} seconds. A table below holds figures."
    )
    return Drawn(Picture("What time buys", spoken, caption, finished(layers)), signs.key())


def value_picture(fit: Fit, profile: LatencyProfile) -> Drawn:
    """Draw what one more second is worth against the seconds of a question."""
    records = _worth([(rule, fit.whole.unit_s(profile, rule.width)) for rule in fit.whole.rules])
    signs = _of_widths(sorted(fit.values))
    x = _log_x(records)
    scale, axis = _logarithmic([record["y"] for record in records], _WORTH)
    marks = chart_of(records).mark_point(filled=True, size=80, opacity=0.85)
    layers = [
        marks.encode(
            x=x,
            y=alt.Y("y:Q", scale=scale, axis=axis),
            color=signs.colour,
            shape=signs.shape,
            tooltip=[
                alt.Tooltip("width:O", title="At once"),
                alt.Tooltip("x:Q", title="Seconds", format=".4~g"),
                alt.Tooltip("y:Q", title=_WORTH, format=".2g"),
                alt.Tooltip("accuracy:Q", title=_ACCURACY, format=".1f"),
            ],
        ),
    ]
    caption = (
        "At so many seconds a question, what the next second of each question adds, in "
        "percentage points, at the width whose learnt rule buys most there. No mark: nothing was "
        "seen to be bought there."
    )
    spoken = "Accuracy points per second against seconds a question, both logarithmic" + (
        f": from {records[0]['y']:.2g} at {records[0]['x']:.3g} seconds to "
        f"{records[-1]['y']:.2g} at {records[-1]['x']:.3g}."
        if records
        else "; nothing was seen to be bought."
    )
    return Drawn(Picture("What a second is worth", spoken, caption, finished(layers)), signs.key())


def hull_of(points: Sequence[Point]) -> list[Point]:
    """Return the corners of the upper concave hull, as far as accuracy rises with seconds."""
    hull: list[Point] = []
    for x, y in sorted(points, key=lambda point: (point[0], -point[1])):
        if hull and y <= hull[-1][1]:
            continue
        while hull[1:] and _is_below(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return hull


def _is_below(left: Point, middle: Point, right: Point) -> bool:
    """Whether the middle point is on or below the chord of the others."""
    rise, run = right[1] - left[1], right[0] - left[0]
    return (middle[1] - left[1]) * run <= rise * (middle[0] - left[0])


def _worth(rules: Sequence[tuple[Rule, float]]) -> list[Record]:
    """Return what a second is worth at each number of seconds.

    Args:
        rules: With the seconds of a unit.
    """
    low = min(rule.units[-1] * second for rule, second in rules)
    high = max(rule.units[0] * second for rule, second in rules)
    records: list[Record] = []
    for seconds in np.geomspace(low, high, _VALUE_STEPS).tolist():
        rule, second = max(rules, key=lambda pair: pair[0].buys(seconds / pair[1])[0])
        units = seconds / second
        if not rule.units[-1] <= units < rule.units[0]:
            continue  # beyond what was judged there is no price
        accuracy, price = rule.buys(units)
        records.append(
            {
                "width": rule.width,
                "x": seconds,
                "y": 100.0 * price / second,
                "accuracy": 100.0 * accuracy,
            }
        )
    return records


def _of_widths(widths: Sequence[int]) -> _Signs:
    return _Signs("width:N", {width: _at_once(width) for width in widths})


def _at_once(width: int) -> str:
    return "one sample at a time" if width == 1 else f"{width} samples at once"


def _log_x(records: Sequence[Record]) -> alt.X:
    scale, axis = _logarithmic([record["x"] for record in records], _SECONDS)
    return alt.X("x:Q", scale=scale, axis=axis)


def _logarithmic(values: Sequence[float], title: str) -> tuple[alt.Scale, alt.Axis]:
    """Return a scale and an axis with marks at 1, 2 and 5 of each power of ten."""
    low, high = 0.85 * min(values, default=1.0), 1.15 * max(values, default=1.0)
    powers = range(floor(log10(low)), ceil(log10(high)))
    marks = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    axis = alt.Axis(title=title, format="~g", values=[at for at in marks if low <= at <= high])
    return alt.Scale(type="log", domain=[low, high], nice=False), axis


def _straight(points: Sequence[Point]) -> list[Record]:
    """Return a line with points between, so that it is straight in seconds on any axis."""
    records: list[Record] = []
    for (x0, y0), (x1, y1) in pairwise(points):
        count = 1 + ceil(abs(log(x1 / x0)) / _STEP)
        along = zip(np.linspace(x0, x1, count).tolist(), np.linspace(y0, y1, count), strict=True)
        records += [{"x": x, "y": float(y)} for x, y in along]
    return records


def _dashed(records: list[Record]) -> alt.Chart:
    chart: alt.Chart = chart_of(records).mark_line(color=INK, strokeDash=DASHES, strokeWidth=1.5)
    return chart
