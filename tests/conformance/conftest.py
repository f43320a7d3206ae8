"""The policies under test, and one stream played under watch.

A new policy joins with a line in `POLICY_CASES`. Run as a script, this file plays every case and
prints all actions: the same bytes in any process.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

import pytest

from policies import parse_policy
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
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample, Pool, ToolCall
from simulations.streams import Draw, Order, Streams
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduler import Allowance, AnyAction, QuestionView, SampleView

# What is under test.


def ending(answers: str) -> tuple[LoggedSample, ...]:
    """Return samples that end in the order of their letters, and more that never end."""
    ends = (LoggedSample(i, 100 + 10 * i, answer) for i, answer in enumerate(answers))
    return (*ends, *(LoggedSample(i, 10**6, "z") for i in range(len(answers), 64)))


def answering(answers: str, every: int) -> tuple[LoggedSample, ...]:
    """Return samples that all give these answers, one each `every` tokens, and never end."""
    logged = tuple(
        Checkpoint(every * (i + 1), None, None, probed=True, answer=answer)
        for i, answer in enumerate(answers)
    )
    return tuple(LoggedSample(i, 10**6, "z", checkpoints=logged) for i in range(64))


def steady(ends: str, runs: str) -> tuple[LoggedSample, ...]:
    """Return samples that end after one round of 500 tokens, then samples that never end."""
    ended = (LoggedSample(i, 600 + i, answer) for i, answer in enumerate(ends))
    return (*ended, *(LoggedSample(len(ends) + i, 10**6, answer) for i, answer in enumerate(runs)))


@dataclass(frozen=True)
class PolicyCase:
    """A policy, and where its rule turns from going on to stopping.

    Attributes:
        spec: As `replay.py --policy` reads it.
        samples: What its only question meets.
        heard: After so many events of the kind it stops, and not before.
        reason: With this reason.
        kind: Which events count.
    """

    spec: str
    samples: tuple[LoggedSample, ...]
    heard: int
    reason: Reason
    kind: str = "SampleFinished"


POLICY_CASES = [
    PolicyCase("adaptive-consistency", ending("aaaa"), 4, Reason.CONFIDENT),
    PolicyCase("adaptive-consistency:confidence=.8,cap=4", ending("aa"), 2, Reason.CONFIDENT),
    PolicyCase("adaptive-consistency:confidence=.8,cap=4", ending("abab"), 4, Reason.CAP),
    PolicyCase("bank", ending("abacaa"), 6, Reason.AGREEMENT),
    PolicyCase("bank:width=6,equal=6,enough=3", ending("abc"), 3, Reason.ENOUGH),
    PolicyCase("clamp", ending("abaaba"), 6, Reason.AGREEMENT),
    PolicyCase("clamp:base_s=50,high_s=200,width=3,equal=2", ending("abc"), 3, Reason.CAP),
    PolicyCase(
        "confidence-momentum:beta=0", steady("aa", "zz"), 5, Reason.CONFIDENT, "ProbeAnswered"
    ),
    PolicyCase("confidence-momentum:beta=0.2,interval=50", ending("a" * 16), 5, Reason.CAP),
    PolicyCase(
        "deep-confidence:warm_up=2,budget=6,width=1,consensus=.6,window=128",
        ending("aba"),
        3,
        Reason.CONFIDENT,
    ),
    PolicyCase("deep-confidence:warm_up=2,budget=4,width=2", ending("aaab"), 2, Reason.CONFIDENT),
    PolicyCase("early-stopping-window:window=2,cap=6", ending("abaa"), 4, Reason.AGREEMENT),
    PolicyCase("early-stopping-window:window=2,cap=4", ending("abab"), 4, Reason.CAP),
    PolicyCase("gears", ending("aaaa"), 4, Reason.AGREEMENT),
    PolicyCase("gears:every=1", ending("abaaa"), 5, Reason.AGREEMENT),
    PolicyCase("lead", ending("abaa"), 4, Reason.LEAD),
    PolicyCase("lead:width=1,lead=3,cap=5,cut_tokens=1500", ending("abaaa"), 5, Reason.LEAD),
    PolicyCase("line", ending("abaacba"), 7, Reason.AGREEMENT),
    PolicyCase("line:first=0,early=.5,late=.1,width=2,equal=2", ending("ab"), 2, Reason.CAP),
    PolicyCase("null", (), 0, Reason.NO_ATTEMPT),
    PolicyCase(
        "parallel-probe:width=2,interval=100,stable=2",
        answering("abbb", 100),
        2 * 4,
        Reason.STABLE,
        "ProbeAnswered",
    ),
    PolicyCase("parallel-probe:width=3,interval=40,stable=30", ending("abc"), 3, Reason.CAP),
    PolicyCase("self-consistency:k=4", ending("aaab"), 4, Reason.CAP),
    PolicyCase("self-consistency:k=1", ending("a"), 1, Reason.CAP),
    PolicyCase("sequential-test", ending("aabaa"), 5, Reason.CONFIDENT),
    PolicyCase("sequential-test:form=mixture,cap=4", ending("abab"), 4, Reason.CAP),
    PolicyCase("shadow-price", ending("abaaa"), 5, Reason.PRICE),
    PolicyCase("shadow-price:level=high", ending("abcaa"), 5, Reason.LEAD),
    PolicyCase("shadow-price:level=high", ending("ab" * 12), 24, Reason.CAP),
    PolicyCase(
        "shadow-price:price=.005",
        answering("bb" + "a" * 18, 1000),
        16 * 4,
        Reason.PRICE,
        "ProbeAnswered",
    ),
    PolicyCase("share", ending("abaaba"), 6, Reason.AGREEMENT),
    PolicyCase("share:width=3,equal=2,forced=true", ending("abc"), 3, Reason.CAP),
    PolicyCase("uncatchable-leader:width=5", ending("abaa"), 4, Reason.SETTLED),
    PolicyCase("uncatchable-leader:width=2", ending("ab"), 1, Reason.SETTLED),
    PolicyCase("uniform-allocation:n=4", ending("abcd"), 4, Reason.CAP),
    PolicyCase("uniform-allocation:n=1,cap=3", ending("a"), 1, Reason.CAP),
]
SPECS = list(dict.fromkeys(case.spec for case in POLICY_CASES))


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
        submits: One a question.
        heard: Events by name until the last answer.
        faults: What the core reported.
        trespasses: Steps outside the allowance.
        late: Questions answered after their hard deadline.
        ended: Whether it ended by itself.
    """

    lines: list[bytes] = field(default_factory=list)
    submits: list[SubmitAnswer] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    faults: list[Exception] = field(default_factory=list)
    trespasses: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    ended: bool = True


