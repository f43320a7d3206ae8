"""How a stream's time goes, by place in the stream."""

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
from simulations.report.placing import pushed_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.results import PolicyResult, Results

_SHAPES_A_LINE = 4


def burn_down_picture(results: Results) -> Picture:
    """Draw seconds left, or seconds used without a limit, a line a policy."""
    settings = results.settings
    total = settings.total_s
    what = "Seconds used" if total is None else "Seconds left"
    lines = [
        _line(place, policy, settings.startup_s, total)
        for place, policy in enumerate(results.policies)
    ]
    records = [record for line in lines for record in line]
    y_low = min(0.0, *(record["low"] for record in records))
    y_high = max(record["high"] for record in records) or 1.0
    x = alt.X(
        "place:Q",
        scale=alt.Scale(domain=[0, settings.questions], nice=False),
        axis=alt.Axis(title="Place in the stream (questions answered)", tickMinStep=1),
    )
    y_scale = alt.Scale(domain=[y_low, y_high], nice=False)
    title = f"{what} (s)"
    y = alt.Y("y:Q", scale=y_scale, title=title)
    low = alt.Y("low:Q", scale=y_scale, title=title)
    base = chart_of(records)
    some = chart_of(_spread_out(lines))
    labels = chart_of(_end_labels(lines, y_low, y_high))
    layers = [
        base.mark_area(opacity=0.15).encode(x=x, y=low, y2="high:Q", color=colour(results)),
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour(results)),
        some.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y, color=colour(results), shape=shape(results)
        ),
        labels.mark_point(filled=True, size=80, opacity=1, xOffset=14).encode(
            x=x, y=y, color=colour(results), shape=shape(results)
        ),
        labels.mark_text(fontWeight="bold", align="left", dx=24, color=INK).encode(
            x=x, y=y, text="number:N"
        ),
    ]
    caption = "Lines are means over the streams, bands one standard deviation either way."
    if total is not None:
        share: list[Record] = [
            {"place": 0, "y": total - settings.startup_s},
            {"place": settings.questions, "y": settings.reserve_s},
        ]
        even = chart_of(share).mark_line(strokeDash=DASHES, color=INK)
        layers.append(even.encode(x=x, y=y))
        caption += (
            " Dashed: the even share, the same time for every question until only the reserve "
            "is left."
        )
    spoken = f"{what} against the place in the stream for {counted_policies(results)}."
    return Picture("How the time goes", spoken, caption, finished(layers))


def _line(
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
            "y": round(y, 2),
            "low": round(max(y - sd, 0.0), 2),
            "high": round(y + sd, 2),
        }
        for answered, (y, sd) in enumerate(zip(shown, spread, strict=True))
    ]


def _spread_out(lines: Sequence[list[Record]]) -> list[Record]:
    """Return a few points of every line, at other places than those of the other lines."""
    step = (len(lines[0]) - 1) / _SHAPES_A_LINE
    return [
        line[round((turn + (place + 0.5) / len(lines)) * step)]
        for place, line in enumerate(lines)
        for turn in range(_SHAPES_A_LINE)
    ]


def _end_labels(lines: Sequence[list[Record]], y_low: float, y_high: float) -> list[Record]:
    """Return a label for the end of every line, each on a line of text of its own."""
    a_pixel = (y_high - y_low) / HEIGHT
    ends = [line[-1] for line in lines]
    apart = pushed_apart([(y_high - end["y"]) / a_pixel for end in ends])
    return [
        {"number": end["number"], "place": end["place"], "y": y_high - pixels * a_pixel}
        for end, pixels in zip(ends, apart, strict=True)
    ]
