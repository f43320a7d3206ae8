"""The pictures of a report, as Vega-Lite specifications.

A policy is told apart by its number, its shape and its colour, so that none of them is needed
alone. Ink that must follow the page's light or dark look is `currentColor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.results import Interval, PolicyResult, Results

Record = dict[str, Any]
Point = tuple[float, float]

INK = "currentColor"
# Okabe and Ito's colours for every kind of colour vision, without the yellow that white swallows.
COLOURS = (INK, "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# SVG paths between −1 and 1: circle, square, triangle, diamond, cross, triangle downward.
SHAPES = (
    "M-.9,0A.9,.9 0 1 1 .9,0A.9,.9 0 1 1 -.9,0Z",
    "M-.8,-.8H.8V.8H-.8Z",
    "M0,-1L1,.8H-1Z",
    "M0,-1.1L1.1,0L0,1.1L-1.1,0Z",
    "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
    "M0,1L1,-.8H-1Z",
)
HEIGHT = 360
_PLOT_WIDTHS = (280, 760)  # of a phone and of a wide page; labels must be free in both
_LABEL_DISTANCES = (13, 24, 36)
_LABEL_APART = 14
_FONT = "system-ui, sans-serif"


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with the words around it.

    Attributes:
        title: What it shows.
        alt: The same for those who cannot see it.
        caption: How to read it.
        spec: The Vega-Lite specification.
    """

    title: str
    alt: str
    caption: str
    spec: Record


def pictures(results: Results) -> list[Picture]:
    """Return the pictures of a report, the most important first."""
    shown = _attempting(results)
    caption = "Up and left is better. Bars are 95 % intervals; dashed rules are the bounds."
    for place, policy in enumerate(results.policies):
        if place not in shown:
            caption += (
                f" Not drawn, for it spends no token: {place + 1}, {policy.policy} "
                f"({_percent(policy.accuracy).mean:.1f} %)."
            )
    return [
        Picture(
            "Accuracy against time",
            f"Accuracy of {_policies(results)} against seconds a question, with both bounds.",
            caption,
            _scatter(
                results,
                {k: results.policies[k].seconds_per_question for k in shown},
                "Seconds a question (s)",
            ),
        ),
        Picture(
            "Accuracy against tokens",
            f"Accuracy of {_policies(results)} against thousand tokens a question, "
            "with both bounds.",
            caption,
            _scatter(
                results,
                {k: _thousand(results.policies[k].tokens_per_question) for k in shown},
                "Thousand tokens a question",
            ),
        ),
        _burn_down(results),
    ]


def colour_of(place: int) -> str:
    """Return the colour of the policy at this place in the results."""
    return COLOURS[place % len(COLOURS)]


def shape_of(place: int) -> str:
    """Return the SVG path of the policy at this place in the results."""
    return SHAPES[place % len(SHAPES)]


def _attempting(results: Results) -> list[int]:
    """Return the places of the policies that spend tokens; of all if none does.

    One that attempts nothing would only press the others together.
    """
    places = range(len(results.policies))
    return [k for k in places if results.policies[k].tokens_per_question.mean > 0.0] or [*places]


