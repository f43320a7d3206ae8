"""What every policy owes, asked of any policy: `examine(MyRule)` says what it breaks.

A policy plays streams that are awkward (no samples, null answers, failing or censored ones, an
engine that is slow to stop, hardly any time, endless time) and is watched. Owed is: every question
is answered before its deadline and by itself; the policy raises nothing and takes no step outside
its own allowance; the answer is one that was possible; without time nothing is started; without a
limit its own rule ends it; and the same stream has the same decisions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from scheduler import (
    FinishReason,
    LatencyProfile,
    Policy,
    ProbeSample,
    QuestionOpened,
    Reason,
    Scheduler,
    StartSample,
    StopSample,
    SubmitAnswer,
    TimeBudget,
    encode,
)
from scheduler.latency import Decode, Prefill, Probe
from simulations.deck import Deck
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample, Pool, ToolCall
from simulations.streams import Draw, Order, Streams
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduler import Allowance, AnyAction, QuestionView, SampleView

_SEED = 7

# What they meet.

FREE = LatencyProfile(name="free", decode=Decode(width=(1,), step_s=(0.01,)))
COSTLY = LatencyProfile(
    name="costly",
    decode=Decode(width=(1, 8), step_s=(0.01, 0.02), context_s_per_token=1e-7),
    prefill=Prefill(base_s=0.2, s_per_token=1e-3, request_s=0.05, stall_s=0.02),
    probe=Probe(base_s=0.1, tokens=4),
    stop_s=0.3,
    max_sequences=5,
    kv_cache_tokens=6_000,
)


def mixed(answer: Callable[[int], str | None] = lambda i: "7" if i % 3 else str(i % 5)) -> Pool:
    """Return five questions of twenty samples: signals, tools, limits and answers by number."""
    questions = []
    for number in range(5):
        samples = []
        for i in range(20):
            tokens = 200 + 37 * ((7 * i + number) % 20) + 150 * number
            logged = tuple(
                Checkpoint(
                    at,
                    mean_entropy=0.2 + 0.01 * (i % 7),
                    tail_entropy=0.1 + 0.02 * ((i + at) % 5),
                    probed=at % 80 == 0,
                    answer=answer(i + at // 160) if at % 80 == 0 else None,
                    confidence=10.0 + (i * at) % 9,
                )
                for at in range(40, tokens, 40)
            )
            samples.append(
                LoggedSample(
                    i,
                    tokens,
                    answer(i),
                    prompt_tokens=90,
                    mean_entropy=0.2 + 0.01 * (i % 7),
                    checkpoints=logged,
                    tool_calls=(ToolCall(150, 0.4),) if i % 6 == 0 else (),
                )
            )
        question = LoggedQuestion(f"q{number}", "7", {"default": tuple(samples)}, None, {})
        questions.append(question)
    return Pool("scripted", tuple(questions))


def only(count: int, answer: str | None, finish_reason: FinishReason = FinishReason.STOP) -> Pool:
    """Return two questions of `count` samples that all end the same way."""
    samples = tuple(
        LoggedSample(i, 100 + 10 * i, answer, finish_reason=finish_reason) for i in range(count)
    )
    return Pool(
        "scripted",
        tuple(LoggedQuestion(f"q{n}", "7", {"default": samples}, None, {}) for n in range(2)),
    )


@dataclass(frozen=True)
class Scenario:
    """A stream that every policy must survive, and the answers that any attempt must give."""

    pool: Pool
    total_s: float = 1000.0
    profile: LatencyProfile = FREE
    answers: frozenset[str | None] | None = None


SCENARIOS = {
    "plain": Scenario(mixed()),
    "costly engine": Scenario(mixed(), 60.0, COSTLY),
    "no samples logged": Scenario(only(0, None), answers=frozenset({None})),
    "one sample": Scenario(only(1, "7"), answers=frozenset({"7"})),
    "null answers": Scenario(mixed(lambda _: None), answers=frozenset({None})),
    "empty answers": Scenario(mixed(lambda _: ""), answers=frozenset({""})),
    "all equal": Scenario(mixed(lambda _: "7"), answers=frozenset({"7"})),
    "all different": Scenario(mixed(str)),
    "all failing": Scenario(only(20, "7", FinishReason.ERROR), answers=frozenset({None})),
    "all censored": Scenario(only(20, "7", FinishReason.STOPPED), answers=frozenset({None})),
    "no seconds": Scenario(mixed(), 0.0, answers=frozenset({None})),
    "two seconds": Scenario(mixed(), 2.0),
    "a moment": Scenario(mixed(), 1e-9, COSTLY, answers=frozenset({None})),
    "infinite seconds": Scenario(mixed(), inf),
}
MOST_EVENTS = 20_000
_NOT_ITS_OWN = {Reason.HARD_DEADLINE, Reason.IDLE, Reason.POLICY_FAILED, Reason.NO_TIME}
"""Endings that the core has to see to."""


# How they are watched.


class Watched(Policy):
    """Passes everything on and notes each step outside the policy's own allowance."""

    def __init__(self, inner: Policy) -> None:
        self.progress_every_tokens = inner.progress_every_tokens
        self._inner = inner
        self.trespasses: list[str] = []

    def request(self, view: QuestionView) -> Allowance:
        """Pass on."""
        return self._inner.request(view)

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Pass on."""
        return self._inner.next_wakeup_s(view)

    def weigh(self, sample: SampleView) -> float:
        """Pass on."""
        return self._inner.weigh(sample)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Count what would run, what would have been started and how long it may become."""
        actions = self._inner.decide(view)
        may = view.allowance
        starts = [action for action in actions if isinstance(action, StartSample)]
        stops = sum(isinstance(action, StopSample) for action in actions)
        if may.width is not None and view.live - stops + len(starts) > may.width:
            self.trespasses.append(f"wider than {may.width}")
        if may.samples is not None and view.started + len(starts) > may.samples:
            self.trespasses.append(f"more samples than {may.samples}")
        if may.tokens_per_sample is not None and any(
            start.max_tokens is None or start.max_tokens > may.tokens_per_sample for start in starts
        ):
            self.trespasses.append(f"longer than {may.tokens_per_sample}")
        if view.at_s > view.opened.at_s + (may.hard_s or 0.0):
            self.trespasses.append("asked after its deadline")
        return actions