def play_watched(
    spec: str,
    questions: Sequence[tuple[str, Sequence[LoggedSample]]],
    *,
    total_s: float = 1000.0,
    profile: LatencyProfile = FREE,
) -> Played:
    """Play a stream of questions (name, samples in the order of the draws) under watch."""
    policy = Watched(parse_policy(spec).build())
    scheduler = Scheduler(policy, TimeBudget(total_s, questions=len(questions)), profile)
    world = World(profile, policy.progress_every_tokens)
    seen = Played(trespasses=policy.trespasses)
    for name, samples in questions:
        world.open_question()
        step = scheduler.open(QuestionOpened(at_s=world.now_s, question_id=name))
        hard_at_s = scheduler.hard_at_s if scheduler.is_open else world.now_s
        while True:
            seen.faults += step.faults
            for action in step.actions:
                seen.lines.append(f"{name} {world.now_s!r} ".encode() + encode(action))
                if isinstance(action, StartSample):
                    log = samples[action.sample] if action.sample < len(samples) else None
                    world.start(log, action.max_tokens)
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


def play_scenario(spec: str, scenario: Scenario, seed: int = 7) -> Played:
    """Play two drawn streams' worth of a scenario as one."""
    pool = scenario.pool
    streams = Streams(pool, len(pool.questions), Order.RANDOM, Draw.RANDOM, seed)
    questions = [
        (f"{stream}-{pool.questions[index].question_id}", streams.samples_of(stream, index))
        for stream in range(2)
        for index in streams.questions_of(stream)
    ]
    return play_watched(spec, questions, total_s=scenario.total_s, profile=scenario.profile)


def all_actions() -> bytes:
    """Return every action of every policy on two streams, plain and costly."""
    lines: list[bytes] = []
    for spec in SPECS:
        for name in ("plain", "costly engine"):
            lines.append(f"# {spec}, {name}".encode())
            lines += play_scenario(spec, SCENARIOS[name]).lines
    return b"\n".join(lines) + b"\n"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that asks for one every spec, case or scenario."""
    for name, values, ids in (
        ("spec", SPECS, SPECS),
        ("case", POLICY_CASES, [f"{c.spec} {c.reason} {c.heard}" for c in POLICY_CASES]),
        ("scenario", SCENARIOS, list(SCENARIOS)),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=ids)


@pytest.fixture(scope="session")
def specs() -> list[str]:
    """Every policy under test, with its parameters."""
    return SPECS


@pytest.fixture(scope="session")
def watch() -> Callable[..., Played]:
    """Play a policy's threshold case."""
    return play_watched


@pytest.fixture(scope="session")
def survive() -> Callable[[str, str], tuple[Played, Scenario]]:
    """Play a policy through a scenario."""
    return lambda spec, name: (play_scenario(spec, SCENARIOS[name]), SCENARIOS[name])


@pytest.fixture(scope="session")
def actions_here() -> bytes:
    """Every action of every policy, made in this process."""
    return all_actions()


if __name__ == "__main__":
    sys.stdout.buffer.write(all_actions())
