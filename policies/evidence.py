"""Evidence: what a question's samples have shown so far, as the numbers a stop rule weighs."""

from __future__ import annotations

from math import log, log1p
from typing import TYPE_CHECKING

from policies.criteria import beta_criterion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.pricing import Parameters
    from scheduler import QuestionView

FEATURES = (
    "age",
    "age_squared",
    "margin",
    "weighted_margin",
    "p_stays",
    "leader_share",
    "has_vote",
    "votes",
    "without_vote",
    "running",
    "running_agree",
    "running_changed",
    "answers",
    "leader_age",
    "running_age",
    "entropy",
    "tail_entropy",
)
"""Names of the numbers, in the order of `Evidence.features`:

- `age`: ln of the clock (below) in units, plus a twelfth; and its square.
- `margin`: finished votes of the leader less those of the strongest other, at most 6, by 3;
  `weighted_margin`: the same with running samples' votes.
- `p_stays`: the Beta criterion of the finished votes (`policies.criteria`).
- `leader_share`: of all weight; `has_vote`: whether a sample has finished with an answer;
  `votes`: ln(1 + how many have); `without_vote`: share of started samples that ended without.
- `running`: running samples by width; `running_agree`: share of them that hold the leader;
  `running_changed`: share whose latest probe changed the answer.
- `answers`: ln(1 + number of different answers), by 2.
- `leader_age`: how long the leader has led, as a share of the clock; `running_age`: mean tokens
  of running samples by `cut_tokens`.
- `entropy`, `tail_entropy`: means over samples, in nats; 0 where unknown.
"""

MARGIN = FEATURES.index("margin")
MARGIN_SCALE = 3.0
_MOST_MARGIN = 6.0


class Evidence:
    """Keeps count of one question's tokens and leader.

    The clock is all tokens so far by the width: how far each sample would be if they shared alike.

    Attributes:
        ended: Samples that ended by themselves.

    Args:
        parameters: Units and priors.
        width: Samples at once.
        known: The question's own features.
    """

    __slots__ = (
        "_leader",
        "_parameters",
        "_priors",
        "_since",
        "_tokens",
        "_total",
        "_width",
        "ended",
    )

    def __init__(self, parameters: Parameters, width: int, known: Mapping[str, float]) -> None:
        self._parameters = parameters
        self._width = width
        self._tokens: dict[int, int] = {}
        self._total = 0
        self.ended = 0
        self._leader: str | None = None
        self._since = 0.0
        self._priors = [
            (known.get(prior.name, prior.mean) - prior.mean) / prior.scale
            for prior in parameters.priors
        ]

    @property
    def clock(self) -> float:
        """Tokens so far by the width."""
        return self._total / self._width

    @property
    def tokens(self) -> int:
        """Tokens so far, those of samples that were stopped included."""
        return self._total

    def count(self, sample: int, tokens: int | None) -> None:
        """Note how far a sample has come."""
        if tokens is not None:
            self._total += tokens - self._tokens.get(sample, 0)
            self._tokens[sample] = tokens

    def features(self, view: QuestionView) -> list[float]:
        """Return the numbers of `FEATURES`, then the priors."""
        tally = view.tally
        leader, clock = tally.leader, self.clock
        if leader != self._leader:
            self._leader, self._since = leader, clock
        final = tally.final
        of_leader = final.get(leader, 0.0) if leader is not None else 0.0
        of_other = max((v for answer, v in final.items() if answer != leader), default=0.0)
        weights = tally.weights
        total_weight = sum(weights.values())
        agree = changed = 0
        ages = 0
        for sample in view.samples:
            if not sample.live:
                continue
            ages += sample.tokens or 0
            if sample.probes_answered:
                agree += leader is not None and sample.probe_answer == leader
                changed += sample.probe_changes > 0 and sample.probe_repeats == 0
        live = view.live
        votes = tally.finished - tally.nulls
        ended = view.started - live
        age = log(clock / self._parameters.unit_tokens + 1 / 12)
        return [
            age,
            age * age,
            min(of_leader - of_other, _MOST_MARGIN) / MARGIN_SCALE,
            min(tally.margin, _MOST_MARGIN) / MARGIN_SCALE,
            beta_criterion(of_leader, of_other),
            tally.leader_weight / total_weight if total_weight else 0.0,
            1.0 if votes else 0.0,
            log1p(votes),
            (ended - votes) / max(view.started, 1),
            live / self._width,
            agree / max(live, 1),
            changed / max(live, 1),
            log1p(len(weights)) / 2,
            (clock - self._since) / clock if clock else 0.0,
            min(ages / max(live, 1) / self._parameters.cut_tokens, 1.0),
            *self._entropies(view),
            *self._priors,
        ]

    def _entropies(self, view: QuestionView) -> tuple[float, float]:
        """Return the means over samples, unless the fit never saw such."""
        if "entropy" in self._parameters.off:
            return 0.0, 0.0
        means = [s.mean_entropy for s in view.samples if s.mean_entropy is not None]
        tails = [s.tail_entropy for s in view.live_samples() if s.tail_entropy is not None]
        return sum(means) / max(len(means), 1), sum(tails) / max(len(tails), 1)
