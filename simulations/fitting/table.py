"""The table of a fit: what a question's seconds buy at each width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from policies.pricing import AnyRule
    from scheduler import LatencyProfile
    from simulations.fitting.assembling import Fit

_SHARES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Seconds of the rows, in units of one sample alone."""


def fit_table(fit: Fit, profile: LatencyProfile) -> Table:
    """Return accuracy by seconds and width, cross-fitted; the best of each row is marked."""
    alone_s = fit.whole.unit_s(profile, 1)
    table = Table(title="accuracy %, cross-fitted, by seconds a question and samples at once")
    table.add_column("seconds", justify="right")
    widths = sorted(fit.values)
    rules: list[AnyRule] = [*fit.whole.rules, *fit.whole.leads]
    for width in widths:
        table.add_column(str(width), justify="right")
    for share in _SHARES:
        seconds = share * alone_s
        bought = [
            max(
                rule.buys(seconds / fit.whole.unit_s(profile, width))[0]
                for rule in rules
                if rule.width == width
            )
            for width in widths
        ]
        best = max(bought)
        table.add_row(
            f"{seconds:.3g}",
            *(f"{100 * a:.1f}{'*' if a == best else ''}" for a in bought),
        )
    return table
