"""Evidence: each number that a stop rule weighs, on questions small enough for a pencil."""

from __future__ import annotations

from math import inf, log
from typing import TYPE_CHECKING

import pytest

from policies.evidence import FEATURES, Evidence
from policies.pricing import Parameters, Prior, Rule
from scheduler import (
    Allowance,
    FinishReason,
    LatencyProfile,
    Policy,
    ProbeAnswered,
    QuestionOpened,
    Reason,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    Scheduler,
    TimeBudget,
)
from scheduler.latency import Decode
from simulations.play import play
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, AnyEvent, QuestionView, SampleView

PROFILE = LatencyProfile(name="t", decode=Decode(width=(1,), step_s=(0.01,)))
RUNNING = 0.25
"""Weight of a running sample's answer."""

UNIT = 1000.0
CUT = 2000


def parameters(*priors: Prior, off: tuple[str, ...] = ()) -> Parameters:
    """Return parameters whose rule nobody looks at."""
    zeros = (0.0,) * (len(FEATURES) + len(priors))
    rule = Rule(
        width=4,
        cap=64,
        constant=0.0,
        level=zeros,
        slope_constant=0.0,
        slope=zeros,
        bend=0.0,
        price=(0.1, 1.0),
        units=(1.0, 1.0),
        accuracy=(1.0, 1.0),
    )
    return Parameters(
        name="t",
        unit_tokens=UNIT,
        probe_every_tokens=100,
        cut_tokens=CUT,
        features=FEATURES,
        priors=priors,
        off=off,
        rules=(rule,),
        levels={},
    )


class Watcher(Policy):
    """Starts some samples and no more, asks each at each progress, and notes the evidence."""

    progress_every_tokens = 100

    def __init__(self, fitted: Parameters, width: int) -> None:
        self._fitted = fitted
        self._width = width
        self.seen: list[list[float]] = []
        self.clock = 0.0

    def request(self, view: QuestionView) -> Allowance:
        """Begin to count."""
        self._evidence = Evidence(self._fitted, self._width, view.opened.features)
        return Allowance()

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Count, and note what there is."""
        if not view.started:
            return view.start(self._width, Reason.WIDEN)
        if isinstance(view.event, SampleProgressed | SampleFinished):
            self._evidence.count(view.event.sample, view.event.tokens)
        self.clock = self._evidence.clock
        self.seen.append(self._evidence.features(view))
        if isinstance(view.event, SampleProgressed):
            return [view.probe(view.event.sample, Reason.ROUND, forced=True)]
        return []

    def weigh(self, sample: SampleView) -> float:
        """Give what runs a quarter of a vote."""
        return RUNNING if sample.forced else 1.0


class Table:
    """One question with all its samples running, told what happens by hand."""

    def __init__(
        self,
        width: int = 4,
        *priors: Prior,
        known: dict[str, float] | None = None,
        off: tuple[str, ...] = (),
    ) -> None:
        self.policy = Watcher(parameters(*priors, off=off), width)
        self._scheduler = Scheduler(self.policy, TimeBudget(inf, questions=1), PROFILE)
        step = self._scheduler.open(QuestionOpened(at_s=0.0, question_id="q", features=known or {}))
        assert len(step.actions) == width
        for sample in range(width):
            self._send(SampleStarted(at_s=0.0, position=0, sample=sample))

    def __getitem__(self, name: str) -> float:
        """Return a number by its name, as it was last seen."""
        return self.policy.seen[-1][FEATURES.index(name)]

    def _send(self, event: AnyEvent) -> None:
        assert not self._scheduler.handle(event).faults

    def grow(
        self, sample: int, tokens: int, mean: float | None = None, tail: float | None = None
    ) -> None:
        """Let a sample report how far it is."""
        self._send(
            SampleProgressed(
                at_s=1.0,
                position=0,
                sample=sample,
                tokens=tokens,
                mean_entropy=mean,
                tail_entropy=tail,
            )
        )

    def tell(self, sample: int, tokens: int, answer: str | None) -> None:
        """Let a sample report how far it is and what its answer would be."""
        self.grow(sample, tokens)
        self._send(ProbeAnswered(at_s=1.0, position=0, sample=sample, answer=answer))

    def finish(
        self,
        sample: int,
        answer: str | None,
        tokens: int = 400,
        mean: float | None = None,
        tail: float | None = None,
    ) -> None:
        """Let a sample end."""
        self._send(
            SampleFinished(
                at_s=1.0,
                position=0,
                sample=sample,
                answer=answer,
                tokens=tokens,
                finish_reason=FinishReason.STOP,
                mean_entropy=mean,
                tail_entropy=tail,
            )
        )

    def fail(self, sample: int) -> None:
        """Let a sample be lost."""
        self._send(SampleFailed(at_s=1.0, position=0, sample=sample))


def test_each_name_has_its_number_and_priors_come_after() -> None:
    """There are as many numbers as names, then one a prior."""
    plain, known = Table(), Table(4, Prior(name="level", mean=0.0, scale=1.0))
    for table in (plain, known):
        table.finish(0, "a")
    assert len(plain.policy.seen[-1]) == len(FEATURES)
    assert len(known.policy.seen[-1]) == len(FEATURES) + 1
    assert len(set(FEATURES)) == len(FEATURES)


def test_tokens_are_counted_once() -> None:
    """A sample's tokens are those of its last sign of life, not the sum of all its signs."""
    table = Table(4)
    for tokens in (100, 200, 300):
        table.tell(0, tokens, "a")
    assert table.policy.clock == 300 / 4
    table.finish(0, "a", tokens=350)
    table.finish(1, "a", tokens=450)
    assert table.policy.clock == (350 + 450) / 4
    table.fail(2)
    assert table.policy.clock == (350 + 450) / 4


