"""The pictures of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.report.burn_down import burn_down_picture
from simulations.report.scatter import time_picture, token_picture

if TYPE_CHECKING:
    from simulations.report.look import Picture
    from simulations.results import Results


def pictures(results: Results) -> list[Picture]:
    """Return the pictures, the most important first."""
    return [time_picture(results), token_picture(results), burn_down_picture(results)]
