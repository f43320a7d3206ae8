"""The pictures of a comparison: live against replay, and the errors in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from simulations.report.look import DASHES, INK, Picture, Record, chart_of, colour_of, finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.fidelity.results import Fidelity

BAND_PERCENT = 5.0
"""Half the width of the band that both pictures show."""

_SOUND, _ODD = "as the run went", "another course"
_PLACES = (1, 2)  # of their colours
_KINDS = alt.Scale(domain=[_SOUND, _ODD], range=[colour_of(place) for place in _PLACES])
_SHAPES = alt.Scale(domain=[_SOUND, _ODD], range=["circle", "triangle-up"])


def scatter_picture(fidelity: Fidelity) -> Picture:
    """Draw live against replay seconds, a point a question."""
    points = list(_points(fidelity))
    high = 1.05 * max(max(point["live"], point["replay"]) for point in points) or 1.0
    scale = alt.Scale(domain=[0, high], nice=False)
    share = BAND_PERCENT / 100.0
    line: list[Record] = [
        {"live": at, "replay": at, "low": at * (1.0 - share), "high": min(high, at * (1.0 + share))}
        for at in (0.0, high / (1.0 + share), high)
    ]
    x = alt.X("live:Q", scale=scale, title="Live (s)")
    y = alt.Y("replay:Q", scale=scale, title="Replay (s)")
    base = chart_of(line)
    low = alt.Y("low:Q", scale=scale, title="Replay (s)")
    layers = [
        base.mark_area(opacity=0.12, color=INK).encode(x=x, y=low, y2="high:Q"),
        base.mark_line(color=INK, strokeDash=DASHES, strokeWidth=1.5).encode(x=x, y=y),
        _marks(points).encode(x=x, y=y),
    ]
    return Picture(
        "Replay against live",
        f"Seconds of {len(points)} questions in the replay against those of the live run; the "
        "table below holds the figures.",
        f"A point a question. Dashed: equal times; band: ±{BAND_PERCENT:g} %. Triangles: the "
        "replay ended for another reason, with another answer or without samples to go on.",
        finished(layers),
    )


def error_picture(fidelity: Fidelity) -> Picture:
    """Draw the error of each question, in order."""
    points = [point for point in _points(fidelity) if point["percent"] is not None]
    most = max([BAND_PERCENT, *(abs(point["percent"]) for point in points)]) * 1.15
    last = max([0, *(point["place"] for point in points)])
    x_scale = alt.Scale(domain=[0, last + 1], nice=False)
    y_scale = alt.Scale(domain=[-most, most], nice=False)
    x = alt.X("place:Q", scale=x_scale, axis=alt.Axis(title="Place in the stream", tickMinStep=1))
    y = alt.Y("percent:Q", scale=y_scale, title="Error (%)")
    ends: list[Record] = [
        {"place": place, "percent": 0.0, "low": -BAND_PERCENT, "high": BAND_PERCENT}
        for place in (0, last + 1)
    ]
    base = chart_of(ends)
    low = alt.Y("low:Q", scale=y_scale, title="Error (%)")
    zero = chart_of([{**point, "zero": 0.0} for point in points])
    layers = [
        base.mark_area(opacity=0.12, color=INK).encode(x=x, y=low, y2="high:Q"),
        base.mark_line(color=INK, strokeDash=DASHES, strokeWidth=1.5).encode(x=x, y=y),
        zero.mark_rule(strokeWidth=1.5, opacity=0.6).encode(
            x=x, y=y, y2="zero:Q", color=alt.Color("kind:N", scale=_KINDS, legend=None)
        ),
        _marks(points).encode(x=x, y=y),
    ]
    return Picture(
        "Error by question, in order",
        f"Error in percent of {len(points)} questions by their place in the stream; the table "
        "below holds the figures.",
        f"Above 0 the replay takes longer than the run did. Band: ±{BAND_PERCENT:g} %. Errors do "
        "not add up along the stream: each question is replayed from its live opening.",
        finished(layers),
    )


def _points(fidelity: Fidelity) -> Iterator[Record]:
    for question in fidelity.questions:
        changed = question.live.reason != question.replay.reason or not question.same_answer
        odd = changed or question.ran_out or question.missing
        percent = question.error_percent
        yield {
            "place": question.position + 1,
            "question": question.question_id,
            "live": round(question.live.seconds, 4),
            "replay": round(question.replay.seconds, 4),
            "percent": None if percent is None else round(percent, 3),
            "kind": _ODD if odd else _SOUND,
            "note": ", ".join(question.notes) or "–",
        }


def _marks(points: list[Record]) -> alt.Chart:
    chart: alt.Chart = chart_of(points).mark_point(filled=True, size=80, opacity=0.85)
    marks: alt.Chart = chart.encode(
        color=alt.Color("kind:N", scale=_KINDS, legend=None),
        shape=alt.Shape("kind:N", scale=_SHAPES, legend=None),
        tooltip=[
            alt.Tooltip("question:N", title="Question"),
            alt.Tooltip("live:Q", title="Live (s)"),
            alt.Tooltip("replay:Q", title="Replay (s)"),
            alt.Tooltip("percent:Q", title="Error (%)"),
            alt.Tooltip("note:N", title="Note"),
        ],
    )
    return marks
