"""Prices by name: fixed ones, for streams without a limit of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.pricing import AnyRule

LEVEL_SAMPLES = {"low": 18.7, "middle": 11.7, "high": 8.7}
"""Mean samples a question that the fixed prices spend on the questions of the fit.

AIME24, which the shipped parameters saw, is easier than most sets of its kind: the same rules
spend there about 0.69 of what they spend on those. So these are 420, 260 and 185 thousand tokens
on such a set, where a sample has 15 thousand.
"""

_CHEAPEST, _DEAREST, _HALVINGS = 1e-9, 10.0, 60


def levels_of(rules: Sequence[AnyRule], unit_tokens: float, mean_tokens: float) -> dict[str, float]:
    """Return the prices at which a question takes so many mean samples on average.

    At each price the rule that gains most is taken, as the policy does.

    Args:
        rules: To choose from.
        unit_tokens: Tokens of each running sample in a unit.
        mean_tokens: Of a sample.

    Returns:
        Accuracy per 1,000 tokens, by name.
    """
    return {
        name: _price_of(rules, unit_tokens, samples * mean_tokens)
        for name, samples in LEVEL_SAMPLES.items()
    }


def _price_of(rules: Sequence[AnyRule], unit_tokens: float, tokens: float) -> float:
    low, high = _CHEAPEST, _DEAREST
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        if _spent(rules, unit_tokens, middle) > tokens:
            low = middle
        else:
            high = middle
    return high


def _spent(rules: Sequence[AnyRule], unit_tokens: float, price: float) -> float:
    """Return the mean tokens of a question at a price per 1,000 tokens."""
    gains = []
    for rule in rules:
        unit_price = price * rule.width * unit_tokens / 1000.0
        tokens = rule.at_price(unit_price)[1] * rule.width * unit_tokens
        gains.append((rule.gain(unit_price), tokens))
    return max(gains)[1]
