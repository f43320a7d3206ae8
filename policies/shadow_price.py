"""Shadow price: a question goes on while its next seconds buy more accuracy than elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.fitted import FittedPolicy
from policies.knobs import Choice
from policies.priced import Level, PricedPolicy
from policies.pricing import TRANSFER, CrossFitted, parameters_for, read_parameters
from scheduler import CallerError
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.knobs import Knob


class ShadowPrice(PricedPolicy, FittedPolicy):
    """Stop, start and widen by a fitted price of time.

    When a question opens, the seconds left for each question still to come buy, by the fitted
    value of time (accuracy against seconds, a curve a width), a certain accuracy at a certain
    price; the width that buys most is taken. While it runs, a fitted rule compares what its
    samples have shown (`policies.evidence`) with that price: it is the stopping rule that
    maximises the mean of `accuracy − price × time` on replayed runs, found by the exact gradient
    of that mean (`simulations.fit`; compare deep optimal stopping, Becker, Cheridito and
    Jentzen, JMLR 20, 2019). Running samples are probed regularly and hold a small vote, a sample
    that grows too long is cut without one.

    What questions took so far corrects what the fit expects of the next.

    Args:
        parameters: Shipped parameters by name, or a `.json` written by `simulations.fit`; by
            default those fitted over several models.
        price: Fix the price: accuracy a second or, without a limit of time, accuracy per 1,000
            tokens.
        level: Fix the price per 1,000 tokens to one that was fitted to so many samples' worth of
            tokens a question (`simulations.fitting.levels`), most for `low`, fewest for `high`.
            Without a limit of time, and without a price, `middle` is taken.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {"level": Choice((None, "low", "middle", "high"))}

    def __init__(
        self,
        *,
        parameters: str | None = None,
        price: float | None = None,
        level: Level | None = None,
    ) -> None:
        if price is not None:
            require_finite("price", price, 1e-12)
            if level is not None:
                raise CallerError("level: price fixes the same thing, give one of them")
        fitted = read_parameters(parameters or TRANSFER)
        for one in fitted.folds if isinstance(fitted, CrossFitted) else (fitted,):
            if (level or "middle") not in one.levels:
                raise CallerError(f"level: parameters {one.name!r} have no {level or 'middle'!r}")
        super().__init__(fitted, price=price, level=level)

    @staticmethod
    def fitted_to(model: str) -> str:
        """Return the name of a model's own parameters, or of those for models without any."""
        return parameters_for(model)
