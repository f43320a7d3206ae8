"""What all pictures share: colours, shapes, fonts, and how a chart becomes a specification.

A policy is told apart by its number, its shape and its colour, so that none of them is needed
alone. Ink that must follow the page's light or dark look is `currentColor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.results import Results

Record = dict[str, Any]

HEIGHT = 360
INK = "currentColor"
DASHES = [6, 4]
# Okabe and Ito's colours for every kind of colour vision, without the yellow that white swallows.
_COLOURS = (INK, "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# SVG paths between −1 and 1: circle, square, triangle, diamond, cross, triangle downward.
_SHAPES = (
    "M-.9,0A.9,.9 0 1 1 .9,0A.9,.9 0 1 1 -.9,0Z",
    "M-.8,-.8H.8V.8H-.8Z",
    "M0,-1L1,.8H-1Z",
    "M0,-1.1L1.1,0L0,1.1L-1.1,0Z",
    "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
    "M0,1L1,-.8H-1Z",
)
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


def colour_of(place: int) -> str:
    """Return the colour of the policy at this place in the results."""
    return _COLOURS[place % len(_COLOURS)]


def shape_of(place: int) -> str:
    """Return the SVG path of the policy at this place in the results."""
    return _SHAPES[place % len(_SHAPES)]


def colour(results: Results) -> alt.Color:
    """Return the encoding that gives the records of each `number` its policy's colour."""
    places = range(len(results.policies))
    scale = alt.Scale(domain=_numbers(results), range=[colour_of(place) for place in places])
    return alt.Color("number:N", scale=scale, legend=None)


def shape(results: Results) -> alt.Shape:
    """Return the encoding that gives the records of each `number` its policy's shape."""
    places = range(len(results.policies))
    scale = alt.Scale(domain=_numbers(results), range=[shape_of(place) for place in places])
    return alt.Shape("number:N", scale=scale, legend=None)


def chart_of(records: list[Record]) -> alt.Chart:
    """Return an empty chart of these records."""
    return alt.Chart(alt.InlineData(values=records))


def finished(layers: Sequence[alt.Chart]) -> Record:
    """Lay charts over one another in the page's look; the specification names no address."""
    dressed = (
        alt.LayerChart(layer=layers)
        .properties(width="container", height=HEIGHT)
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
            labelFlush=False,
            labelFontSize=12,
            titleFontSize=13,
            titleFontWeight="normal",
            titlePadding=10,
        )
        .configure_text(color=INK, fontSize=13)
    )
    spec: Record = dressed.to_dict()
    del spec["$schema"]
    return spec


def counted_policies(results: Results) -> str:
    """Say how many policies a picture is about."""
    count = len(results.policies)
    return "one policy" if count == 1 else f"{count} policies"


def _numbers(results: Results) -> list[str]:
    return [str(place + 1) for place in range(len(results.policies))]
