"""The four guarantees hold for any policy, any engine and any budget: a campaign.

Thousands of streams are played by policies that grab, sleep, raise, spam, ask for the impossible
or return rubbish, on an engine that stalls, crashes, floods and lies. The only promise kept is
the driver's: it calls no later than the core asked to be called. What the core must hold is
recomputed here from what went in and came out, without looking inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, inf, isclose, log, nan
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import POLICIES, parse_policy
from scheduler import (
    FORCED_WEIGHT,
    Allowance,
    FinishReason,
    Policy,
    ProbeAnswered,
    ProbeSample,
    QuestionOpened,
    Reason,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    Scheduler,
    SchedulerError,
    StartSample,
    StopSample,
    SubmitAnswer,
    TimeBudget,
    ToolCalled,
    ToolReturned,
    Woke,
    decode_action,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduler import AnyAction, AnyEvent, Grant, LatencyProfile, QuestionView, SampleView, Step

STREAMS = 10_000
CHUNK = 200
MOST_STEPS = 10_000
ROUNDING_S = 1e-9
ANSWERS = ("7", "7", "7", "42", "42", "0", "", None, None, "9" * 3000)
REASONS = tuple(Reason)
FINISHES = (FinishReason.STOP,) * 5 + tuple(FinishReason)


class Luck:
    """Draws from a seeded generator, a block at a time."""

    def __init__(self, *seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._block: list[float] = []

    def unit(self) -> float:
        """Draw from 0 to 1."""
        if not self._block:
            self._block = self._generator.random(1024).tolist()
        return self._block.pop()

    def below(self, n: int) -> int:
        """Draw one of 0 … n − 1."""
        return int(self.unit() * n)

    def chance(self, p: float) -> bool:
        """Decide with a probability."""
        return self.unit() < p

    def pick(self, options: Sequence[Any]) -> Any:  # noqa: ANN401 - one of anything
        """Draw one."""
        return options[int(self.unit() * len(options))]


# Policies that are up to no good.


class Wild(Policy):
    """A policy with luck; weighs by a rule of its own."""

    def __init__(self, luck: Luck) -> None:
        self.luck = luck
        self.progress_every_tokens = luck.pick((None, 1, 1000))

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401 - rubbish too
        """Run four at a time, half of the time."""
        return view.start(4 - view.live, Reason.WIDEN) if self.luck.chance(0.5) else []

    def next_wakeup_s(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Ask to be woken now and then."""
        later_s = view.at_s + self.luck.unit() * min(view.grant.hard_s, 1000.0)
        return later_s if self.luck.chance(0.3) else inf

    def weigh(self, sample: SampleView) -> float:
        """Weigh in eighths, nothing included."""
        return FORCED_WEIGHT if sample.forced else sample.sample * 3 % 9 / 8


class Greedy(Wild):
    """Asks for everything and starts hundreds."""

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Start hundreds at first, then more."""
        few = self.luck.below(3)
        return view.start(few if view.started else 100 + self.luck.below(300), Reason.WIDEN)


class Idle(Wild):
    """Never acts, or only once."""

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Do nothing."""
        return view.start(3, Reason.WIDEN) if not view.started and self.luck.chance(0.7) else []


class Raising(Wild):
    """Raises now and then, wherever it is asked."""

    def _raise(self) -> None:
        if self.luck.chance(0.1):
            raise self.luck.pick((ValueError, KeyError, RecursionError, StopIteration, OSError))

    def request(self, view: QuestionView) -> Allowance:
        """Ask for everything or raise."""
        self._raise()
        return super().request(view)

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Go on or raise."""
        self._raise()
        return super().decide(view)

    def next_wakeup_s(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Sleep on or raise."""
        self._raise()
        return super().next_wakeup_s(view)

    def weigh(self, sample: SampleView) -> float:
        """Weigh or raise."""
        if not sample.forced:
            self._raise()
        return super().weigh(sample)