def test_a_count_without_tokens_changes_nothing() -> None:
    """Unknown tokens are no tokens: the clock stands."""
    evidence = Evidence(parameters(), 2, {})
    evidence.count(0, 100)
    evidence.count(0, None)
    evidence.count(1, None)
    assert evidence.clock == 50.0


def test_age_is_the_clock_in_units() -> None:
    """Two units by four samples are ln(2 + 1/12); before any token it is ln(1/12)."""
    table = Table(4)
    table.fail(3)
    assert table["age"] == pytest.approx(log(1 / 12))
    table.finish(0, "a", tokens=8000)
    assert table["age"] == pytest.approx(log(2 + 1 / 12))
    assert table["age_squared"] == pytest.approx(log(2 + 1 / 12) ** 2)


def test_the_margin_is_of_finished_votes_by_three() -> None:
    """Two votes against one are a third; what a running sample says is in the weighted one."""
    table = Table(6)
    for sample, answer in enumerate("aab"):
        table.finish(sample, answer)
    assert table["margin"] == table["weighted_margin"] == pytest.approx(1 / 3)
    table.tell(3, 100, "b")
    assert table["margin"] == pytest.approx(1 / 3)
    assert table["weighted_margin"] == pytest.approx((2 - 1 - RUNNING) / 3)


def test_the_margin_stops_growing_at_six() -> None:
    """Six votes ahead are as good as eight."""
    table = Table(9)
    for sample in range(5):
        table.finish(sample, "a")
    assert table["margin"] == pytest.approx(5 / 3)
    for sample in range(5, 8):
        table.finish(sample, "a")
    assert table["margin"] == table["weighted_margin"] == 2.0


def test_a_leader_of_running_samples_may_be_behind_in_finished_ones() -> None:
    """Five quarters lead over one whole vote: the margin is −1, the weighted one a quarter."""
    table = Table(7)
    table.finish(0, "b")
    for sample in range(1, 6):
        table.tell(sample, 100, "a")
    assert table["margin"] == pytest.approx(-1 / 3)
    assert table["weighted_margin"] == pytest.approx(0.25 / 3)
    assert table["p_stays"] == pytest.approx(0.25)  # P(share > 1/2) under Beta(1, 2)
    assert table["has_vote"] == 1.0


