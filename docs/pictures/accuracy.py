"""Draws the README's picture of a replay's results, on its own ground, so that it reads on any.

python simulations/replay.py --json results.json
python docs/pictures/accuracy.py results.json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import altair as alt
import vl_convert

from simulations.report.look import DASHES, Record, colour_of
from simulations.results import decode_results

if TYPE_CHECKING:
    from simulations.results import Results

OUT = Path(__file__).with_name("accuracy.svg")
_INK = "#222222"
_WIDTH = 540
_ROW = 30
_EDGE = {"left": 36, "right": 44, "top": 16, "bottom": 12}  # fonts differ in width
_X = alt.Scale(domain=[0, 80], nice=False)


def draw(results: Results) -> str:
    """Draw each policy's accuracy with its interval, and both bounds, as SVG."""
    rows = [
        {
            "policy": f"{one.policy}  {100.0 * one.accuracy.mean:.1f} %",
            "mean": 100.0 * one.accuracy.mean,
            "low": 100.0 * one.accuracy.low,
            "high": 100.0 * one.accuracy.high,
        }
        for one in sorted(results.policies, key=lambda one: -one.accuracy.mean)
    ]
    bounds = [
        {"bound": f"{name} {100.0 * bound.mean:.1f} %", "at": 100.0 * bound.mean, "align": align}
        for name, bound, align in (
            ("majority of all samples", results.bounds.pool_majority, "right"),
            ("best stopping", results.bounds.best_stopping, "left"),
        )
    ]
    title = "Right answers (%), with 95 % intervals"
    x = alt.X("mean:Q", scale=_X, title=title, axis=alt.Axis(values=[*range(0, 81, 20)]))
    y = alt.Y(
        "policy:N", sort=[row["policy"] for row in rows], title=None, axis=alt.Axis(labelLimit=300)
    )
    points = _chart(rows).encode(y=y)
    rules = _chart(bounds)
    blue = colour_of(1)
    names = [
        _chart([bound])
        .mark_text(
            align=bound["align"], dx=-5 if bound["align"] == "right" else 5, baseline="bottom"
        )
        .encode(x=alt.X("at:Q", scale=_X), y=alt.value(-5), text="bound:N")
        for bound in bounds
    ]
    chart = alt.LayerChart(
        layer=[
            rules.mark_rule(strokeDash=DASHES, color=_INK, opacity=0.6).encode(x="at:Q"),
            *names,
            points.mark_rule(strokeWidth=2, color=blue).encode(
                x=alt.X("low:Q", scale=_X), x2="high"
            ),
            points.mark_point(filled=True, size=90, opacity=1, color=blue).encode(x=x),
        ]
    )
    dressed = chart.properties(width=_WIDTH, height=_ROW * len(rows), padding=_EDGE).configure(
        font="system-ui, sans-serif", background="white"
    )
    dressed = dressed.configure_view(stroke=None).configure_text(color=_INK, fontSize=13)
    dressed = dressed.configure_axis(
        labelColor=_INK,
        titleColor=_INK,
        labelFontSize=13,
        titleFontSize=13,
        titleFontWeight="normal",
        titlePadding=8,
        gridOpacity=0.5,
    )
    drawn = vl_convert.vegalite_to_svg(dressed.to_dict())
    return drawn.replace('fill="white"', 'rx="8" fill="white"', 1)


def _chart(records: list[Record]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=records))


if __name__ == "__main__":
    OUT.write_text(draw(decode_results(Path(sys.argv[1]).read_bytes())) + "\n")
    sys.stderr.write(f"wrote {OUT}\n")