def _scatter(results: Results, costs: dict[int, Interval], title: str) -> Record:
    """Draw accuracy against a cost, a point a policy, both bounds as rules."""
    accuracies = {place: _percent(results.policies[place].accuracy) for place in costs}
    bounds = _bound_records(results)
    x_high = 1.04 * max(cost.high for cost in costs.values()) or 1.0
    ends = [end for accuracy in accuracies.values() for end in (accuracy.low, accuracy.high)]
    ends += [bound["accuracy"] for bound in bounds]
    margin = 0.08 * (max(ends) - min(ends)) or 1.0
    y_low, y_high = min(ends) - margin, max(ends) + margin
    shares = [
        (cost.mean / x_high, (y_high - accuracies[place].mean) / (y_high - y_low))
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
            "dx": dx,
            "dy": dy,
        }
        for (place, cost), (dx, dy) in zip(costs.items(), _label_offsets(shares), strict=True)
    ]
    base = alt.Chart(alt.Data(values=records))
    # Every layer names the same scale, lest one of them widens it.
    x_scale = alt.Scale(domain=[0, x_high], nice=False)
    y_scale = alt.Scale(domain=[y_low, y_high], nice=False, zero=False)
    x = alt.X("x:Q", scale=x_scale, title=title)
    y = alt.Y("y:Q", scale=y_scale, title="Accuracy (%)")
    bound_y = alt.Y("accuracy:Q", scale=y_scale, title="Accuracy (%)")
    colour = _colour(results)
    across = base.mark_rule(strokeWidth=1.5, opacity=0.75).encode(
        x=alt.X("x_low:Q", scale=x_scale, title=title), x2="x_high:Q", y=y, color=colour
    )
    along = base.mark_rule(strokeWidth=1.5, opacity=0.75).encode(
        x=x,
        y=alt.Y("y_low:Q", scale=y_scale, title="Accuracy (%)"),
        y2="y_high:Q",
        color=colour,
    )
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        shape=_shape(results),
        tooltip=[
            alt.Tooltip("policy:N", title="Policy"),
            alt.Tooltip("accuracy:N", title="Accuracy (%)"),
            alt.Tooltip("cost:N", title=title),
        ],
    )
    numbers = base.mark_text(
        fontWeight="bold", dx=alt.expr("datum.dx"), dy=alt.expr("datum.dy")
    ).encode(x=x, y=y, color=colour, text="number:N")
    rules = alt.Chart(alt.Data(values=bounds)).mark_rule(strokeDash=[6, 4], color=INK, opacity=0.6)
    names = alt.Chart(alt.Data(values=bounds)).mark_text(
        align="left", dy=alt.expr("datum.dy"), color=INK
    )
    return _finished(
        alt.layer(
            rules.encode(y=bound_y),
            across,
            along,
            points,
            names.encode(x=alt.value(4), y=bound_y, text="name:N"),
            numbers,
        )
    )


def _bound_records(results: Results) -> list[Record]:
    """Return both bounds; the higher is named above its rule and the lower below."""
    bounds = results.bounds
    named = sorted(
        [("pool majority", bounds.pool_majority), ("best stopping", bounds.best_stopping)],
        key=lambda bound: bound[1].mean,
    )
    return [
        {"name": f"{name} {_percent(value).mean:.1f} %", "accuracy": _percent(value).mean, "dy": dy}
        for (name, value), dy in zip(named, (9, -8), strict=True)
    ]


def _burn_down(results: Results) -> Picture:
    """Draw how a stream's time goes, a line a policy."""
    settings = results.settings
    total = settings.total_s
    what = "Seconds used (s)" if total is None else "Seconds left (s)"
    records = [
        record
        for place, policy in enumerate(results.policies)
        for record in _burn_records(place, policy, settings.startup_s, total)
    ]
    y_low = min(0.0, *(record["low"] for record in records))
    y_high = max(record["high"] for record in records) or 1.0
    last = [record for record in records if record["place"] == settings.questions]
    ends = [(y_high - record["y"]) / (y_high - y_low) * HEIGHT for record in last]
    labels: list[Record] = [
        {**record, "dy": apart - end}
        for record, end, apart in zip(last, ends, _pushed_apart(ends), strict=True)
    ]
    x = alt.X(
        "place:Q",
        scale=alt.Scale(domain=[0, settings.questions], nice=False),
        axis=alt.Axis(title="Place in the stream (questions answered)", tickMinStep=1),
    )
    y_scale = alt.Scale(domain=[y_low, y_high], nice=False)
    y = alt.Y("y:Q", scale=y_scale, title=what)
    low = alt.Y("low:Q", scale=y_scale, title=what)
    colour = _colour(results)
    base = alt.Chart(alt.Data(values=records))
    labelled = alt.Chart(alt.Data(values=labels))
    layers: list[alt.Chart] = [
        base.mark_area(opacity=0.15).encode(x=x, y=low, y2="high:Q", color=colour),
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour),
        labelled.mark_point(filled=True, size=90, opacity=1).encode(
            x=x, y=y, color=colour, shape=_shape(results)
        ),
        labelled.mark_text(fontWeight="bold", align="left", dx=10, dy=alt.expr("datum.dy")).encode(
            x=x, y=y, color=colour, text="number:N"
        ),
    ]
    caption = "Lines are means over the streams, bands one standard deviation either way."
    if total is not None:
        share: list[Record] = [
            {"place": 0, "y": total - settings.startup_s},
            {"place": settings.questions, "y": settings.reserve_s},
        ]
        even = alt.Chart(alt.Data(values=share)).mark_line(strokeDash=[6, 4], color=INK)
        layers.insert(0, even.encode(x=x, y=y))
        caption += (
            " Dashed: the even share, the same time for every question until only the reserve "
            "is left."
        )
    return Picture(
        "How the time goes",
        f"{what.removesuffix(' (s)')} against the place in the stream for {_policies(results)}.",
        caption,
        _finished(alt.layer(*layers)),
    )


