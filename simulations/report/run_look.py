"""Colours of one run's page: Okabe and Ito's, and greys for time in which nothing was decided.

No colour stands alone: a word or a figure says the same beside it.
"""

from __future__ import annotations

from simulations.runs import Outcome, Use

USES = {
    Use.USEFUL: "#009E73",
    Use.UNJUDGED: "#56B4E9",
    Use.OUTVOTED: "#CC79A7",
    Use.SETTLED: "#F0E442",
    Use.STOPPED_LATE: "#E69F00",
    Use.HOPELESS: "#D55E00",
    Use.LOST: "#0072B2",
    Use.WAITING: "#6B7178",
    Use.DOWN: "#42474D",
    Use.BETWEEN: "#A5ABB2",
    Use.LEFT: "transparent",
}
"""In the order in which they are shown."""

OUTCOMES = {
    Outcome.RIGHT: "right",
    Outcome.UNKNOWN: "unknown",
    Outcome.WRONG: "wrong",
    Outcome.NONE: "none",
}
"""The kind of bar of each outcome, in the order in which they are shown."""

KINDS = {
    "right": "#009E73",
    "wrong": "#D55E00",
    "unknown": "#56B4E9",
    "other": "#E69F00",
    "none": "#F0E442",
    "stopped": "#8A8F96",
    "lost": "#CC79A7",
}
"""The colour of each kind of bar."""


def kind_of(use: Use) -> str:
    """Return the CSS class of a use."""
    return f"use-{use.name.lower().replace('_', '-')}"


COLOURS = KINDS | {kind_of(use): colour for use, colour in USES.items()}
"""The colour of each class."""
