"""How a fit goes: its settings, and the folds that keep it honest."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from scheduler import CallerError
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.pool import Pool

WIDTHS = (1, 2, 4, 8, 16)

LOWEST_PRICE = 3e-5
"""Accuracy per unit for one sample at a time; in proportion to the width."""

HIGHEST_PRICE = 3.0
"""Accuracy per unit."""

_LEARNING_PRICES = 10
_VALUE_PRICES = 41


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to fit.

    Attributes:
        name: Of the parameters.
        widths: Samples at once, ascending.
        cap: Samples of a question in all.
        draws: Times that each question is played at each width.
        folds: Parts of the questions; each is judged by rules that were learnt on the others.
        ridge: Penalty on squared weights.
        priors: Features of questions that are weighed.
        crossed: Whether to fit parameters without each fold too, which takes twice as long.
        seed: Of draws and folds.
    """

    name: str
    widths: tuple[int, ...] = WIDTHS
    cap: int = 64
    draws: int = 20
    folds: int = 5
    ridge: float = 1e-4
    priors: tuple[str, ...] = ()
    crossed: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        require_finite("width", self.widths[0], 1)
        require_finite("draws", self.draws, 1)
        require_finite("folds", self.folds, 3)
        if self.widths[-1] > self.cap:
            raise CallerError(
                f"width: {self.widths[-1]} are too many at once for {self.cap} samples a question"
            )

    def left_out(self) -> list[tuple[int, ...]]:
        """Return the folds that each rule is learnt without.

        None, for the rule to use; each one, to judge that rule; each two, since the parameters
        that were fitted without a fold hold values too, which must not know it either.
        """
        folds = range(self.folds)
        pairs = combinations(folds, 2) if self.crossed else ()
        return [(), *((fold,) for fold in folds), *pairs]


def fold_of(pools: Sequence[Pool], folds: int, seed: int) -> dict[str, int]:
    """Deal the questions into folds; all models of a question share its fold.

    Raises:
        CallerError: if a fold would be empty.
    """
    names = sorted({q.question_id for pool in pools for q in pool.questions})
    if len(names) < folds:
        raise CallerError(f"argument --folds: {folds} are too many for {len(names)} questions")
    places = np.random.default_rng(seed).permutation(len(names)) % folds
    return {name: int(place) for name, place in zip(names, places, strict=True)}


def learning_prices(width: int) -> list[float]:
    """Return the prices at which a rule learns, accuracy per unit."""
    prices: list[float] = np.geomspace(
        LOWEST_PRICE * width, HIGHEST_PRICE, _LEARNING_PRICES
    ).tolist()
    return prices


def value_prices(width: int) -> list[float]:
    """Return the prices at which it is judged, accuracy per unit."""
    prices: list[float] = np.geomspace(
        LOWEST_PRICE * width / 3.0, 2.0 * HIGHEST_PRICE, _VALUE_PRICES
    ).tolist()
    return prices