def test_p_stays_is_the_beta_criterion_of_finished_votes() -> None:
    """Nothing is even; two against one is 11/16, whatever the running ones say."""
    table = Table(5)
    table.fail(4)
    assert table["p_stays"] == pytest.approx(0.5)
    for sample, answer in enumerate("aab"):
        table.finish(sample, answer)
    assert table["p_stays"] == pytest.approx(11 / 16)
    table.tell(3, 100, "b")
    assert table["p_stays"] == pytest.approx(11 / 16)


def test_the_leaders_share_is_of_all_weight() -> None:
    """Two whole votes of two and a quarter and one more; nothing without any."""
    table = Table(5)
    table.fail(4)
    assert table["leader_share"] == 0.0
    for sample, answer in enumerate("aab"):
        table.finish(sample, answer)
    table.tell(3, 100, "b")
    assert table["leader_share"] == pytest.approx(2 / 3.25)


def test_votes_are_those_of_samples_that_ended_with_an_answer() -> None:
    """Running answers and null ones are no votes; each other end is one."""
    table = Table(5)
    table.tell(0, 100, "a")
    assert (table["has_vote"], table["votes"]) == (0.0, 0.0)
    table.finish(1, None)
    assert (table["has_vote"], table["votes"]) == (0.0, 0.0)
    table.finish(2, "b")
    assert (table["has_vote"], table["votes"]) == (1.0, pytest.approx(log(2)))
    table.finish(0, "a")
    assert (table["has_vote"], table["votes"]) == (1.0, pytest.approx(log(3)))


def test_samples_that_ended_without_a_vote_are_a_share_of_the_started() -> None:
    """Of five, one null and one lost are two fifths; one that answered is none."""
    table = Table(5)
    table.finish(0, "a")
    assert table["without_vote"] == 0.0
    table.finish(1, None)
    assert table["without_vote"] == pytest.approx(1 / 5)
    table.fail(2)
    assert table["without_vote"] == pytest.approx(2 / 5)


def test_running_is_a_share_of_the_width() -> None:
    """All four run, then two."""
    table = Table(4)
    table.tell(0, 100, "a")
    assert table["running"] == 1.0
    table.finish(0, "a")
    table.fail(1)
    assert table["running"] == 0.5


def test_running_samples_agree_that_hold_the_leader() -> None:
    """One of three that run says what the finished one said; one was never asked."""
    table = Table(4)
    table.finish(0, "a")
    table.tell(1, 100, "a")
    table.tell(2, 100, "b")
    assert table["running_agree"] == pytest.approx(1 / 3)
    table.finish(2, "b")
    assert table["running_agree"] == pytest.approx(1 / 2)


def test_without_a_leader_nobody_agrees() -> None:
    """Samples whose probes gave nothing don't agree on nothing."""
    table = Table(2)
    table.tell(0, 100, None)
    table.tell(1, 100, None)
    assert table["running_agree"] == 0.0


def test_a_change_counts_until_it_is_repeated() -> None:
    """From a to b is a change in one of four; b again is none, and a first answer never was."""
    table = Table(4)
    table.tell(0, 100, "a")
    assert table["running_changed"] == 0.0
    table.tell(0, 200, "b")
    assert table["running_changed"] == pytest.approx(1 / 4)
    table.tell(0, 300, "b")
    assert table["running_changed"] == 0.0


def test_different_answers_are_counted_with_running_ones() -> None:
    """Two finished answers and another running one are three."""
    table = Table(4)
    table.finish(0, "a")
    assert table["answers"] == pytest.approx(log(2) / 2)
    table.finish(1, "b")
    table.tell(2, 100, "c")
    assert table["answers"] == pytest.approx(log(4) / 2)