class Spamming(Wild):
    """Wants all kinds of actions with arguments at random."""

    def request(self, view: QuestionView) -> Allowance:
        """Ask for narrow limits now and then."""
        luck = self.luck
        del view
        return Allowance(
            soft_s=luck.pick((None, 0.0, 1.0, 30.0)),
            width=luck.pick((None, 0, 1, 5)),
            samples=luck.pick((None, 0, 1, 9)),
            tokens_per_sample=luck.pick((None, 1, 500)),
        )

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Spam."""
        return [self._action(view) for _ in range(self.luck.below(9))]

    def _action(self, view: QuestionView) -> AnyAction:
        luck = self.luck
        reason, kind = luck.pick(REASONS), luck.below(8)
        sample = luck.pick((-1, view.started, 10**30, *range(view.started)))
        if kind < 3:
            number = view.started + luck.pick((0, 0, 0, 1, 2, -1))
            limit = luck.pick((None, -1, 0, 1, 500, 10**30))
            parent = luck.pick((None, None, sample))
            return StartSample(sample=number, max_tokens=limit, parent=parent, reason=reason)
        if kind == 3:
            return StopSample(sample=sample, reason=reason)
        if kind < 7:
            return ProbeSample(sample=sample, forced=luck.chance(0.7), reason=reason)
        answer = luck.pick((view.tally.leader, view.tally.runner_up, *ANSWERS))
        return SubmitAnswer(answer=answer, reason=reason)


class Impossible(Wild):
    """Asks for the impossible."""

    def request(self, view: QuestionView) -> Allowance:
        """Draw every wish, most of them absurd."""
        wishes = (nan, inf, -inf, -1.0, 0.0, 1e-300, 1e300, 3.0, None, None, None, "8", 10**30)
        del view
        names = ("soft_s", "hard_s", "width", "samples", "tokens_per_sample", "price")
        asked = {name: self.luck.pick(wishes) for name in names if self.luck.chance(0.4)}
        return Allowance(**asked)

    def next_wakeup_s(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Ask to be woken in the past, at once, after the end and never."""
        sooner = (-inf, -1.0, 0.0, view.at_s, view.at_s + 1e-12, 10**400)
        return self.luck.pick((*sooner, nan, inf, inf, inf, inf))


