"""Signals: what has been revealed of each sample of the open question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.states import LIVE, SampleState

if TYPE_CHECKING:
    from scheduler.events import SampleFinished, SampleProgressed


class SampleView:
    """Read-only face of one sample."""

    __slots__ = (
        "_answer",
        "_arm",
        "_asked_s",
        "_confidence",
        "_ended_s",
        "_forced",
        "_max_tokens",
        "_mean_entropy",
        "_probe_answer",
        "_probe_changes",
        "_probe_repeats",
        "_probes_answered",
        "_probes_asked",
        "_sample",
        "_started_s",
        "_state",
        "_tail_entropy",
        "_tokens",
    )

    def __init__(self, sample: int, arm: str, max_tokens: int | None, asked_s: float) -> None:
        self._sample = sample
        self._arm = arm
        self._max_tokens = max_tokens
        self._asked_s = asked_s
        self._state = SampleState.ASKED
        self._started_s: float | None = None
        self._ended_s: float | None = None
        self._tokens: int | None = None
        self._answer: str | None = None
        self._mean_entropy: float | None = None
        self._tail_entropy: float | None = None
        self._confidence: float | None = None
        self._probe_answer: str | None = None
        self._probe_changes = 0
        self._probe_repeats = 0
        self._probes_asked = 0
        self._probes_answered = 0
        self._forced = False

    @property
    def sample(self) -> int:
        """Its number within the question, in start order from 0."""
        return self._sample

    @property
    def arm(self) -> str:
        """How it is sampled."""
        return self._arm

    @property
    def max_tokens(self) -> int | None:
        """The most tokens it may generate; None if only the arm limits it."""
        return self._max_tokens

    @property
    def state(self) -> SampleState:
        """Where it stands."""
        return self._state

    @property
    def live(self) -> bool:
        """Whether it may still vote."""
        return self._state in LIVE

    @property
    def asked_s(self) -> float:
        """When it was asked for, in seconds since the stream began."""
        return self._asked_s

    @property
    def started_s(self) -> float | None:
        """When its decoding began; None before."""
        return self._started_s

    @property
    def ended_s(self) -> float | None:
        """When it ended; None before."""
        return self._ended_s

    @property
    def tokens(self) -> int | None:
        """Tokens at its last sign of life; None before the first."""
        return self._tokens

    @property
    def mean_entropy(self) -> float | None:
        """Mean token entropy so far, in nats; None if unknown."""
        return self._mean_entropy

    @property
    def tail_entropy(self) -> float | None:
        """Mean token entropy of the last 128 tokens, in nats; None if unknown."""
        return self._tail_entropy

    @property
    def confidence(self) -> float | None:
        """DeepConf's token confidence over the last 128 tokens; None if unknown."""
        return self._confidence

    @property
    def answer(self) -> str | None:
        """Its final answer; None before its end, or if nothing parsed."""
        return self._answer

    @property
    def probe_answer(self) -> str | None:
        """The answer of its latest probe; None before, or if nothing parsed."""
        return self._probe_answer

    @property
    def probes_answered(self) -> int:
        """How many probes of it have come back."""
        return self._probes_answered

    @property
    def probe_changes(self) -> int:
        """How often a probe gave another answer than the one before it."""
        return self._probe_changes

    @property
    def probe_repeats(self) -> int:
        """How many probes in a row repeated the latest answer; 0 after its first."""
        return self._probe_repeats

    @property
    def probe_pending(self) -> bool:
        """Whether a probe of it is under way."""
        return self._probes_asked > self._probes_answered

    @property
    def forced(self) -> bool:
        """Whether its vote is, or will be, a forced answer."""
        return self._forced and self._state in LIVE


class MutableSample(SampleView):
    """The face that the core writes to, from one event at a time."""

    __slots__ = ()

    def enter(self, state: SampleState) -> None:
        """Take the next state."""
        self._state = state

    def start(self, at_s: float) -> None:
        """Note that decoding began."""
        self._started_s = at_s

    def progress(self, event: SampleProgressed | SampleFinished) -> None:
        """Note how far the sample has come."""
        self._tokens = event.tokens
        self._mean_entropy = event.mean_entropy
        self._tail_entropy = event.tail_entropy
        self._confidence = event.confidence

    def end(self, at_s: float, answer: str | None) -> None:
        """Note its end and final answer."""
        self._ended_s = at_s
        self._answer = answer

    def ask_probe(self, *, forced: bool) -> None:
        """Note that a probe left the core."""
        self._probes_asked += 1
        self._forced = self._forced or forced

    def answer_probe(self, answer: str | None) -> bool:
        """Note a probe's answer; False if no probe was under way."""
        if not self.probe_pending:
            return False
        if self._probes_answered:
            changed = answer != self._probe_answer
            self._probe_changes += changed
            self._probe_repeats = 0 if changed else self._probe_repeats + 1
        self._probes_answered += 1
        self._probe_answer = answer
        return True