def _burn_records(
    place: int, policy: PolicyResult, startup_s: float, total_s: float | None
) -> list[Record]:
    """Return the points of one policy's line, from the stream's start."""
    elapsed = [startup_s, *policy.burn_down.elapsed_s]
    spread = [0.0, *policy.burn_down.spread_s]
    shown = [value if total_s is None else total_s - value for value in elapsed]
    return [
        {
            "number": str(place + 1),
            "place": answered,
            "y": round(y, 1),
            "low": round(y - sd, 1),
            "high": round(y + sd, 1),
        }
        for answered, (y, sd) in enumerate(zip(shown, spread, strict=True))
    ]


def _label_offsets(shares: Sequence[Point]) -> list[Point]:
    """Place each point's number beside it, where it hides neither points nor other numbers.

    Args:
        shares: The points, as shares of the plot's width and height from its upper left.

    Returns:
        Offsets in pixels. Of the eight directions, the four diagonals come first, since
        intervals run along the others.
    """
    directions = [(1, -1), (-1, -1), (1, 1), (-1, 1), (1, 0), (-1, 0), (0, -1), (0, 1)]
    candidates = [
        (distance * x / (x * x + y * y) ** 0.5, distance * y / (x * x + y * y) ** 0.5)
        for distance, (x, y) in product(_LABEL_DISTANCES, directions)
    ]
    chosen: list[Point] = []

    def crowding(place: int, offset: Point) -> int:
        crowded = 0
        for width in _PLOT_WIDTHS:
            at = [(x * width, y * HEIGHT) for x, y in shares]
            taken = [point for other, point in enumerate(at) if other != place]
            taken += [(at[k][0] + dx, at[k][1] + dy) for k, (dx, dy) in enumerate(chosen)]
            x, y = at[place][0] + offset[0], at[place][1] + offset[1]
            crowded += sum(max(abs(x - u), abs(y - v)) < _LABEL_APART for u, v in taken)
            crowded += not (0.0 < x < width and 0.0 < y < HEIGHT)
        return crowded

    for place in range(len(shares)):
        chosen.append(min(candidates, key=lambda offset, place=place: crowding(place, offset)))
    return chosen


def _pushed_apart(heights: Sequence[float]) -> list[float]:
    """Move labels down, and up again from the floor, until each has its line."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    apart = list(heights)
    for above, below in zip(order, order[1:], strict=False):
        apart[below] = max(apart[below], apart[above] + _LABEL_APART)
    apart[order[-1]] = min(apart[order[-1]], HEIGHT)
    for below, above in zip(order[::-1], order[-2::-1], strict=False):
        apart[above] = min(apart[above], apart[below] - _LABEL_APART)
    return apart


def _colour(results: Results) -> alt.Color:
    places = range(len(results.policies))
    scale = alt.Scale(
        domain=[str(place + 1) for place in places], range=[colour_of(place) for place in places]
    )
    return alt.Color("number:N", scale=scale, legend=None)


def _shape(results: Results) -> alt.Shape:
    places = range(len(results.policies))
    scale = alt.Scale(
        domain=[str(place + 1) for place in places], range=[shape_of(place) for place in places]
    )
    return alt.Shape("number:N", scale=scale, legend=None)


def _finished(chart: alt.LayerChart) -> Record:
    """Give a chart the page's look and return its specification, which names no address."""
    dressed = (
        chart.properties(width="container", height=HEIGHT)
        .configure(font=_FONT, background="transparent", aria=False, padding=6)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            domainColor=INK,
            tickColor=INK,
            gridColor=INK,
            gridOpacity=0.12,
            domainOpacity=0.5,
            tickOpacity=0.5,
            labelFontSize=12,
            titleFontSize=13,
            titleFontWeight="normal",
            titlePadding=10,
        )
        .configure_text(fontSize=13)
    )
    spec: Record = dressed.to_dict()
    del spec["$schema"]
    return spec


def _policies(results: Results) -> str:
    count = len(results.policies)
    return "one policy" if count == 1 else f"{count} policies"


def _percent(interval: Interval) -> Interval:
    return _scaled(interval, 100.0)


def _thousand(interval: Interval) -> Interval:
    return _scaled(interval, 1e-3)


def _scaled(interval: Interval, scale: float) -> Interval:
    return type(interval)(interval.mean * scale, interval.low * scale, interval.high * scale)


def _spoken(interval: Interval) -> str:
    return f"{interval.mean:,.2f} ({interval.low:,.2f}…{interval.high:,.2f})"