class Rubbish(Wild):
    """Returns what is neither an allowance, nor actions, nor a weight."""

    def _rubbish(self) -> Any:  # noqa: ANN401 - that's the point
        return self.luck.pick(
            (None, "submit", 7, nan, [None], ["start"], {}, object(), (i for i in [1]))
        )

    def request(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Return an allowance, mostly."""
        return self._rubbish() if self.luck.chance(0.2) else super().request(view)

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Return actions, mostly."""
        return self._rubbish() if self.luck.chance(0.2) else super().decide(view)

    def next_wakeup_s(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Return a time, mostly."""
        return self._rubbish() if self.luck.chance(0.2) else super().next_wakeup_s(view)

    def weigh(self, sample: SampleView) -> Any:  # noqa: ANN401
        """Return a weight, mostly."""
        if self.luck.chance(0.2) and not sample.forced:
            return self.luck.pick((None, "heavy", nan, inf, -1.0, 1.5, [1.0]))
        return super().weigh(sample)


class Mistyped(Spamming):
    """Returns actions whose fields are of the wrong type."""

    def _action(self, view: QuestionView) -> AnyAction:
        wrong: Any = self.luck.pick((None, "0", 0.5, float(view.started), nan, [0], True))
        build: Any = self.luck.pick((StartSample, StopSample, ProbeSample, SubmitAnswer))
        if self.luck.chance(0.3) or build is SubmitAnswer:
            return super()._action(view)
        right = {"sample": view.started if build is StartSample else 0, "reason": Reason.WIDEN}
        names = ["sample", "reason", "numbers"]
        if build is StartSample:
            names += ["arm", "max_tokens", "parent", "candidates"]
        action: AnyAction = build(**{**right, self.luck.pick(names): wrong})
        return action


class Forcing(Wild):
    """Probes, forces, stops and submits at random."""

    def request(self, view: QuestionView) -> Allowance:
        """Ask for a soft deadline inside the grant."""
        return Allowance(soft_s=view.grant.hard_s * self.luck.unit(), width=8)

    def decide(self, view: QuestionView) -> Any:  # noqa: ANN401
        """Keep six running and ask them for answers."""
        luck = self.luck
        actions: list[AnyAction] = [*view.start(6 - view.live, Reason.REPLACE)]
        for sample in view.live_samples():
            if luck.chance(0.5):
                forced = luck.chance(0.6)
                actions.append(view.probe(sample.sample, Reason.FORCE, forced=forced))
            elif luck.chance(0.1):
                actions.append(view.stop(sample.sample, Reason.TOO_LONG))
        if luck.chance(0.05):
            actions.append(view.submit(Reason.LEAD))
        return actions


WILD: dict[str, Callable[[Luck], Policy]] = {
    kind.__name__.lower(): kind
    for kind in (Greedy, Idle, Raising, Spamming, Impossible, Rubbish, Mistyped, Forcing)
}
TAME: dict[str, Callable[[Luck], Policy]] = {
    text: (lambda _, text=text: parse_policy(text).build())
    for text in (*POLICIES, "share:forced=true,equal=2", "lead:width=2,cap=9,cut_tokens=500")
}
KINDS = WILD | TAME
CHUNKS = ceil(STREAMS / CHUNK / len(KINDS))


class Recorder(Policy):
    """Passes on to a policy and notes what it asked for and how it weighed."""

    def __init__(self, inner: Policy) -> None:
        self.inner = inner
        self.progress_every_tokens = inner.progress_every_tokens
        self.wish = Allowance()
        self.grant: Grant | None = None
        self.weights: dict[int, float] = {}
        self.shown: dict[str, float] | None = None

    def request(self, view: QuestionView) -> Allowance:
        """Note the grant and the wish."""
        self.grant, self.wish = view.grant, Allowance()
        wish = self.inner.request(view)
        if isinstance(wish, Allowance):
            self.wish = wish
        return wish

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Note the votes that are shown."""
        self.shown = dict(view.tally.weights)
        return self.inner.decide(view)

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Pass on."""
        return self.inner.next_wakeup_s(view)

    def weigh(self, sample: SampleView) -> float:
        """Note the weight; what is none counts as 1."""
        self.weights[sample.sample] = 1.0
        weight = self.inner.weigh(sample)
        if isinstance(weight, float | int) and 0.0 <= weight <= 1.0:
            self.weights[sample.sample] = float(weight)
        return weight


# An engine that keeps no promise.


class Engine(Protocol):
    """What the driver needs of an engine."""

    def act(self, position: int, actions: Sequence[AnyAction]) -> None:
        """Take what the core wants."""

    def next(self, now_s: float, by_s: float) -> tuple[float, AnyEvent]:
        """Say what happens next, no later than `by_s`, and when."""


class Chaos:
    """Stalls, crashes, floods and lies as its luck has it."""

    def __init__(self, luck: Luck, pace_s: float) -> None:
        self.luck = luck
        self.scale_s = pace_s
        self.position = -1
        self.asked = 0
        self.known: list[tuple[int, int]] = []  # position, sample: all that was ever asked for
        self.latest: AnyEvent = Woke(at_s=0.0)
        self._open()

    def _open(self) -> None:
        luck = self.luck
        self.quota = luck.pick((0, 1, 5, 20, 20, 40, 40, 200))
        self.pace_s = self.scale_s * luck.pick((0.0, 0.01, 0.1, 0.1, 1.0))
        self.lies = luck.pick((0.0, 0.1, 0.5))
        self.crashed = False
        self.crash = luck.pick((0.0, 0.0, 0.05))

    def act(self, position: int, actions: Sequence[AnyAction]) -> None:
        """Remember which samples there may be."""
        if position != self.position:
            self.position, self.asked = position, 0
            self._open()
        for action in actions:
            if isinstance(action, StartSample):
                self.known.append((position, self.asked))
                self.asked += 1

    def next(self, now_s: float, by_s: float) -> tuple[float, AnyEvent]:
        """Say what happens next."""
        luck = self.luck
        self.quota -= 1
        at_s = now_s - self.pace_s * log(1.0 - luck.unit())
        if at_s > by_s and luck.chance(0.3):
            at_s = by_s  # an event as late as the wake-up
        if self.quota < 0 or at_s > by_s:
            return by_s, Woke(at_s=by_s)
        self.crashed = self.crashed or luck.chance(self.crash)
        event = self._lie(at_s) if luck.chance(self.lies) else self._tell(at_s)
        self.latest = event
        return at_s, event

    def _tell(self, at_s: float) -> AnyEvent:
        """Let something happen to a sample of the open question, or to a late one."""
        luck = self.luck
        if not self.asked or luck.chance(0.05):
            return Woke(at_s=at_s)
        late = self.position > 0 and luck.chance(0.1)
        position, sample = (
            luck.pick(self.known) if late else (self.position, luck.below(self.asked))
        )
        return self._event(at_s, position, sample)

    def _event(self, at_s: float, position: int, sample: int) -> AnyEvent:
        luck = self.luck
        kind = luck.below(12)
        where = {"at_s": at_s, "position": position, "sample": sample}
        if self.crashed or kind == 0:
            return SampleFailed(**where, message="lost")
        if kind < 4:
            return SampleStarted(**where)
        if kind < 6:
            tokens = luck.pick((0, luck.below(1000), luck.below(1000), 2**62))
            return SampleProgressed(**where, tokens=tokens, tail_entropy=luck.pick((None, 0.5)))
        if kind == 6:
            return luck.pick((ToolCalled, ToolReturned))(**where)
        if kind < 9:
            return ProbeAnswered(**where, answer=luck.pick(ANSWERS))
        tokens = luck.pick((0, luck.below(1000), luck.below(1000), 2**62))
        return SampleFinished(
            **where, answer=luck.pick(ANSWERS), tokens=tokens, finish_reason=luck.pick(FINISHES)
        )

    def _lie(self, at_s: float) -> AnyEvent:
        """Say what cannot be."""
        luck = self.luck
        kind = luck.below(5)
        if kind == 0:  # a sample that was never asked for
            return self._event(at_s, self.position, luck.pick((-1, self.asked, 10**30)))
        if kind == 1:  # a question that is not here
            return self._event(at_s, self.position + luck.pick((-3, -1, 1, 10**30)), luck.below(3))
        if kind == 2:  # a clock that went back
            return self._event(at_s * luck.unit(), self.position, luck.below(self.asked + 1))
        if kind == 3:  # the same again, with its old time
            return self.latest
        return Woke(at_s=at_s * luck.unit())


# What the core must hold, recomputed.


@dataclass
class Rules:
    """The time budget's arguments, and the grant that they imply."""

    total_s: float
    questions: int | tuple[int, int] | None
    reserve_s: float = 0.0
    floor_s: float = 0.0
    cap_s: float | None = None

    def budget(self) -> TimeBudget:
        """Build the ledger."""
        return TimeBudget(
            self.total_s,
            questions=self.questions,
            reserve_s=self.reserve_s,
            floor_s=self.floor_s,
            cap_s=self.cap_s,
        )

    def kept_s(self, position: int, at_s: float) -> float:
        """Seconds to keep for questions after this one: the floor, or an equal share."""
        high = self.questions[1] if isinstance(self.questions, tuple) else self.questions
        later = position + 1 if high is None else max(0, high - position - 1)
        left_s = max(0.0, self.total_s - self.reserve_s - at_s)
        return min(self.floor_s, left_s / (later + 1)) * later

    def most_s(self, position: int, at_s: float) -> float:
        """Seconds that this question may take."""
        left_s = max(0.0, self.total_s - self.reserve_s - at_s)
        cap_s = inf if self.cap_s is None else self.cap_s
        return min(cap_s, max(0.0, left_s - self.kept_s(position, at_s)))


@dataclass
class Seen:
    """One sample, as the events and actions tell of it."""

    state: str = "asked"
    cut: bool = False
    pending: int = 0
    forced: bool = False


@dataclass
class Witness:
    """One question, followed from outside: its samples, its votes and its answer."""

    position: int
    wish: Allowance
    samples: list[Seen] = field(default_factory=list)
    votes: dict[int, tuple[str, int]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    live: int = 0
    submitted: list[SubmitAnswer] = field(default_factory=list)

    @property
    def weights(self) -> dict[str, int]:
        """Millionths of a vote by answer, in the order of each answer's first vote."""
        weights = dict.fromkeys(self.order, 0)
        for answer, weight in self.votes.values():
            weights[answer] += weight
        return weights

    @property
    def leader(self) -> str | None:
        """The answer with the most weight; among equals the one that was voted for first."""
        return max(self.order, key=self.weights.__getitem__, default=None)

    def agrees(self, shown: dict[str, float]) -> bool:
        """Say whether a policy was shown these votes, in this order."""
        parts = {answer: round(weight * 1_000_000) for answer, weight in shown.items()}
        return [*parts.items()] == [*self.weights.items()]

    def hear(self, event: AnyEvent, weights: dict[int, float]) -> None:
        """Follow an event."""
        if not isinstance(event, SampleEvent) or event.position != self.position:
            return
        if not 0 <= event.sample < len(self.samples):
            return
        sample = self.samples[event.sample]
        live = sample.state in ("asked", "running")
        if isinstance(event, SampleStarted) and sample.state == "asked":
            sample.state = "running"
        elif isinstance(event, ProbeAnswered) and sample.pending:
            sample.pending -= 1
            if live and sample.forced:
                weight = weights.pop(event.sample, FORCED_WEIGHT)
                self._vote(event.sample, event.answer, weight)
        elif isinstance(event, SampleFinished | SampleFailed) and sample.state != "ended":
            if live:
                self.live -= 1
                self._vote(
                    event.sample, self._answer(event, sample), weights.pop(event.sample, 1.0)
                )
            sample.state = "ended"

    @staticmethod
    def _answer(event: SampleFinished | SampleFailed, sample: Seen) -> str | None:
        if isinstance(event, SampleFailed):
            return None
        if event.finish_reason in (FinishReason.STOPPED, FinishReason.ERROR):
            return None
        cut = sample.cut and event.finish_reason is FinishReason.LENGTH
        return None if cut else event.answer

    def _vote(self, sample: int, answer: str | None, weight: float) -> None:
        self.votes.pop(sample, None)
        if answer is not None:
            self.votes[sample] = (answer, round(weight * 1_000_000))
        standing = {answer for answer, _ in self.votes.values()}
        self.order = [known for known in self.order if known in standing]
        if answer is not None and answer not in self.order:
            self.order.append(answer)

    def take(self, actions: Sequence[AnyAction]) -> None:
        """Follow what the core wants, and check that it may be wanted."""
        for action in actions:
            assert not self.submitted or isinstance(action, StopSample)
            assert decode_action(encode(action)) == action  # a journal can hold it
            if isinstance(action, StartSample):
                self._start(action)
            elif isinstance(action, SubmitAnswer):
                assert action.answer == self.leader
                self.submitted.append(action)
            else:
                assert type(action.sample) is int
                sample = self.samples[action.sample]
                if isinstance(action, ProbeSample):
                    assert sample.state == "running"
                    sample.pending += 1
                    sample.forced |= action.forced
                else:
                    assert sample.state in ("asked", "running")
                    self.live -= 1
                    sample.state = "stopping"
                    self._vote(action.sample, None, 0.0)

    def _start(self, action: StartSample) -> None:
        wish = self.wish
        assert type(action.sample) is int
        assert action.sample == len(self.samples)
        assert wish.width is None or self.live < wish.width
        assert wish.samples is None or len(self.samples) < wish.samples
        assert action.max_tokens is None or action.max_tokens >= 1
        if wish.tokens_per_sample is not None:
            assert action.max_tokens is not None
            assert action.max_tokens <= wish.tokens_per_sample
        assert action.parent is None or action.parent in range(len(self.samples))
        self.samples.append(Seen(cut=action.max_tokens is not None))
        self.live += 1


def play(
    policy: Policy,
    rules: Rules,
    engine: Engine,
    latency: LatencyProfile,
    arrivals: Sequence[float],
) -> list[Step]:
    """Play a stream with a question after each wait of `arrivals`; check everything."""
    recorder = Recorder(policy)
    scheduler = Scheduler(recorder, rules.budget(), latency)
    now_s = 0.0
    steps: list[Step] = []
    for position, wait_s in enumerate(arrivals):
        now_s += wait_s
        opened_s, lied = now_s, False
        recorder.wish, recorder.grant = Allowance(), None
        recorder.weights.clear()
        step = scheduler.open(QuestionOpened(at_s=now_s, question_id=f"q{position}"))
        most_s = rules.most_s(position, opened_s)
        if recorder.grant is not None:
            assert isclose(recorder.grant.hard_s, most_s, abs_tol=ROUNDING_S)
        wish_s = recorder.wish.hard_s
        hard_at_s = opened_s + (most_s if wish_s is None else min(most_s, wish_s))
        witness = Witness(position, recorder.wish)
        for _ in range(MOST_STEPS):
            steps.append(step)
            assert recorder.shown is None or witness.agrees(recorder.shown)
            recorder.shown = None
            assert all(isinstance(fault, SchedulerError) for fault in step.faults)
            witness.take(step.actions)
            engine.act(position, step.actions)
            if not scheduler.is_open:
                break
            assert not witness.submitted
            assert step.next_wakeup_s <= hard_at_s + ROUNDING_S
            # Old times hide from the core how late it is; else it may ask for the future alone.
            assert lied or now_s <= step.next_wakeup_s
            now_s, event = engine.next(now_s, max(now_s, step.next_wakeup_s))
            lied = lied or event.at_s != now_s
            step = scheduler.handle(event)
            witness.hear(event, recorder.weights)
        assert not scheduler.is_open
        assert step.next_wakeup_s == inf
        assert witness.live == 0
        assert len(witness.submitted) == 1
        assert now_s <= hard_at_s + ROUNDING_S
        assert not scheduler.handle(Woke(at_s=now_s)).actions
        _check_ledger(scheduler.budget, rules, position, opened_s, now_s)
        assert scheduler.budget.rows[-1].reason is witness.submitted[0].reason
    return steps


def _check_ledger(
    budget: TimeBudget, rules: Rules, position: int, opened_s: float, now_s: float
) -> None:
    row, usable_s = budget.rows[-1], rules.total_s - rules.reserve_s
    assert row.question_id == f"q{position}"
    assert row.opened_s == opened_s
    assert row.opened_s + row.spent_s <= max(opened_s, usable_s) + ROUNDING_S
    assert row.opened_s + row.spent_s <= now_s + ROUNDING_S
    assert row.returned_s is not None
    assert row.returned_s >= -ROUNDING_S
    assert budget.left_s >= rules.kept_s(position, opened_s) - max(0.0, opened_s - usable_s) - (
        ROUNDING_S
    )
    if usable_s < inf:
        spent_s = sum(row.spent_s for row in budget.rows)
        assert abs(spent_s + budget.left_s - usable_s) <= ROUNDING_S


def random_rules(luck: Luck, count: int) -> Rules:
    """Draw a budget: known, bounded or unknown numbers, true or not, roomy or not."""
    total_s = luck.pick((0.0, 1e-6, 1.0, 60.0, 3600.0, 18000.0, inf))
    room_s = min(total_s, 1000.0)
    return Rules(
        total_s,
        questions=luck.pick((None, count, 1, count + 3, (1, count), (1, 2 * count), (1, 2))),
        reserve_s=luck.pick((0.0, 0.0, room_s * luck.unit(), room_s)),
        floor_s=luck.pick((0.0, room_s / 20, room_s / (count + 1), room_s * 2)),
        cap_s=100.0 if total_s == inf else luck.pick((None, None, 0.0, room_s * luck.unit())),
    )


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("kind", KINDS)
def test_the_guarantees_hold(profile: LatencyProfile, kind: str, chunk: int) -> None:
    """Whatever a policy, an engine and a budget are like, every question is answered in time."""
    submits = 0
    for stream in range(CHUNK):
        luck = Luck([*KINDS].index(kind), chunk, stream)
        count = 1 + luck.below(8)
        rules = random_rules(luck, count)
        scale_s = min(rules.total_s, 1000.0) / count
        waits_s = [scale_s * luck.pick((0.0, 0.0, 0.01, 0.3)) for _ in range(count)]
        if luck.chance(0.05):
            waits_s[0] = scale_s * 20  # the engine was not ready before the end
        steps = play(KINDS[kind](luck), rules, Chaos(luck, scale_s), profile, waits_s)
        found = sum(isinstance(a, SubmitAnswer) for step in steps for a in step.actions)
        assert found == count
        submits += found
    assert submits > CHUNK


# The same by script, so that a failure shrinks to a few lines.


class Scripted:
    """An engine that reads its events from a list and then stalls."""

    def __init__(self, script: Sequence[tuple[float, AnyEvent]]) -> None:
        self.script = [*script]

    def act(self, position: int, actions: Sequence[AnyAction]) -> None:
        """Take no notice."""

    def next(self, now_s: float, by_s: float) -> tuple[float, AnyEvent]:
        """Read the next line, unless the wake-up is due before it."""
        if not self.script or now_s + self.script[0][0] > by_s:
            return by_s, Woke(at_s=by_s)
        after_s, event = self.script.pop(0)
        at_s = now_s + after_s
        return at_s, type(event)(**{**_fields(event), "at_s": at_s})


class Reading(Policy):
    """A policy that reads its decisions from a list and then waits."""

    def __init__(self, soft_s: float | None, script: Sequence[Sequence[tuple[str, int]]]) -> None:
        self.soft_s = soft_s
        self.script = [*script]

    def request(self, view: QuestionView) -> Allowance:
        """Ask for a soft deadline."""
        del view
        return Allowance(soft_s=self.soft_s, width=4)

    def decide(self, view: QuestionView) -> list[AnyAction]:
        """Start two at first, then do what the next line says."""
        if not view.started:
            return [*view.start(2, Reason.WIDEN)]
        return [self._action(view, *line) for line in (self.script.pop(0) if self.script else ())]

    @staticmethod
    def _action(view: QuestionView, word: str, sample: int) -> AnyAction:
        if word == "start":
            return StartSample(sample=view.started, max_tokens=sample or None, reason=Reason.WIDEN)
        if word == "stop":
            return view.stop(sample, Reason.TOO_LONG)
        if word == "submit":
            return view.submit(Reason.LEAD)
        return view.probe(sample, Reason.FORCE, forced=word == "force")


def _fields(event: AnyEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


_where = {"at_s": st.just(0.0), "position": st.integers(-1, 2), "sample": st.integers(-1, 3)}
_answers = st.sampled_from(["7", "42", None])
_events = st.one_of(
    st.builds(Woke, at_s=st.just(0.0)),
    *(st.builds(kind, **_where) for kind in (SampleStarted, ToolCalled, ToolReturned)),
    st.builds(SampleProgressed, **_where, tokens=st.integers(0, 3)),
    st.builds(ProbeAnswered, **_where, answer=_answers),
    st.builds(SampleFailed, **_where),
    st.builds(
        SampleFinished,
        **_where,
        answer=_answers,
        tokens=st.integers(0, 3),
        finish_reason=st.sampled_from(FinishReason),
    ),
)
_words = st.sampled_from(["start", "stop", "probe", "force", "submit"])


@given(
    events=st.lists(st.tuples(st.sampled_from([0.0, 1.0, 7.0]), _events), max_size=25),
    decisions=st.lists(st.lists(st.tuples(_words, st.integers(-1, 3)), max_size=3), max_size=25),
    soft_s=st.sampled_from([None, 0.0, 5.0]),
    questions=st.sampled_from([None, 1, 3, (1, 2)]),
    floor_s=st.sampled_from([0.0, 4.0, 50.0]),
    count=st.integers(1, 3),
)
def test_no_script_breaks_the_guarantees(
    *,
    profile: LatencyProfile,
    events: list[tuple[float, AnyEvent]],
    decisions: list[list[tuple[str, int]]],
    soft_s: float | None,
    questions: int | tuple[int, int] | None,
    floor_s: float,
    count: int,
) -> None:
    """Any short sequence of events and decisions ends in one answer a question, in time."""
    rules = Rules(30.0, questions, reserve_s=1.0, floor_s=floor_s, cap_s=20.0)
    play(Reading(soft_s, decisions), rules, Scripted(events), profile, [1.0] * count)
