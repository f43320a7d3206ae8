"""What a price for time decides: the width, the price itself, and when a question is enough."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from policies.evidence import MARGIN, MARGIN_SCALE, Evidence
from policies.forcing import all_answered, force_all, lead_time_s
from policies.pricing import AnyRule, CrossFitted, LeadRule, Parameters
from scheduler import (
    Allowance,
    Policy,
    ProbeAnswered,
    Reason,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, Grant, QuestionView, SampleView

Level = Literal["low", "middle", "high"]

MOST_SHARES = 3.0
"""A question may take so many times the fair share of what is left,"""

KEPT_SHARE = 0.5
"""and each later question keeps so much of its own."""

_AROUND = (0.6, 0.8, 1.0, 1.25, 1.6)
"""Widths are compared by what these times the share buy: each point of a curve has its luck."""

_PRIOR_SAMPLES = 16.0
"""What the fit says of a sample's length counts like so many samples of the stream."""

_OTHER_KIND = 0.5
"""A model whose samples are less than so much as long as the fit's is of another kind, and units
are told anew."""

_FREE = 0.0
"""The price where nothing else is to be bought."""

LEAD_WHEN_FREE = 3
"""Votes by which the leader must then be ahead: a rule that weighs time has nothing to say."""

_PRIOR_QUESTIONS = 5.0
"""What the fit says of a question's seconds counts like so many questions of the stream."""

_CHECK_SHARE = 0.125
"""Once the clock is long, decide each time that it has grown by this share."""


