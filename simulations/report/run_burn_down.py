"""How one run's time went, question by question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from simulations.report.look import DASHES, INK, Picture, Record, chart_of, finished, shape_of
from simulations.report.run_look import KINDS, OUTCOMES

if TYPE_CHECKING:
    from simulations.runs import Run

_LINE = "#0072B2"


def run_burn_down(run: Run) -> Picture:
    """Draw seconds left, or seconds used without a limit, after each answer."""
    total_s = run.total_s
    what = "Seconds used" if total_s is None else "Seconds left"

    def shown(at_s: float) -> float:
        return round(at_s if total_s is None else total_s - at_s, 2)

    begun_s = run.questions[0].opened_s
    line: list[Record] = [{"place": 0, "y": shown(begun_s)}]
    for place, question in enumerate(run.questions, 1):
        line.append(
            {
                "place": place,
                "y": shown(question.until_s),
                "question": question.question_id,
                "outcome": question.outcome.value,
                "took": f"{question.seconds:,.2f}",
                "why": "–" if question.reason is None else question.reason.value,
            }
        )
    places = max(len(run.questions), run.planned or 0)
    x = alt.X(
        "place:Q",
        scale=alt.Scale(domain=[0, places], nice=False),
        axis=alt.Axis(title="Place in the stream (questions answered)", tickMinStep=1),
    )
    high = max(record["y"] for record in line) or 1.0
    low = min(0.0, *(record["y"] for record in line))
    scale = alt.Scale(domain=[low, high], nice=False)
    y = alt.Y("y:Q", scale=scale, title=f"{what} (s)")
    layers = [
        chart_of(line).mark_line(strokeWidth=2, color=_LINE).encode(x=x, y=y),
        _points(line[1:]).encode(x=x, y=y),
    ]
    caption = "A point is an answer, shaped and coloured by how its question ended."
    if total_s is not None:
        share: list[Record] = [
            {"place": 0, "y": shown(begun_s)},
            {"place": places, "y": run.reserve_s},
        ]
        layers.append(chart_of(share).mark_line(strokeDash=DASHES, color=INK).encode(x=x, y=y))
        caption += (
            " Dashed: the even share, the same time for every question until only the reserve "
            "is left."
        )
    spoken = f"{what} after each of {len(run.questions)} answers; the table holds the figures."
    return Picture("How the time goes", spoken, caption, finished(layers))


def _points(records: list[Record]) -> alt.Chart:
    met = {record["outcome"] for record in records}
    places = {outcome.value: k for k, outcome in enumerate(OUTCOMES) if outcome.value in met}
    kinds = list(OUTCOMES.values())
    colours = alt.Scale(domain=[*places], range=[KINDS[kinds[k]] for k in places.values()])
    shapes = alt.Scale(domain=[*places], range=[shape_of(k) for k in places.values()])
    legend = alt.Legend(title=None, orient="top", labelColor=INK, labelFontSize=13, symbolSize=80)
    points = chart_of(records).mark_point(filled=True, size=70, opacity=1)
    drawn: alt.Chart = points.encode(
        color=alt.Color("outcome:N", scale=colours, legend=legend),
        shape=alt.Shape("outcome:N", scale=shapes, legend=legend),
        tooltip=[
            alt.Tooltip("place:Q", title="Place"),
            alt.Tooltip("question:N", title="Question"),
            alt.Tooltip("outcome:N", title="Ended"),
            alt.Tooltip("took:N", title="Took (s)"),
            alt.Tooltip("why:N", title="Why then"),
        ],
    )
    return drawn
