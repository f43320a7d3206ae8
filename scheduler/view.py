"""What a policy sees of the open question, and the words it answers with.

Everything here has been revealed: nothing of a sample's end is known before its end. The
builders (`start`, `stop`, `probe`, `submit`) return actions; nothing happens until the policy
returns them and the core has checked them.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from scheduler.actions import DEFAULT_ARM, ProbeSample, StartSample, StopSample, SubmitAnswer
from scheduler.allowance import Allowance
from scheduler.tally import MutableTally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scheduler.budget import Grant
    from scheduler.events import AnyEvent, QuestionOpened
    from scheduler.latency import LatencyProfile
    from scheduler.reasons import Reason
    from scheduler.signals import MutableSample, SampleView
    from scheduler.tally import Tally


class QuestionView:
    """Read-only face of the open question."""

    __slots__ = (
        "_allowance",
        "_at_s",
        "_event",
        "_grant",
        "_latency",
        "_live",
        "_opened",
        "_samples",
        "_tally",
    )

    def __init__(self, opened: QuestionOpened, grant: Grant, latency: LatencyProfile) -> None:
        self._opened = opened
        self._grant = grant
        self._latency = latency
        self._allowance = Allowance(soft_s=grant.hard_s, hard_s=grant.hard_s)
        self._at_s = opened.at_s
        self._event: AnyEvent = opened
        self._tally = MutableTally()
        self._samples: list[MutableSample] = []
        self._live = 0

    @property
    def at_s(self) -> float:
        """Now, in seconds since the stream began."""
        return self._at_s

    @property
    def event(self) -> AnyEvent:
        """What has just happened."""
        return self._event

    @property
    def opened(self) -> QuestionOpened:
        """The question as it came."""
        return self._opened

    @property
    def grant(self) -> Grant:
        """What the stream can give this question."""
        return self._grant

    @property
    def allowance(self) -> Allowance:
        """What this question may spend, both deadlines as numbers."""
        return self._allowance

    @property
    def latency(self) -> LatencyProfile:
        """What the engine is expected to cost."""
        return self._latency

    @property
    def tally(self) -> Tally:
        """The votes."""
        return self._tally

    @property
    def samples(self) -> Sequence[SampleView]:
        """Every sample of the question, in start order; a copy, so that none can disorder it."""
        return tuple(self._samples)

    @property
    def started(self) -> int:
        """Number of samples asked for so far."""
        return len(self._samples)

    @property
    def live(self) -> int:
        """Number of samples that may still vote."""
        return self._live

    @property
    def soft_left_s(self) -> float:
        """Seconds to the soft deadline; at most 0 once it has passed."""
        soft_s = self._allowance.soft_s
        return inf if soft_s is None else self._opened.at_s + soft_s - self._at_s

    @property
    def settled(self) -> bool:
        """Whether the leader stays whatever the live samples become; each may weigh 1."""
        return self._tally.settled(self._live)

    def live_samples(self) -> Iterator[SampleView]:
        """Yield the samples that may still vote, in start order."""
        return (sample for sample in self._samples if sample.live)

    def start(
        self,
        count: int,
        reason: Reason,
        *,
        arm: str = DEFAULT_ARM,
        max_tokens: int | None = None,
    ) -> list[StartSample]:
        """Build actions that start `count` samples.

        Without `max_tokens` each sample may generate what the allowance says.
        """
        if max_tokens is None:
            max_tokens = self._allowance.tokens_per_sample
        first = len(self._samples)
        return [
            StartSample(sample=sample, arm=arm, max_tokens=max_tokens, reason=reason)
            for sample in range(first, first + count)
        ]

    def stop(self, sample: int, reason: Reason, **numbers: float) -> StopSample:
        """Build an action that stops a sample; `numbers` are the figures behind it."""
        return StopSample(sample=sample, reason=reason, numbers=numbers)

    def probe(self, sample: int, reason: Reason, *, forced: bool = False) -> ProbeSample:
        """Build an action that asks a live sample for its answer so far."""
        return ProbeSample(sample=sample, forced=forced, reason=reason)

    def submit(self, reason: Reason, **numbers: float) -> SubmitAnswer:
        """Build the action that submits the leader; `numbers` are the figures behind it."""
        return SubmitAnswer(answer=self._tally.leader, reason=reason, numbers=numbers)


class QuestionRecord(QuestionView):
    """The face that the core writes to."""

    __slots__ = ()

    @property
    def votes(self) -> MutableTally:
        """The tally, to write to."""
        return self._tally

    def observe(self, at_s: float, event: AnyEvent) -> None:
        """Move on to an event."""
        self._at_s = at_s
        self._event = event

    def allow(self, allowance: Allowance) -> None:
        """Set what the question may spend."""
        self._allowance = allowance

    def record(self, sample: int) -> MutableSample:
        """Return a sample to write to."""
        return self._samples[sample]

    def add(self, sample: MutableSample) -> None:
        """Add a sample that was asked for."""
        self._samples.append(sample)
        self._live += 1

    def drop(self) -> None:
        """Note that one sample can no longer vote."""
        self._live -= 1
