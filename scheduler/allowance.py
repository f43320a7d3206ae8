"""What one question may spend: asked for by the policy, trimmed to the grant by the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler.budget import Limit
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from scheduler.budget import Grant


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What a question may spend; None asks for all that the grant holds.

    Attributes:
        soft_s: Seconds from the opening at which the policy wants to decide once more.
        hard_s: Seconds from the opening at which the leader is submitted, come what may.
        width: Samples that may run at once.
        samples: Samples that may be started in all.
        tokens_per_sample: Tokens that one sample may generate.
        price: Expected accuracy per second of the stream's clock, for policies that price time.
    """

    soft_s: float | None = None
    hard_s: float | None = None
    width: int | None = None
    samples: int | None = None
    tokens_per_sample: int | None = None
    price: float | None = None

    def __post_init__(self) -> None:
        if self.soft_s is not None:
            require_number("soft_s", self.soft_s, 0.0)
        if self.hard_s is not None:
            require_number("hard_s", self.hard_s, 0.0)
        if self.width is not None:
            require_finite("width", self.width, 0)
        if self.samples is not None:
            require_finite("samples", self.samples, 0)
        if self.tokens_per_sample is not None:
            require_finite("tokens_per_sample", self.tokens_per_sample, 1)
        if self.price is not None:
            require_finite("price", self.price, 0.0)


class Trim(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that the grant did not hold.

    Attributes:
        field: The field of the allowance.
        asked: What the policy asked for.
        granted: What it got.
        limit: What bounds it.
    """

    field: str
    asked: float
    granted: float
    limit: Limit


def trim(asked: Allowance, grant: Grant) -> tuple[Allowance, tuple[Trim, ...]]:
    """Cut a request down to the grant.

    Returns:
        The allowance, whose deadlines are numbers with `soft_s <= hard_s <= grant.hard_s`, and
        a record of each wish that was cut.
    """
    hard_s = grant.hard_s if asked.hard_s is None else min(asked.hard_s, grant.hard_s)
    soft_s = hard_s if asked.soft_s is None else min(asked.soft_s, hard_s)
    trims = tuple(
        Trim(field=field, asked=wish, granted=got, limit=grant.limit)
        for field, wish, got in (("hard_s", asked.hard_s, hard_s), ("soft_s", asked.soft_s, soft_s))
        if wish is not None and wish > grant.hard_s
    )
    allowance = Allowance(
        soft_s=soft_s,
        hard_s=hard_s,
        width=asked.width,
        samples=asked.samples,
        tokens_per_sample=asked.tokens_per_sample,
        price=asked.price,
    )
    return allowance, trims
