"""Sequential test (ConSol): stop when a likelihood ratio says that the leader leads."""

from __future__ import annotations

from functools import lru_cache
from math import log, log1p
from typing import TYPE_CHECKING, ClassVar, Literal

from scipy.special import betainc, betaln

from policies.knobs import Choice, Real, Whole
from policies.one_by_one import OneByOnePolicy
from scheduler import CallerError, Reason
from scheduler.checks import require_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.knobs import Knob
    from scheduler import QuestionView, SubmitAnswer

ALPHA = 0.05
"""Published probability of finding a leader where there is none."""
SPRT_EXCESS = 2.4e-5
"""Published 1 − β − α of the plain test."""
MIXTURE_EXCESS = 6.0e-5
"""Published 1 − β − α of the mixture test."""
MIXTURE_PRIOR = 1e6
"""Published parameter of the symmetric beta prior."""


class SequentialTest(OneByOnePolicy):
    """Sample one by one and test whether the leader beats the next answer.

    Among the v1 + v2 votes of the two leading answers let p be the leader's share. Against
    H0: p = ½, the log-likelihood ratio is

        plain (SPRT):      L = v1 ln(p1 / ½) + v2 ln((1 − p1) / ½)
        mixture (mSPRT):   L = ln ∫ p^v1 (1 − p)^v2 π(p) dp − (v1 + v2) ln ½

    with p1 = .5001, and π a Beta(10⁶, 10⁶) prior cut to p > ½. Sampling stops when
    L ≥ ln((1 − β)/α), the leader leads, or L ≤ ln(β/(1 − α)), the two are equal. Lee et al.,
    "ConSol: Sequential Probability Ratio Testing to Find Consistent LLM Reasoning Paths
    Efficiently", 2025, arXiv 2503.17587, with the constants of its code (α = .05,
    β = 1 − α − 2.4e-5, or 6e-5 for the mixture). Wald (1945) for the test itself.

    At those constants both forms stop exactly at a lead of three votes while the next answer has
    fewer than 127 votes (mixture) or 632 (plain): one vote weighs 2e-4 in the plain test and the
    bar is 4.8e-4, between two votes and three; in the mixture a lead of two gives 1.1e-3 and of
    three 1.7e-3, around 1.2e-3; and "equal" needs the counts named. With a cap of 64 samples
    neither is ever reached, so the rule is `lead:width=1,lead=3`.

    Args:
        form: `sprt` or `mixture`.
        cap: Samples in all, at least 1.
        alpha: Error of the first kind, above 0 and below ½.
        excess: 1 − β − α: how far above α the test's power lies; None for the published value.
        p1: The leader's share under H1 of the plain test, above ½.
        prior: Parameter of the mixture's symmetric beta prior.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "form": Choice(("sprt", "mixture")),
        "cap": Whole(1, 64, log=True),
        "alpha": Real(0.001, 0.4, log=True),
        "excess": Real(1e-5, 0.5, log=True),
        "p1": Real(0.5001, 0.95),
        "prior": Real(1.0, 1e6, log=True),
    }

    def __init__(
        self,
        *,
        form: Literal["sprt", "mixture"] = "sprt",
        cap: int = 64,
        alpha: float = ALPHA,
        excess: float | None = None,
        p1: float = 0.5001,
        prior: float = MIXTURE_PRIOR,
    ) -> None:
        if form not in ("sprt", "mixture"):
            raise CallerError(f"form must be sprt or mixture, got {form!r}")
        super().__init__(cap=cap)
        require_number("alpha", alpha, 1e-12, 0.5)
        if excess is None:
            excess = SPRT_EXCESS if form == "sprt" else MIXTURE_EXCESS
        require_number("excess", excess, 1e-12, 1.0 - alpha - 1e-12)
        require_number("p1", p1, 0.5 + 1e-12, 1.0 - 1e-12)
        require_number("prior", prior, 1e-6, 1e12)
        self._mixture = form == "mixture"
        self._p1 = p1
        self._prior = prior
        # ln((1 − β)/α) and ln(β/(1 − α)) with β = 1 − α − excess.
        self._leads = log1p(excess / alpha)
        self._equal = log1p(-excess / (1.0 - alpha))

    def verdict(self, view: QuestionView) -> SubmitAnswer | None:
        """Stop if the test says that the leader leads, or that the two are equal."""
        ratio = self.log_ratio(view.tally.leader_weight, view.tally.runner_up_weight)
        if ratio >= self._leads or ratio <= self._equal:
            return view.submit(Reason.CONFIDENT, log_ratio=ratio)
        return None

    def log_ratio(self, leader: float, runner_up: float) -> float:
        """Return L for the votes of the two leading answers."""
        if self._mixture:
            return _mixture_log_ratio(leader, runner_up, self._prior)
        return leader * log(2.0 * self._p1) + runner_up * log(2.0 * (1.0 - self._p1))


@lru_cache(maxsize=65536)
def _mixture_log_ratio(leader: float, runner_up: float, prior: float) -> float:
    a, b = leader + prior, runner_up + prior
    # Differences of betaln lose digits at 10⁶; ratios of neighbours do not, for whole votes.
    log_beta = _log_beta_ratio(leader, runner_up, prior)
    above_half = 1.0 - float(betainc(a, b, 0.5))
    return log_beta + log(above_half / 0.5) + (leader + runner_up) * log(2.0)


def _log_beta_ratio(leader: float, runner_up: float, prior: float) -> float:
    """Return ln B(prior + leader, prior + runner_up) − ln B(prior, prior)."""
    if leader % 1.0 or runner_up % 1.0:
        return float(betaln(prior + leader, prior + runner_up) - betaln(prior, prior))
    rising = [log(prior + i) for i in range(int(leader))]
    rising += [log(prior + i) for i in range(int(runner_up))]
    falling = [log(2.0 * prior + i) for i in range(int(leader + runner_up))]
    return sum(rising) - sum(falling)
