"""One question from its opening to its answer: the machine that owns the guarantees.

Whatever the policy and the engine do,

1. an answer is submitted no later than the first call at or after the hard deadline, and the
   core asks to be called at it (`Step.next_wakeup_s`);
2. the hard deadline lies within the grant, which the time budget drew;
3. a wish beyond the grant is trimmed on record, an action beyond the allowance is refused;
4. the answer submitted is the leader of the tally that the policy sees.

When several things could end a question on one event, the first of these does: the hard
deadline, the policy's submit, a failed policy, idleness.
"""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from scheduler.actions import AnyAction, ProbeSample, StartSample, StopSample, SubmitAnswer
from scheduler.allowance import Allowance, Trim, trim
from scheduler.errors import (
    ActionRefusedError,
    CallerError,
    EngineFaultError,
    PolicyRaisedError,
    SchedulerError,
)
from scheduler.events import (
    AnyEvent,
    FinishReason,
    ProbeAnswered,
    QuestionOpened,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
    Woke,
)
from scheduler.permits import refusal
from scheduler.policy import Policy
from scheduler.reasons import Reason
from scheduler.signals import MutableSample
from scheduler.states import FINISH_STATES, LIVE, SAMPLE_TRANSITIONS, QuestionState, SampleState
from scheduler.view import QuestionRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler.budget import Grant
    from scheduler.latency import LatencyProfile


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What the core wants after an event.

    Attributes:
        actions: To be carried out in this order.
        next_wakeup_s: Call again with `Woke` by then, in seconds since the stream began;
            infinite if nothing is due.
        faults: What the policy or the engine did wrong; the core went on without it.
        trims: Wishes of the policy that the grant did not hold (at the opening only).
    """

    actions: tuple[AnyAction, ...] = ()
    next_wakeup_s: float = inf
    faults: tuple[SchedulerError, ...] = ()
    trims: tuple[Trim, ...] = ()


NEXT_WAKEUP_AFTER_S = 1e-3
"""A policy's own wake-ups lie at least so far apart, so that none can stop the clock."""