class PricedPolicy(Policy):
    """Decide by fitted parameters; `policies.shadow_price` says how.

    Args:
        fitted: The parameters, or one set a fold.
        price: The price if fixed: accuracy a second or, without a limit of time, accuracy per
            1,000 tokens.
        level: The name of a fixed price per 1,000 tokens.
    """

    def __init__(
        self,
        fitted: Parameters | CrossFitted,
        *,
        price: float | None = None,
        level: Level | None = None,
    ) -> None:
        self._fitted = fitted
        self._price = price
        self._level = level
        self._expected_s = 0.0  # by the fit, of the questions before this one
        self._spent_s = 0.0  # by the same questions
        self._questions = 0
        self._last: tuple[float, float] | None = None  # opening and expected seconds
        self._at_s = 0.0  # of the latest decision
        self._tokens = 0  # of the questions before this one
        self._ended = 0  # their samples that ended by themselves
        self._parameters = self._parameters_of("")
        self._evidence = Evidence(self._parameters, 1, {})
        self.progress_every_tokens = self._parameters.probe_every_tokens

    def request(self, view: QuestionView) -> Allowance:
        """Ask for the width that buys most, and a deadline that leaves time to force answers."""
        self._learn()
        self._parameters = parameters = self._rescaled(view.opened.question_id)
        self._rule, self._unit_price, expected_s = self._choose(view)
        self._last = (view.at_s, expected_s)
        self._evidence = Evidence(parameters, self._rule.width, view.opened.features)
        self._next_check = float(parameters.probe_every_tokens)
        self._probes = "probes" not in parameters.off
        self._forced = False
        hard_s = min(view.grant.hard_s, _most_s(view.grant))
        soft_s = inf
        if hard_s < inf:
            soft_s = max(0.0, hard_s - lead_time_s(view, self._rule.width, hard_s))
        return Allowance(
            soft_s=soft_s,
            hard_s=hard_s,
            width=self._rule.width,
            samples=self._rule.cap,
            tokens_per_sample=parameters.cut_tokens,
            price=self._unit_price / self._unit_s(view, self._rule.width),
        )

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Probe those that have grown; weigh the evidence; fill free places."""
        self._at_s = view.at_s
        if not view.started:
            return view.start(self._rule.width, Reason.WIDEN)
        if view.soft_left_s <= 0.0:
            return self._force(view)
        event = view.event
        if isinstance(event, SampleProgressed):
            self._evidence.count(event.sample, event.tokens)
            if self._probes:
                return [view.probe(event.sample, Reason.ROUND, forced=True)]
        ended = isinstance(event, SampleFinished | SampleFailed)
        if isinstance(event, SampleFinished):
            self._evidence.count(event.sample, event.tokens)
            self._evidence.ended += 1
        if not (ended or self._round_is_over(view)):
            return []
        self._next_check = max(
            self._evidence.clock + self._parameters.probe_every_tokens,
            self._evidence.clock * (1 + _CHECK_SHARE),
        )
        features = self._evidence.features(view)
        if self.is_enough(view, features):
            score = self._rule.score(features, self._price_now(view))
            reason = Reason.LEAD if isinstance(self._rule, LeadRule) else Reason.PRICE
            return [view.submit(reason, score=score, **self._figures(view))]
        free = min(self._rule.width - view.live, self._rule.cap - view.started)
        if free > 0:
            return view.start(free, Reason.REPLACE)
        if not view.live:
            return [view.submit(Reason.CAP, finished=view.tally.finished)]
        return []

    def is_enough(self, view: QuestionView, features: Sequence[float]) -> bool:
        """Whether the price says to stop; a fit overrides it to look on."""
        price = self._price_now(view)
        if price <= _FREE:
            return features[MARGIN] * MARGIN_SCALE > LEAD_WHEN_FREE - 0.5
        return self._rule.score(features, price) > 0.0

    def weigh(self, sample: SampleView) -> float:
        """Give a finished sample a whole vote, a running one's answer what it has proved worth."""
        if not sample.forced:
            return 1.0
        vote = self._parameters.vote
        if not sample.probe_changes:
            return vote.first
        return vote.steady if sample.probe_repeats >= vote.steady_after else vote.fresh

    def _round_is_over(self, view: QuestionView) -> bool:
        """Whether the clock has come to the next check, and all probes have too, or nearly."""
        late = self._evidence.clock - self._next_check
        if late < 0.0:
            return False
        if not self._probes:
            return True
        if not isinstance(view.event, ProbeAnswered):
            return False
        patience = 0.25 * self._parameters.probe_every_tokens
        return late >= patience or all_answered(view)

    def _force(self, view: QuestionView) -> Sequence[AnyAction]:
        """Ask all that run for their answers, once; submit when all are there."""
        if not self._forced:
            self._forced = True
            asked = force_all(view)
            if asked:
                return asked
        if all_answered(view):
            return [view.submit(Reason.SOFT_DEADLINE, **self._figures(view))]
        return []

    def _figures(self, view: QuestionView) -> dict[str, float]:
        return {
            "price": view.allowance.price or 0.0,
            "leader_weight": view.tally.leader_weight,
            "margin": view.tally.margin,
        }

    # The price.

    def _parameters_of(self, question_id: str) -> Parameters:
        fitted = self._fitted
        return fitted.of(question_id) if isinstance(fitted, CrossFitted) else fitted

    def _rescaled(self, question_id: str) -> Parameters:
        """Return the parameters, told in lengths of this model if its samples are far shorter.

        The mean length is that of a constant hazard: all tokens by the samples that ended. Where
        many are stopped early it comes out too long, up to three times on AIME24, so what looks
        longer than the fit counts for nothing.
        """
        parameters = self._parameters_of(question_id)
        prior = _PRIOR_SAMPLES * parameters.unit_tokens
        ratio = (self._tokens + prior) / (self._ended * parameters.unit_tokens + prior)
        if ratio >= _OTHER_KIND:
            return parameters
        return replace(
            parameters,
            unit_tokens=max(1.0, ratio * parameters.unit_tokens),
            cut_tokens=max(1, round(ratio * parameters.cut_tokens)),
        )

    def _learn(self) -> None:
        """Note what the last question took until its last decision."""
        if self._last is not None:
            opened_s, expected_s = self._last
            self._spent_s += self._at_s - opened_s
            self._expected_s += expected_s
            self._questions += 1
        self._tokens += self._evidence.tokens
        self._ended += self._evidence.ended

    def _choose(self, view: QuestionView) -> tuple[AnyRule, float, float]:
        """Return the rule, the price a unit, and the seconds that the fit expects."""
        return self._by_price(view) if self._is_fixed(view) else self._by_time(view)

    def _by_time(self, view: QuestionView) -> tuple[AnyRule, float, float]:
        """Spend the fair share of what is left, on average over questions like these."""
        share_s = view.grant.share_s - view.latency.opening_s
        options: list[tuple[float, int, AnyRule, float, float]] = []
        for rule in self._held(view, self._parameters.rules):
            unit_s = self._unit_s(view, rule.width)
            units = share_s / (unit_s * self._slowness())
            price = rule.buys(units)[1]
            accuracy = sum(rule.buys(factor * units)[0] for factor in _AROUND)
            options.append((accuracy, -rule.width, rule, price, rule.at_price(price)[1] * unit_s))
        return max(options)[2:]

    def _by_price(self, view: QuestionView) -> tuple[AnyRule, float, float]:
        """Take the rule that gains most at a fixed price."""
        parameters = self._parameters
        options: list[tuple[float, int, AnyRule, float, float]] = []
        for rule in self._held(view, (*parameters.rules, *parameters.leads)):
            price = self._fixed_price(view, rule.width)
            expected_s = rule.at_price(price)[1] * self._unit_s(view, rule.width)
            options.append((rule.gain(price), len(options), rule, price, expected_s))
        return max(options)[2:]

    def _held(self, view: QuestionView, rules: Sequence[AnyRule]) -> Sequence[AnyRule]:
        """Return the rules whose width the engine holds, at least the narrowest."""
        most = view.latency.max_sequences or inf
        return [rule for rule in rules if rule.width <= most] or rules[:1]

    def _price_now(self, view: QuestionView) -> float:
        """Return the price a unit at this moment.

        What the open question takes is lacking to those that come after it, so the price is what
        their share of the time that is left would buy next; after the last one time is free.
        """
        if self._is_fixed(view):
            return self._unit_price
        later = view.grant.questions_left.expected - 1.0
        if later <= 0.0:
            return _FREE
        left_s = view.grant.left_s - (view.at_s - view.opened.at_s)
        unit_s = self._unit_s(view, self._rule.width) * self._slowness()
        return self._rule.buys(max(0.0, left_s) / later / unit_s)[1]

    def _is_fixed(self, view: QuestionView) -> bool:
        """Whether the price does not come from the time that is left."""
        return self._price is not None or self._level is not None or view.grant.share_s == inf

    def _fixed_price(self, view: QuestionView, width: int) -> float:
        """Return the fixed price as accuracy a unit."""
        per_thousand = self._price
        if per_thousand is None:
            per_thousand = self._parameters.levels[self._level or "middle"]
        elif view.grant.share_s < inf:
            return per_thousand * self._unit_s(view, width)
        return per_thousand * width * self._parameters.unit_tokens / 1000.0

    def _unit_s(self, view: QuestionView, width: int) -> float:
        return self._parameters.unit_s(view.latency, width)

    def _slowness(self) -> float:
        """Return how much longer this stream's questions took than the fit expected."""
        if not self._questions or self._expected_s <= 0.0:
            return 1.0
        prior_s = _PRIOR_QUESTIONS * self._expected_s / self._questions
        return (self._spent_s + prior_s) / (self._expected_s + prior_s)


def _most_s(grant: Grant) -> float:
    """Return the most that a question may take, in seconds."""
    if grant.share_s == inf:
        return inf
    later = grant.questions_left.expected - 1.0
    kept_s = KEPT_SHARE * grant.share_s * later if later > 0.0 else 0.0
    return min(MOST_SHARES * grant.share_s, grant.left_s - kept_s)
