"""Uncertainty-aware allocation (UAB): a budget of samples split by the first one's uncertainty."""

from __future__ import annotations

from heapq import heapify, heapreplace
from itertools import cycle, islice
from math import exp
from typing import TYPE_CHECKING, ClassVar

from policies.knobs import Real, Whole
from scheduler import Allowance, Policy, Reason
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView


class UniformAllocation(Policy):
    """Take one sample, read its uncertainty, and give the question its part of the budget.

    With s the first sample's average negative log-likelihood a token, a sample is taken to
    succeed with p = exp(−s / tau), and the budget of `n` samples a question is split to maximise
    Σ 1 − (1 − p)^samples, which a greedy pass does exactly: each further sample goes to the
    question with the largest gain p (1 − p)^samples. The first sample votes too. Nguyen et al.,
    "Uncertainty-Aware Budget Allocation for Adaptive Test-Time Reasoning", 2026,
    arXiv 2605.26849.

    There all questions are known before the split. Here they come one at a time: the greedy pass
    runs over this question and as many as are still to come, which are taken to resemble those
    seen so far, with what is left of the budget. The mean token entropy stands for s, whose
    expectation it is. Where no entropy is known the split is even.

    Args:
        n: Samples a question on average, at least 1.
        tau: Scale of the uncertainty in nats, above 0.
        cap: Samples for one question at most, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "n": Whole(1, 32, log=True),
        "tau": Real(0.02, 2.0, log=True),
        "cap": Whole(1, 64, log=True),
    }

    def __init__(self, *, n: int = 8, tau: float = 0.2, cap: int = 64) -> None:
        require_finite("n", n, 1)
        require_number("tau", tau, 1e-9, 1e9)
        require_finite("cap", cap, 1)
        self._n = n
        self._tau = tau
        self._cap = cap
        self._used = 0  # samples of earlier questions
        self._seen: list[float] = []  # success probabilities of questions so far
        self._extra: int | None = None

    def request(self, view: QuestionView) -> Allowance:
        """Ask for up to `cap` samples."""
        del view
        self._extra = None
        return Allowance(width=self._cap, samples=self._cap)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Take the first sample, then the question's part of the budget, all at once."""
        if not view.started:
            self._used += 1
            return view.start(1, Reason.WIDEN)
        if view.live:
            return []
        if self._extra is None:
            self._extra = min(self._split(view), self._cap - 1)
            self._used += self._extra
            if self._extra:
                return view.start(self._extra, Reason.WIDEN)
        return [view.submit(Reason.CAP, finished=view.tally.finished)]

    def _split(self, view: QuestionView) -> int:
        """Return the further samples of the open question."""
        grant = view.grant
        left = max(1, round(grant.questions_left.expected))
        budget = self._n * (grant.seen + left) - self._used - (left - 1)
        entropy = view.samples[0].mean_entropy
        if entropy is None:
            return max(0, budget // left)
        p = exp(-entropy / self._tau)
        self._seen.append(p)
        return greedy_split([p, *islice(cycle(self._seen), left - 1)], max(0, budget))[0]


def greedy_split(p_success: Sequence[float], budget: int) -> list[int]:
    """Split a budget of further samples among questions that hold one each.

    Args:
        p_success: Probability that one sample succeeds, by question.
        budget: Further samples to give.

    Returns:
        Further samples by question; their sum is `budget`. Ties go to the one that has the
        fewest, then to the first.
    """
    extra = [0] * len(p_success)
    gains = [(-p * (1.0 - p), 0, place) for place, p in enumerate(p_success)]
    heapify(gains)
    for _ in range(budget):
        _, _, place = gains[0]
        extra[place] += 1
        p = p_success[place]
        heapreplace(gains, (-p * (1.0 - p) ** (extra[place] + 1), extra[place], place))
    return extra
