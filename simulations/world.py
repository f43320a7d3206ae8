"""The simulated world: logged samples played on a virtual clock, honest about time.

It stands where a live engine stands: it is told to start, stop and probe samples, and returns
events. Between two calls nothing is known of a sample's end.

What costs time, all by the latency profile:

- A start is taken up by the front end after those asked for before it, waits while the engine
  holds as many sequences or as much context as it can, and then for its prefill; the first
  sample of a question with a prompt pays for it, the rest find it cached. An arrival stalls the
  rest.
- Decoding is shared by all that run (`TokenClock`).
- A stopped sample decodes on, and is charged for it, until the engine has noticed.
- A probe's answer comes after a delay and a few tokens decoded within the batch.
- A sample that waits for its tool is out of the batch.
- Where the context outgrows the KV cache, the newest sample is preempted and later prefills
  its own tokens again.

At one moment, what samples do by themselves comes first, then what was due at that time, in
the order in which it was asked for, then the wake-up.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

from scheduler import (
    FinishReason,
    ProbeAnswered,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
    Woke,
)
from simulations.clock import TokenClock
from simulations.pool import LoggedSample
from simulations.sequence import Sequence, Stage, latest, latest_probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler import AnyEvent, LatencyProfile
    from simulations.deck import Prompt


class SimulationError(RuntimeError):
    """The world was driven in a way no engine could be."""


class World:
    """A simulated engine that serves one stream.

    Args:
        profile: What things cost.
        progress_every_tokens: Report each sample when it has grown by so many; None for never.

    Attributes:
        tokens: Tokens generated so far, by position of the question.
        exhausted: Positions of questions that asked for more than was logged.
    """

    __slots__ = (
        "_ahead",
        "_clock",
        "_due",
        "_front_s",
        "_held",
        "_order",
        "_position",
        "_prefilling_tokens",
        "_profile",
        "_progress_every",
        "_prompts",
        "_sequences",
        "_waiting",
        "exhausted",
        "tokens",
    )

    def __init__(self, profile: LatencyProfile, progress_every_tokens: int | None) -> None:
        self._profile = profile
        self._progress_every = progress_every_tokens
        self._clock = TokenClock(profile)
        self._order = 0
        # What samples do by themselves: (clock's tokens, order, epoch, sequence).
        self._ahead: list[tuple[float, int, int, Sequence]] = []
        # What is due at a time: (at_s, order, what, sequence).
        self._due: list[tuple[float, int, Callable[[Sequence], AnyEvent | None], Sequence]] = []
        self._front_s = 0.0  # until then the front end is busy with earlier requests
        self._waiting: deque[Sequence] = deque()
        self._held = 0
        self._prefilling_tokens = 0.0
        self._position = -1
        self._sequences: list[Sequence] = []  # of the open question, in start order
        self._prompts: set[Prompt | None] = set()  # that the open question has in the cache
        self.tokens: list[int] = []
        self.exhausted: set[int] = set()

    @property
    def now_s(self) -> float:
        """Seconds since the stream began."""
        return self._clock.now_s

    def open_question(self) -> None:
        """Make room for the next question; events of earlier ones are heard no more."""
        self._position += 1
        self._sequences = []
        self._prompts = set()
        self.tokens.append(0)

    def prepare(self) -> None:
        """Let the time pass that a question takes before its first decision is carried out."""
        self.pass_time(self._profile.opening_s)

    def pass_time(self, seconds: float) -> None:
        """Let time pass in which nobody listens; what was stopped leaves meanwhile."""
        by_s = self._clock.now_s + seconds
        while not isinstance(event := self.next_event(by_s), Woke):
            self.miss(event)

    def miss(self, event: AnyEvent) -> None:
        """Pass over an event that nobody listens for; a world that is written down notes it."""

    def drain(self) -> None:
        """Let everything that was stopped leave the engine, so that all tokens are charged."""
        self._position += 1  # nobody listens
        with suppress(SimulationError):
            self.next_event(inf)

    def start(
        self, log: LoggedSample | None, max_tokens: int | None, prompt: Prompt | None = None
    ) -> None:
        """Start the next sample of the open question.

        Args:
            log: What it plays; None if the log holds no more.
            max_tokens: It is cut there; None for never.
            prompt: What it begins with, where the question's samples have several.
        """
        sample = len(self._sequences)
        now_s = self._clock.now_s
        if log is None:
            lost = Sequence(self._position, sample, _NOTHING)
            self._sequences.append(lost)
            self._schedule(now_s, self._lose, lost)
            return
        sequence = Sequence(
            self._position,
            sample,
            log,
            max_tokens=max_tokens,
            progress_every=self._progress_every,
            uncached_tokens=0 if prompt in self._prompts else log.prompt_tokens,
        )
        self._prompts.add(prompt)
        self._sequences.append(sequence)
        request_s = self._profile.prefill.request_s
        if request_s:
            self._front_s = max(now_s, self._front_s) + request_s
            self._schedule(self._front_s, self._enqueue, sequence)
        else:
            self._enqueue(sequence)

    def stop(self, sample: int) -> None:
        """Stop a sample; it goes on until the engine has noticed."""
        sequence = self._sequences[sample]
        sequence.stopping = True
        stop_s = self._profile.stop_s
        if stop_s:
            self._schedule(self._clock.now_s + stop_s, self._drop, sequence)
        else:
            self._remove(sequence)

    def probe(self, sample: int) -> None:
        """Ask a sample for its answer so far."""
        sequence = self._sequences[sample]
        tokens = int(sequence.generated(self._clock.tokens) + _ROUNDING)
        log = LoggedSample(
            sample=sample,
            tokens=self._profile.probe.tokens,
            answer=latest_probe(sequence.log.checkpoints, tokens),
            prompt_tokens=sequence.log.prompt_tokens + tokens,
        )
        asking = Sequence(self._position, sample, log, asked_tokens=tokens)
        self._schedule(self._clock.now_s + self._profile.probe.base_s, self._ask, asking)

    def next_event(self, by_s: float) -> AnyEvent:  # noqa: C901 - one loop, and it must be fast
        """Let time pass until something happens, at most to `by_s`.

        Returns:
            The event, or `Woke` at `by_s`.

        Raises:
            SimulationError: if `by_s` is infinite and nothing will ever happen.
        """
        clock, ahead, due = self._clock, self._ahead, self._due
        while True:
            while ahead and ahead[0][2] != ahead[0][3].epoch:
                heappop(ahead)
            own_s = clock.time_of(ahead[0][0]) if ahead else inf
            due_s = due[0][0] if due else inf
            full_s = self._cache_full_s(ahead[0][0]) if ahead else inf
            if full_s < due_s and full_s < own_s:
                if full_s > by_s:
                    break
                self._preempt(full_s)
                continue
            if due_s < own_s:
                if due_s > by_s:
                    break
                clock.run_to_time(due_s)
                _, _, what, sequence = heappop(due)
                event = what(sequence)
            else:
                if own_s > by_s or own_s == inf:
                    break
                tokens, _, _, sequence = heappop(ahead)
                clock.run_to_tokens(tokens, own_s)
                event = self._reach(sequence)
            if event is not None:
                if sequence.position == self._position:
                    return event
                self.miss(event)
        if by_s == inf:
            raise SimulationError("nothing is left to happen, and no deadline to wait for")
        clock.run_to_time(by_s)
        return Woke(at_s=by_s)

    def _schedule(
        self, at_s: float, what: Callable[[Sequence], AnyEvent | None], sequence: Sequence
    ) -> None:
        self._order += 1
        heappush(self._due, (max(at_s, self._clock.now_s), self._order, what, sequence))

    # From the front end to the batch.

    def _enqueue(self, sequence: Sequence) -> None:
        if sequence.stage is not Stage.GONE:
            self._waiting.append(sequence)
            self._admit()

    def _admit(self) -> None:
        """Take in waiting sequences, oldest first, while there is room."""
        prefill = self._profile.prefill
        while self._waiting and self._has_room(self._waiting[0]):
            sequence = self._waiting.popleft()
            sequence.stage = Stage.PREFILLING
            sequence.admitted = self._order
            self._held += 1
            self._prefilling_tokens += sequence.context(self._clock.tokens)
            # It joins where its stall begins: from there on nothing decodes, it included.
            prefill_s = prefill.base_s + prefill.s_per_token * sequence.uncached_tokens
            self._schedule(self._clock.now_s + prefill_s - prefill.stall_s, self._join, sequence)

    def _has_room(self, sequence: Sequence) -> bool:
        profile = self._profile
        if profile.max_sequences is not None and self._held >= profile.max_sequences:
            return False
        if profile.kv_cache_tokens is None or not self._held:
            return True
        used = self._clock.context_tokens + self._prefilling_tokens
        return used + sequence.context(self._clock.tokens) <= profile.kv_cache_tokens

    def _join(self, sequence: Sequence) -> AnyEvent | None:
        """Begin to decode, first or again."""
        if sequence.stage is not Stage.PREFILLING:
            return None
        context = sequence.context(self._clock.tokens)
        self._prefilling_tokens -= context
        self._clock.stall(self._clock.now_s + self._profile.prefill.stall_s)
        self._decode(sequence, context)
        now_s, position, sample = self._clock.now_s, sequence.position, sequence.sample
        if not sequence.begun:
            sequence.begun = True
            return SampleStarted(at_s=now_s, position=position, sample=sample)
        if sequence.in_tool:
            sequence.in_tool = False
            told = sequence.log.tool_calls[sequence.tools_done - 1].told_tokens
            return ToolReturned(at_s=now_s, position=position, sample=sample, tokens=told)
        return None  # it comes back from a preemption, which nobody was told of

    def _decode(self, sequence: Sequence, context: float) -> None:
        at_tokens = sequence.enter_batch(self._clock.tokens)
        self._clock.join(context)
        self._order += 1
        heappush(self._ahead, (at_tokens, self._order, sequence.epoch, sequence))

    # What sequences do by themselves.

    def _reach(self, sequence: Sequence) -> AnyEvent | None:
        """Act on a milestone of a decoding sequence."""
        if sequence.asked_tokens is not None:
            self._remove(sequence)
            return self._answer(sequence)
        if sequence.report_is_due():
            return self._report(sequence)
        if sequence.tool_is_due():
            return self._call_tool(sequence)
        self._remove(sequence)
        return self._finish(sequence)

    def _report(self, sequence: Sequence) -> AnyEvent:
        tokens = sequence.milestone
        at_tokens = sequence.pass_milestone()
        self._order += 1
        heappush(self._ahead, (at_tokens, self._order, sequence.epoch, sequence))
        seen = latest(sequence.log.checkpoints, tokens)
        return SampleProgressed(
            at_s=self._clock.now_s,
            position=sequence.position,
            sample=sequence.sample,
            tokens=tokens,
            mean_entropy=None if seen is None else seen.mean_entropy,
            tail_entropy=None if seen is None else seen.tail_entropy,
            confidence=None if seen is None else seen.confidence,
        )

    def _finish(self, sequence: Sequence) -> AnyEvent:
        log = sequence.log
        if sequence.stopping:
            return self._stopped(sequence, sequence.end_tokens)
        if log.finish_reason is FinishReason.STOPPED and not sequence.cut:
            self.exhausted.add(sequence.position)
            return self._failed(sequence, "the log ends before this sample did")
        if log.finish_reason is FinishReason.ERROR and not sequence.cut:
            return self._failed(sequence, "the logged sample ended in an error")
        last = latest(log.checkpoints, sequence.end_tokens)
        seen = last if sequence.cut else log
        return SampleFinished(
            at_s=self._clock.now_s,
            position=sequence.position,
            sample=sequence.sample,
            answer=None if sequence.cut else log.answer,
            tokens=sequence.end_tokens,
            finish_reason=FinishReason.LENGTH if sequence.cut else log.finish_reason,
            mean_entropy=None if seen is None else seen.mean_entropy,
            tail_entropy=None if seen is None else seen.tail_entropy,
            confidence=None if last is None else last.confidence,
        )

    def _failed(self, sequence: Sequence, message: str) -> SampleFailed:
        return SampleFailed(
            at_s=self._clock.now_s,
            position=sequence.position,
            sample=sequence.sample,
            message=message,
        )

    def _lose(self, sequence: Sequence) -> AnyEvent:
        self.exhausted.add(sequence.position)
        sequence.stage = Stage.GONE
        return self._failed(sequence, "no logged sample is left")

    def _call_tool(self, sequence: Sequence) -> AnyEvent:
        call = sequence.log.tool_calls[sequence.tools_done]
        sequence.tools_done += 1
        self._leave(sequence, Stage.IN_TOOL)
        sequence.in_tool = True
        sequence.uncached_tokens = call.told_tokens
        sequence.told_tokens += call.told_tokens
        sequence.pass_milestone()
        self._schedule(self._clock.now_s + call.seconds, self._enqueue, sequence)
        return ToolCalled(
            at_s=self._clock.now_s, position=sequence.position, sample=sequence.sample
        )

    # Probes.

    def _ask(self, asking: Sequence) -> AnyEvent | None:
        if not asking.end_tokens:
            return self._answer(asking)
        self._held += 1
        self._decode(asking, asking.context(self._clock.tokens))
        return None

    def _answer(self, asking: Sequence) -> AnyEvent:
        return ProbeAnswered(
            at_s=self._clock.now_s,
            position=asking.position,
            sample=asking.sample,
            answer=asking.log.answer,
            tokens=asking.asked_tokens,
        )

    # Out of the engine.

    def _drop(self, sequence: Sequence) -> AnyEvent | None:
        """Notice a stop."""
        if sequence.stage is Stage.GONE:
            return None
        tokens = int(sequence.generated(self._clock.tokens) + _ROUNDING)
        self._remove(sequence)
        return self._stopped(sequence, tokens)

    def _stopped(self, sequence: Sequence, tokens: int) -> SampleFinished:
        return SampleFinished(
            at_s=self._clock.now_s,
            position=sequence.position,
            sample=sequence.sample,
            answer=None,
            tokens=tokens,
            finish_reason=FinishReason.STOPPED,
        )

    def _remove(self, sequence: Sequence) -> None:
        """Take a sequence out for good and charge what it generated."""
        if sequence.stage is Stage.GONE:
            return
        generated = sequence.generated(self._clock.tokens)
        self.tokens[sequence.position] += int(generated + _ROUNDING)
        self._leave(sequence, Stage.GONE)

    def _leave(self, sequence: Sequence, stage: Stage) -> None:
        if sequence.stage is Stage.DECODING:
            self._clock.leave(sequence.leave_batch(self._clock.tokens))
            self._held -= 1
        elif sequence.stage is Stage.PREFILLING:
            self._prefilling_tokens -= sequence.context(self._clock.tokens)
            self._held -= 1
        elif sequence in self._waiting:
            self._waiting.remove(sequence)
        sequence.stage = stage
        if self._waiting:
            self._admit()

    def _cache_full_s(self, before: float) -> float:
        """Return when the KV cache is full; infinity if not before the clock's tokens `before`."""
        limit, clock = self._profile.kv_cache_tokens, self._clock
        if limit is None or clock.width < _FEW:
            return inf
        room = limit - clock.context_tokens - self._prefilling_tokens
        if room >= clock.width * (before - clock.tokens):
            return inf
        return clock.time_of(clock.tokens + max(0.0, room) / clock.width)

    def _preempt(self, at_s: float) -> None:
        """Send the newest decoding sequence back to the queue; its context is lost."""
        clock = self._clock
        clock.run_to_time(at_s)
        decoding = (entry[3] for entry in self._ahead if entry[2] == entry[3].epoch)
        newest = max(decoding, key=lambda sequence: sequence.admitted)
        clock.leave(newest.leave_batch(clock.tokens))
        self._held -= 1
        newest.stage = Stage.QUEUED
        newest.uncached_tokens = int(newest.context(clock.tokens))
        self._waiting.appendleft(newest)


_NOTHING = LoggedSample(sample=-1, tokens=0, answer=None)
_ROUNDING = 1e-6  # the clock's tokens are floats; a whole token must not be lost to them
_FEW = 2  # with fewer sequences there is none to preempt for another
