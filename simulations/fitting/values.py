"""What time buys under a stop rule: accuracy and cost by price, on questions it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import isotonic_regression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.fitting.stopping import Runs, Weights
    from simulations.sums import Floats


@dataclass(frozen=True, slots=True)
class Value:
    """One width's curve.

    Attributes:
        price: Accuracy per unit, ascending, shape (prices).
        units: Mean units a question, not ascending, shape (prices).
        tokens: Mean tokens a question, likewise.
        accuracy: Mean accuracy, likewise.
    """

    price: Floats
    units: Floats
    tokens: Floats
    accuracy: Floats

    @classmethod
    def flat(cls) -> Value:
        """Return a curve that says nothing."""
        ones = np.ones(2)
        return cls(np.array([1.0, 2.0]), ones, ones, ones)


def value_of(runs: Runs, rules: Mapping[str, Weights], prices: Sequence[float]) -> Value:
    """Evaluate rules at each price; each model weighs the same, and so does each question.

    Curves of a few questions wiggle; costs and accuracies are made to fall with the price.

    Args:
        runs: Of one width.
        rules: The rule for each question, which is not to have learnt from it.
        prices: Ascending.
    """
    groups = [
        (rules[question], runs.where((runs.question == question) & (runs.model == model)))
        for question in sorted(rules)
        for model in np.unique(runs.model)
    ]
    groups = [(rule, some) for rule, some in groups if len(some.last)]
    weight = weights_of([int(some.model[0]) for _, some in groups])
    means = np.zeros((len(prices), 3))
    for share, (rule, some) in zip(weight, groups, strict=True):
        for place, price in enumerate(prices):
            right, units, tokens = some.stopped(rule, price)
            means[place] += share * np.array([right.mean(), units.mean(), tokens.mean()])
    accuracy, units, tokens = (_falling(column) for column in means.T)
    return Value(np.array(prices), units, tokens, accuracy)


def weights_of(models: Sequence[int]) -> Floats:
    """Weigh each model the same, whatever its number of questions."""
    counts = np.bincount(models)
    return np.array([1.0 / counts[model] for model in models]) / np.count_nonzero(counts)


def _falling(values: Floats) -> Floats:
    """Return the nearest curve that never rises (pool adjacent violators)."""
    falling: Floats = isotonic_regression(values, increasing=False).x
    return falling
