"""Where a policy wins: differences from the baseline by the pass rate of questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.compare.results import GroupDifference
from simulations.compare.sums import estimate, ratios, weighted_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.compare.contexts import Context
    from simulations.sums import Floats

GROUPS = ("0", "0-1/4", "1/4-3/4", "3/4-1", "1")
"""Groups of pass rates: none right, below a quarter, up to three quarters, above, all right."""

CLEAR = 0.02
"""A difference in accuracy on one question that counts as better or worse."""

_QUARTER = 0.25


class GroupTable:
    """Differences by group, over some models.

    A question counts once for each model that was asked it, in the group of that model's pass
    rate. Within a group its weight is its share of its model's plays, which is its weight in the
    whole: so the groups' differences add up to the whole difference.

    Args:
        context: The cells.
        weights: As `draw_weights` returns them.
        models: Places of the models.
    """

    def __init__(self, context: Context, weights: Floats, models: list[int]) -> None:
        self._correct = context.correct[:, models]
        self._plays = context.plays[:, models]
        rates = context.pass_rate[models]
        asked = self._plays.any(axis=0)
        self._masks = [asked & mask for mask in group_masks(rates)]
        per_model = self._plays.sum(axis=2, keepdims=True).astype(np.float64)
        right, played = self._correct / per_model, self._plays / per_model
        self._accuracies = [
            ratios(
                weighted_sums(weights, (right * mask).sum(axis=1)),
                weighted_sums(weights, (played * mask).sum(axis=1)),
            )
            for mask in self._masks
        ]

    def against(self, cell: int, baseline: int) -> list[GroupDifference]:
        """Return one cell less the baseline's (places of cells), by group."""
        plays, base_plays = self._plays[cell], self._plays[baseline]
        # Whole numbers, lest 0.52 − 0.50 be more than 0.02.
        gain = self._correct[cell] * base_plays - self._correct[baseline] * plays
        clear = round(1.0 / CLEAR) * gain
        even = plays * base_plays
        found = []
        for name, mask, accuracies in zip(GROUPS, self._masks, self._accuracies, strict=True):
            questions = int(mask.sum())
            difference = accuracies[:, cell] - accuracies[:, baseline]
            found.append(
                GroupDifference(
                    group=name,
                    questions=questions,
                    accuracy=estimate(difference).interval() if questions else None,
                    better=int((mask & (clear > even)).sum()),
                    worse=int((mask & (clear < -even)).sum()),
                )
            )
        return found


def group_masks(rates: Floats) -> list[NDArray[np.bool_]]:
    """Tell which pass rates belong to each of `GROUPS`; NaN belongs to none.

    The quarters themselves belong to the middle.

    Args:
        rates: Any shape; the masks have the same.
    """
    return [
        rates == 0.0,
        (rates > 0.0) & (rates < _QUARTER),
        (rates >= _QUARTER) & (rates <= 1.0 - _QUARTER),
        (rates > 1.0 - _QUARTER) & (rates < 1.0),
        rates == 1.0,
    ]