class Question:
    """The state machine of one question.

    Args:
        opened: The question as it came.
        grant: What the stream can give it.
        policy: Who decides.
        latency: What the engine is expected to cost.
    """

    __slots__ = (
        "_faults",
        "_hard_at_s",
        "_policy",
        "_policy_failed",
        "_record",
        "_soft_at_s",
        "_soft_passed",
        "_state",
        "_wake_at_s",
    )

    def __init__(
        self, opened: QuestionOpened, grant: Grant, policy: Policy, latency: LatencyProfile
    ) -> None:
        self._record = QuestionRecord(opened, grant, latency)
        self._policy = policy
        self._policy_failed = False
        self._state = QuestionState.OPEN
        self._hard_at_s = self._soft_at_s = opened.at_s + grant.hard_s
        self._soft_passed = False
        self._wake_at_s = inf  # the policy's own
        self._faults: list[SchedulerError] = []

    @property
    def state(self) -> QuestionState:
        """Where the question stands."""
        return self._state

    @property
    def at_s(self) -> float:
        """Its latest event, in seconds since the stream began."""
        return self._record.at_s

    @property
    def allowance(self) -> Allowance:
        """What it may spend."""
        return self._record.allowance

    @property
    def hard_at_s(self) -> float:
        """The hard deadline, in seconds since the stream began."""
        return self._hard_at_s

    def open(self) -> Step:
        """Ask the policy for an allowance and its first actions."""
        record = self._record
        grant = record.grant
        trims: tuple[Trim, ...] = ()
        if grant.hard_s <= 0.0:
            record.allow(Allowance(soft_s=0.0, hard_s=0.0))
            return self._step((self._submit(Reason.NO_TIME),))
        wish = Allowance()
        try:
            wish = self._policy.request(record)
            if not isinstance(wish, Allowance):
                raise TypeError(f"request returned {type(wish).__name__}, not Allowance")  # noqa: TRY301 - one road for every fault
        except Exception as error:  # noqa: BLE001 - guarantee 1 holds for any policy
            wish = Allowance()
            self._distrust(error)
        allowance, trims = trim(wish, grant)
        record.allow(allowance)
        opened_s = record.opened.at_s
        self._hard_at_s = opened_s + (allowance.hard_s or 0.0)
        self._soft_at_s = opened_s + (allowance.soft_s or 0.0)
        if record.at_s >= self._hard_at_s:
            return self._step(self._end(Reason.HARD_DEADLINE), trims)
        return self._step(self._decide(), trims)

    def handle(self, event: AnyEvent) -> Step:
        """Take one event and say what to do.

        Raises:
            CallerError: if the event cannot belong to an open question at all.
        """
        record = self._record
        at_s = event.at_s
        if at_s < record.at_s:
            self._blame(f"the clock went back from {record.at_s!r} to {at_s!r}")
            at_s = record.at_s
        record.observe(at_s, event)
        if isinstance(event, SampleEvent):
            revealing = self._observe(event)
        elif isinstance(event, Woke):
            revealing = False
        else:
            raise CallerError(f"{type(event).__name__} cannot come while a question is open")
        # Whatever wakes the core at a time that the policy waits for, the policy is asked.
        revealing = revealing or at_s >= min(self._soft_at_s, self._wake_at_s)
        if self._state is QuestionState.ANSWERED:
            return self._step(())
        if at_s >= self._hard_at_s:
            return self._step(self._end(Reason.HARD_DEADLINE))
        return self._step(self._decide() if revealing else ())

    def _step(self, actions: tuple[AnyAction, ...], trims: tuple[Trim, ...] = ()) -> Step:
        faults: tuple[SchedulerError, ...] = ()
        if self._faults:
            faults = tuple(self._faults)
            self._faults.clear()
        if self._state is QuestionState.ANSWERED:
            return Step(actions=actions, faults=faults, trims=trims)
        wakeup_s = min(self._soft_at_s, self._wake_at_s, self._hard_at_s)
        return Step(actions=actions, next_wakeup_s=wakeup_s, faults=faults, trims=trims)

    # Events: what the engine says happened.

    def _observe(self, event: SampleEvent) -> bool:
        """Bring the records up to date; return whether the policy is to be asked."""
        record = self._record
        if not 0 <= event.sample < record.started:
            self._blame(f"{_name(event)} for sample {event.sample}, which was never started")
            return False
        sample = record.record(event.sample)
        before = sample.state
        kind = type(event)
        after = SAMPLE_TRANSITIONS[before].get(kind)
        if after is None:
            self._blame(f"{_name(event)} for sample {event.sample}, which is {before.value}")
            return False
        return self._OBSERVERS[kind](self, event, sample, after) and before in LIVE

    def _on_started(self, _event: SampleStarted, sample: MutableSample, after: SampleState) -> bool:
        sample.enter(after)
        sample.start(self._record.at_s)
        return False  # a decision could rest on nothing that was not known before

    def _on_progressed(
        self, event: SampleProgressed, sample: MutableSample, after: SampleState
    ) -> bool:
        if event.tokens < (sample.tokens or 0):
            self._blame(f"sample {event.sample} shrank from {sample.tokens} to {event.tokens}")
            return False
        sample.enter(after)
        sample.progress(event)
        return True

    def _on_tool(
        self, _event: ToolCalled | ToolReturned, sample: MutableSample, after: SampleState
    ) -> bool:
        sample.enter(after)
        return True

    def _on_probe(self, event: ProbeAnswered, sample: MutableSample, after: SampleState) -> bool:
        if not sample.answer_probe(event.answer):
            self._blame(f"an answer of sample {event.sample} to a probe that was never asked")
            return False
        sample.enter(after)
        if sample.forced:
            self._record.votes.force(event.sample, event.answer, self._weigh(sample))
        return True

    def _on_finished(
        self, event: SampleFinished, sample: MutableSample, after: SampleState
    ) -> bool:
        if after is SampleState.FINISHED:
            after = FINISH_STATES.get(event.finish_reason, after)
        sample.progress(event)
        answer = event.answer
        if sample.max_tokens is not None and event.finish_reason is FinishReason.LENGTH:
            answer = None  # it was cut, whatever its text may hold
        self._end_sample(sample, after, answer)
        return True

    def _on_failed(self, _event: SampleFailed, sample: MutableSample, after: SampleState) -> bool:
        self._end_sample(sample, after, None)
        return True

    _OBSERVERS: ClassVar[
        dict[type[SampleEvent], Callable[[Question, Any, MutableSample, SampleState], bool]]
    ] = {
        SampleStarted: _on_started,
        SampleProgressed: _on_progressed,
        ToolCalled: _on_tool,
        ToolReturned: _on_tool,
        ProbeAnswered: _on_probe,
        SampleFinished: _on_finished,
        SampleFailed: _on_failed,
    }
    """Who takes an event about a sample, once the table has allowed it."""

    def _end_sample(self, sample: MutableSample, state: SampleState, answer: str | None) -> None:
        at_s = self._record.at_s
        was_live = sample.live
        sample.enter(state)
        if state is SampleState.FINISHED:
            sample.end(at_s, answer)
            self._record.votes.vote(sample.sample, answer, self._weigh(sample))
        else:
            sample.end(at_s, None)
            self._record.votes.withdraw(sample.sample)
        if was_live:
            self._record.drop()

    def _weigh(self, sample: MutableSample) -> float:
        try:
            weight = float(self._policy.weigh(sample))
            if not 0.0 <= weight <= 1.0:
                raise ValueError(f"weigh returned {weight!r}, not a number from 0 to 1")  # noqa: TRY301 - one road for every fault
        except Exception as error:  # noqa: BLE001 - guarantee 1 holds for any policy
            self._distrust(error)
            return Policy.weigh(self._policy, sample)
        return weight

    # Actions: what the policy wants.

    def _decide(self) -> tuple[AnyAction, ...]:
        """Ask the policy, take what may be taken, and end the question if nothing is left."""
        taken: list[AnyAction] = []
        if self._record.at_s >= self._soft_at_s:
            self._soft_at_s = inf  # it is asked now, once
            self._soft_passed = True
        if not self._policy_failed:
            try:
                wanted = self._policy.decide(self._record)
                if not isinstance(wanted, list | tuple):
                    raise TypeError(f"decide returned {type(wanted).__name__}, not a list")  # noqa: TRY301 - one road for every fault
            except Exception as error:  # noqa: BLE001 - guarantee 1 holds for any policy
                self._distrust(error)
            else:
                for action in wanted:
                    problem = self._problem(action)
                    if problem is None:
                        self._take(action, taken)
                    else:
                        self._faults.append(ActionRefusedError(f"{_name(action)}: {problem}"))
        if self._state is QuestionState.OPEN:
            ending = self._nothing_left()
            if ending is not None:
                taken.extend(self._end(ending))
            else:
                self._wake_at_s = self._ask_wakeup()
        return tuple(taken)

    def _ask_wakeup(self) -> float:
        """Ask the policy when it wants to be asked again."""
        if self._policy_failed:
            return inf
        try:
            wish_s = float(self._policy.next_wakeup_s(self._record))
            if isnan(wish_s):
                raise ValueError("next_wakeup_s returned nan")  # noqa: TRY301 - one road for every fault
        except Exception as error:  # noqa: BLE001 - guarantee 1 holds for any policy
            self._distrust(error)
            return inf
        return max(wish_s, self._record.at_s + NEXT_WAKEUP_AFTER_S)

    def _nothing_left(self) -> Reason | None:
        record = self._record
        if self._policy_failed:
            over = not record.live or record.settled or self._soft_passed
            return Reason.POLICY_FAILED if over else None
        return None if record.live else Reason.IDLE

    def _problem(self, action: AnyAction) -> str | None:
        """Say why an action may not be taken, or None if it may."""
        if self._state is QuestionState.ANSWERED:
            return "the question is answered"
        try:
            return refusal(action, self._record)
        except Exception as error:  # noqa: BLE001 - a field may hold anything
            return _text(error)

    def _take(self, action: AnyAction, taken: list[AnyAction]) -> None:
        """Bring the records up to date with an action that may be taken."""
        record = self._record
        taken.append(action)
        if isinstance(action, StartSample):
            sample = MutableSample(action.sample, action.arm, action.max_tokens, record.at_s)
            record.add(sample)
        elif isinstance(action, StopSample):
            record.record(action.sample).enter(SampleState.STOPPING)
            record.votes.withdraw(action.sample)
            record.drop()
        elif isinstance(action, ProbeSample):
            record.record(action.sample).ask_probe(forced=action.forced)
        else:
            self._state = QuestionState.ANSWERED
            taken.extend(self._stop_live())

    def _end(self, reason: Reason) -> tuple[AnyAction, ...]:
        return (self._submit(reason), *self._stop_live())

    def _submit(self, reason: Reason) -> SubmitAnswer:
        self._state = QuestionState.ANSWERED
        tally = self._record.tally
        numbers = {"leader_weight": tally.leader_weight, "margin": tally.margin}
        return SubmitAnswer(answer=tally.leader, reason=reason, numbers=numbers)

    def _stop_live(self) -> list[StopSample]:
        """Stop what still runs, now that the answer is out."""
        record = self._record
        stops = []
        if record.live:
            for view in record.live_samples():
                record.record(view.sample).enter(SampleState.STOPPING)
                record.drop()
                stops.append(StopSample(sample=view.sample, reason=Reason.ANSWERED))
        return stops

    # Faults.

    def _blame(self, what: str) -> None:
        self._faults.append(EngineFaultError(what))

    def _distrust(self, error: Exception) -> None:
        self._policy_failed = True
        fault = PolicyRaisedError(_text(error))
        fault.__cause__ = error
        self._faults.append(fault)


def _name(record: object) -> str:
    return type(record).__name__


def _text(error: Exception) -> str:
    """Return an error's kind and message, even if it has none to show."""
    try:
        return f"{_name(error)}: {error}"
    except Exception:  # noqa: BLE001 - the message is code of the policy's
        return _name(error)