@dataclass
class Played:
    """What a stream showed.

    Attributes:
        lines: Every action, encoded, with the question and the time.
        started: Samples that it started.
        submits: One a question.
        heard: Events by name until the last answer.
        faults: What the core reported.
        trespasses: Steps outside the allowance.
        late: Questions answered after their hard deadline.
        ended: Whether it ended by itself.
    """

    lines: list[bytes] = field(default_factory=list)
    started: int = 0
    submits: list[SubmitAnswer] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    faults: list[Exception] = field(default_factory=list)
    trespasses: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    ended: bool = True


def play_watched(
    policy: Policy,
    questions: Sequence[tuple[str, LoggedQuestion]],
    *,
    total_s: float = 1000.0,
    profile: LatencyProfile = FREE,
) -> Played:
    """Play a stream under watch.

    Args:
        policy: A fresh one.
        questions: Names, and the questions with their samples in the order of the draws.
        total_s: Seconds of the stream.
        profile: What the engine costs.
    """
    policy = Watched(policy)
    scheduler = Scheduler(policy, TimeBudget(total_s, questions=len(questions)), profile)
    world = World(profile, policy.progress_every_tokens)
    seen = Played(trespasses=policy.trespasses)
    for name, question in questions:
        deck = Deck(question)
        world.open_question()
        step = scheduler.open(QuestionOpened(at_s=world.now_s, question_id=name))
        hard_at_s = scheduler.hard_at_s if scheduler.is_open else world.now_s
        while True:
            seen.faults += step.faults
            for action in step.actions:
                seen.lines.append(f"{name} {world.now_s!r} ".encode() + encode(action))
                if isinstance(action, StartSample):
                    seen.started += 1
                    prompt, log = deck.deal(action)
                    world.start(log, action.max_tokens, prompt)
                elif isinstance(action, StopSample):
                    world.stop(action.sample)
                elif isinstance(action, ProbeSample):
                    world.probe(action.sample)
                else:
                    seen.submits.append(action)
            if not scheduler.is_open:
                break
            if seen.heard.total() >= MOST_EVENTS:
                seen.ended = False
                return seen
            event = world.next_event(step.next_wakeup_s)
            seen.heard[type(event).__name__] += 1
            step = scheduler.handle(event)
        if world.now_s > hard_at_s + 1e-9:
            seen.late.append(name)
    return seen


def play_scenario(policy: Policy, scenario: Scenario) -> Played:
    """Play two drawn streams' worth of a scenario as one with a fresh policy."""
    pool = scenario.pool
    streams = Streams(pool, len(pool.questions), Order.RANDOM, Draw.RANDOM, _SEED)
    questions = [
        (f"{stream}-{pool.questions[index].question_id}", streams.question_of(stream, index))
        for stream in range(2)
        for index in streams.questions_of(stream)
    ]
    return play_watched(policy, questions, total_s=scenario.total_s, profile=scenario.profile)


def breaches(played: Played, scenario: Scenario) -> list[str]:
    """Say in words what a policy broke in a scenario; empty if nothing."""
    reasons = {submit.reason for submit in played.submits}
    asked = 2 * len(scenario.pool.questions)
    answers = {submit.answer for submit in played.submits}
    found = []
    if not played.ended:
        found.append(f"it did not end within {MOST_EVENTS:,} events")
    elif len(played.submits) != asked:
        found.append(f"it answered {len(played.submits)} of {asked} questions")
    found += [f"it raised or was refused: {fault}" for fault in played.faults[:1]]
    found += [f"it asked to go outside its allowance: {step}" for step in played.trespasses[:1]]
    if played.late:
        found.append(f"{len(played.late)} answers came after their hard deadline")
    if played.started and scenario.answers is not None and not answers <= scenario.answers:
        found.append(f"it gave answers that nobody voted for: {answers - scenario.answers}")
    if not scenario.total_s and played.started:
        found.append("it started samples though there was no time")
    if scenario.total_s == inf and not reasons.isdisjoint(_NOT_ITS_OWN):
        found.append("without a limit of time its own rule did not end every question")
    return found


def examine(build: Callable[[], Policy]) -> dict[str, list[str]]:
    """Play a policy through every scenario, twice.

    Args:
        build: Makes a fresh policy, such as the class itself.

    Returns:
        By scenario what the policy broke; a policy that breaks nothing has only empty lists.
    """
    found = {}
    for name, scenario in SCENARIOS.items():
        played, again = (play_scenario(build(), scenario) for _ in range(2))
        found[name] = breaches(played, scenario)
        if played.lines != again.lines:
            found[name].append("played again, it decided otherwise")
    return found