def test_the_leader_grows_older_until_it_changes() -> None:
    """It leads since token 400 of 1,000, then a new one has just begun."""
    table = Table(4)
    table.finish(0, "a", tokens=400)
    assert table["leader_age"] == 0.0
    table.finish(1, "b", tokens=600)
    assert table["leader_age"] == pytest.approx(600 / 1000)
    table.finish(2, "b", tokens=500)
    assert table["leader_age"] == 0.0


def test_no_age_before_the_first_token() -> None:
    """A sample that is lost at once leaves a clock of 0 and no share of it."""
    table = Table(2)
    table.fail(0)
    assert (table.policy.clock, table["leader_age"], table["running_age"]) == (0.0, 0.0, 0.0)


def test_running_samples_age_by_the_cut() -> None:
    """Tokens 400, 200 and none yet are 200 on average, a tenth of the cut; never more than 1."""
    table = Table(4)
    table.finish(0, "a", tokens=1999)
    table.tell(1, 400, "a")
    table.tell(2, 200, "a")
    assert table["running_age"] == pytest.approx(200 / CUT)
    table.tell(3, 10_000, "a")
    assert table["running_age"] == 1.0


def test_entropies_are_means_over_the_samples_that_have_any() -> None:
    """Mean entropy is of all samples, the tail's of running ones; unknown is no 0 among them."""
    table = Table(4)
    table.grow(3, 100)
    assert (table["entropy"], table["tail_entropy"]) == (0.0, 0.0)
    table.grow(0, 100, 0.2, 0.6)
    table.grow(1, 100, 0.4, 1.0)
    assert table["entropy"] == pytest.approx(0.3)
    assert table["tail_entropy"] == pytest.approx(0.8)
    table.finish(1, "a", mean=0.8, tail=2.0)
    assert table["entropy"] == pytest.approx(0.5)
    assert table["tail_entropy"] == pytest.approx(0.6)


def test_nothing_is_made_of_entropies_that_were_never_logged() -> None:
    """Parameters of traces without them see 0, whatever the engine reports."""
    table = Table(2, off=("entropy",))
    table.grow(0, 100, 0.2, 0.6)
    table.finish(1, "a", mean=0.8, tail=2.0)
    assert (table["entropy"], table["tail_entropy"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"level": 3.0, "other": 9.0}, [2.0, 0.0]),
        ({"level": 1.5, "length": 40.0}, [-1.0, 3.0]),
        ({}, [0.0, 0.0]),
    ],
)
def test_priors_are_centred_and_scaled(known: dict[str, float], expected: list[float]) -> None:
    """What is known of a question comes in standard deviations, unknown as the mean."""
    level = Prior(name="level", mean=2.0, scale=0.5)
    length = Prior(name="length", mean=10.0, scale=10.0)
    table = Table(4, level, length, known=known)
    table.finish(0, "a")
    assert table.policy.seen[-1][len(FEATURES) :] == pytest.approx(expected)


def logged(last: str, length: int, gold: str) -> LoggedQuestion:
    """Return a question whose samples are alike for 500 tokens and then go their own ways."""
    samples = [
        LoggedSample(
            i,
            length + 10 * i,
            last,
            checkpoints=tuple(
                Checkpoint(at, 0.1 * i, 0.2, probed=True, answer="ab"[i % 2] if at <= 500 else last)
                for at in range(100, length, 100)
            ),
        )
        for i in range(4)
    ]
    return LoggedQuestion("q", gold, {"default": tuple(samples)}, None, {})


def test_nothing_hidden_is_seen() -> None:
    """Questions that differ in gold and in what is still to come look the same until it comes."""
    seen = []
    for last, length, gold in (("x", 900, "x"), ("y", 1500, "z")):
        policy = Watcher(parameters(), 4)
        play(policy, TimeBudget(inf, questions=1), PROFILE, [logged(last, length, gold)])
        seen.append(policy.seen)
    alike = 2 * 4 * 5  # progress and answer of four samples at five checkpoints
    assert seen[0][:alike] == seen[1][:alike]
    assert seen[0] != seen[1]
