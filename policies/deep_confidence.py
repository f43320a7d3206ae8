"""DeepConf, online: stop samples whose confidence falls below that of the best warm-up ones."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from policies.knobs import Real, Whole
from scheduler import Allowance, Policy, Reason, SampleFinished, SampleProgressed
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView, SampleView, StartSample

CHECKPOINT_TOKENS = 128
"""Tokens over which one reading of the confidence is averaged."""
SCALE = 64.0
"""Nats that no token's confidence reaches; confidences by it are weights."""


class DeepConfidence(Policy):
    """Warm up, set a bar, then stop each sample whose group confidence falls below it.

    A token's confidence is the mean negative log-probability of its likeliest candidates; group
    confidence is its mean over the last `window` tokens, and a sample's confidence the lowest of
    its groups. After `warm_up` whole samples the bar is the (100 − percentile)-th percentile of
    theirs, so that a share of `percentile` % would pass. Later samples are stopped, without a
    vote, once a full group lies below the bar. Votes weigh as much as their sample's confidence,
    and the question ends when the leader holds at least `consensus` of the weight. Fu et al.,
    "Deep Think with Confidence", 2025, arXiv 2508.15260 (online, its low setting).

    Confidence is read every 128 tokens. Where none is logged nothing is stopped and every vote
    weighs 1. A difference: all warm-up samples vote, those below the bar too.

    Args:
        warm_up: Samples before the bar, at least 1.
        budget: Samples in all, at least `warm_up`.
        window: Tokens of a group, at least 128.
        percentile: Per cent of the samples that are to pass the bar, 0 to 100.
        consensus: Share of the weight that ends the question, above ½.
        width: Samples at once after the warm-up, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "warm_up": Whole(1, 32, log=True),
        "budget": Whole(1, 256, log=True),
        "window": Whole(128, 8192, log=True),
        "percentile": Real(5.0, 95.0),
        "consensus": Real(0.5, 1.0),
        "width": Whole(1, 32, log=True),
    }

    progress_every_tokens = CHECKPOINT_TOKENS

    def __init__(
        self,
        *,
        warm_up: int = 16,
        budget: int = 256,
        window: int = 2048,
        percentile: float = 10.0,
        consensus: float = 0.95,
        width: int = 16,
    ) -> None:
        require_finite("warm_up", warm_up, 1)
        require_finite("budget", budget, warm_up)
        require_finite("window", window, CHECKPOINT_TOKENS)
        require_number("percentile", percentile, 0.0, 100.0)
        require_number("consensus", consensus, 0.5, 1.0)
        require_finite("width", width, 1)
        self._warm_up = warm_up
        self._budget = budget
        self._group = window // CHECKPOINT_TOKENS
        self._percentile = percentile
        self._consensus = consensus
        self._width = width

    def request(self, view: QuestionView) -> Allowance:
        """Ask for the budget; forget the last question."""
        del view
        self._readings: dict[int, list[float]] = {}
        self._lowest: dict[int, float] = {}  # lowest full group by sample
        self._bar: float | None = None
        return Allowance(width=max(self._width, self._warm_up), samples=self._budget)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Read confidences, stop the unsure, and stop at consensus."""
        if not view.started:
            return view.start(self._warm_up, Reason.WIDEN)
        event = view.event
        if isinstance(event, SampleProgressed):
            return self._read(view, event)
        if view.live and view.started == self._warm_up:
            return []  # the warm-up is not over
        if self._bar is None and isinstance(event, SampleFinished):
            self._bar = self._percentile_bar(view)
        weights = view.tally.weights
        share = view.tally.leader_weight / (sum(weights.values()) or 1.0)
        if share >= self._consensus:
            return [view.submit(Reason.CONFIDENT, share=share)]
        starts = self._fill(view, view.live)
        if starts:
            return starts
        return [] if view.live else [view.submit(Reason.CAP, finished=view.tally.finished)]

    def weigh(self, sample: SampleView) -> float:
        """Weigh a vote by its sample's confidence; 1 where confidence is not known."""
        confidence = self._confidence(sample.sample)
        return 1.0 if confidence is None else min(max(confidence / SCALE, 0.0), 1.0)

    def _read(self, view: QuestionView, event: SampleProgressed) -> Sequence[AnyAction]:
        number = event.sample
        if event.confidence is None or not view.samples[number].live:
            return []
        readings = self._readings.setdefault(number, [])
        readings.append(event.confidence)
        if len(readings) < self._group:
            return []
        group = fmean(readings[-self._group :])
        self._lowest[number] = min(group, self._lowest.get(number, group))
        if self._bar is None or group >= self._bar or number < self._warm_up:
            return []
        stop = view.stop(number, Reason.UNSURE, confidence=group, bar=self._bar)
        return [stop, *self._fill(view, view.live - 1)]

    def _fill(self, view: QuestionView, live: int) -> list[StartSample]:
        """Start what the width and the budget leave room for beside `live` samples."""
        free = min(self._width - live, self._budget - view.started)
        return view.start(max(0, free), Reason.REPLACE)

    def _confidence(self, sample: int) -> float | None:
        """Return the lowest group; for samples shorter than one, the mean of what was read."""
        if sample in self._lowest:
            return self._lowest[sample]
        readings = self._readings.get(sample)
        if readings:
            return fmean(readings)
        known = [fmean(other) for other in self._readings.values()]
        return fmean(known) if known else None

    def _percentile_bar(self, view: QuestionView) -> float | None:
        """Return the bar after the warm-up; None if no confidence was logged."""
        known = sorted(
            confidence
            for sample in view.samples[: self._warm_up]
            if sample.answer is not None
            and (confidence := self._confidence(sample.sample)) is not None
        )
        if not known:
            return None
        place = (100.0 - self._percentile) / 100.0 * (len(known) - 1)
        low = int(place)
        high = min(low + 1, len(known) - 1)
        return known[low] + (known[high] - known[low]) * (place - low)
