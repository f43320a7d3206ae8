"""What a replay found out: the JSON that `--json` writes and reports are made from.

Field names are a contract. Accuracies are fractions, counts are totals over all streams and
models, times are seconds, tokens are counted per question. Jobs, paths and clock times stay
out, so that equal settings give equal bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler import CallerError

if TYPE_CHECKING:
    from simulations.traces import Trace

FORMAT = 1


class Interval(msgspec.Struct, frozen=True):
    """A mean with its 95 % interval from the bootstrap over questions."""

    mean: float
    low: float
    high: float

    def side(self, of: float = 0.0) -> int:
        """Return 1 if all of it lies above a number, −1 if below, 0 if that is undecided."""
        return int(self.low > of) - int(self.high < of)


class Regret(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy that a bound has and the policy lacks, paired by question.

    Attributes:
        pool_majority: Against the majority of all logged samples of each question.
        best_stopping: Against sampling one at a time and stopping, in hindsight, whenever the
            leader is right, on the same draws.
    """

    pool_majority: Interval
    best_stopping: Interval


class ModelResult(msgspec.Struct, frozen=True, kw_only=True):
    """One policy on one model."""

    accuracy: Interval
    tokens_per_question: Interval
    seconds_per_question: Interval


class BurnDown(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream's time went, by place in the stream.

    Attributes:
        elapsed_s: Seconds since the stream began when the answer to each place was out, mean
            over streams, shape (questions).
        spread_s: Their standard deviation over streams, shape (questions).
    """

    elapsed_s: list[float]
    spread_s: list[float]


class PolicyResult(msgspec.Struct, frozen=True, kw_only=True):
    """One policy.

    Attributes:
        policy: As it was given.
        accuracy: Share of right answers.
        tokens_per_question: Tokens generated, those of stopped samples included.
        seconds_per_question: From a question's opening to its answer.
        overruns: Streams in which a question ran past the total time less the reserve.
        unanswered: Questions without a submission by their hard deadline.
        exhausted: Questions that asked for more samples than were logged.
        reasons: Questions by the reason for which they ended.
        regret: Accuracy lost to the two bounds.
        by_model: Each model by itself.
        burn_down: How the time went.
    """

    policy: str
    accuracy: Interval
    tokens_per_question: Interval
    seconds_per_question: Interval
    overruns: int
    unanswered: int
    exhausted: int
    reasons: dict[str, int]
    regret: Regret
    by_model: dict[str, ModelResult]
    burn_down: BurnDown


class PairedResult(msgspec.Struct, frozen=True, kw_only=True):
    """One policy less the baseline, question by question."""

    policy: str
    baseline: str
    accuracy: Interval
    tokens_per_question: Interval
    seconds_per_question: Interval


class TraceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A trace that was replayed."""

    name: str
    model: str
    digest: str
    questions: int
    samples: int

    @classmethod
    def of(cls, trace: Trace) -> TraceInfo:
        """Return what a trace is known by."""
        return cls(
            name=trace.name,
            model=trace.header.model,
            digest=trace.digest,
            questions=trace.questions.height,
            samples=trace.samples.height,
        )


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The two bounds of regret, as accuracies.

    Attributes:
        pool_majority: Majority of all logged samples.
        best_stopping: Best stopping in hindsight, one sample at a time.
        best_stopping_tokens: Tokens a question that it takes; a hopeless question costs none.
    """

    pool_majority: Interval
    best_stopping: Interval
    best_stopping_tokens: Interval


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What was replayed and how.

    Attributes:
        profile: Name of the latency profile.
        profile_digest: SHA-256 (hex) of its content.
        questions: Questions a stream.
        total_s: Seconds a stream; None without a limit.
        reserve_s: Of them, kept at the end.
        floor_s: Seconds kept for each question that may still come.
        startup_s: Seconds charged before the first question.
        gateway_s: Seconds charged between an answer and the next question.
        order: In which order questions come.
        draw: Which logged samples the starts get.
        streams: Streams a model.
        seed: Seed of all draws.
    """

    profile: str
    profile_digest: str
    questions: int
    total_s: float | None
    reserve_s: float = 0.0
    floor_s: float = 0.0
    startup_s: float = 0.0
    gateway_s: float = 0.0
    order: str
    draw: str
    streams: int
    seed: int


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A whole replay; the first policy is the baseline of `paired`."""

    format: int = FORMAT
    traces: list[TraceInfo]
    settings: Settings
    policies: list[PolicyResult]
    paired: list[PairedResult]
    bounds: Bounds


def encode_results(results: Results) -> bytes:
    """Write results as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n"


def decode_results(raw: bytes) -> Results:
    """Read results back.

    Raises:
        CallerError: if the bytes are no results of this version.
    """
    try:
        results = msgspec.json.decode(raw, type=Results)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(f"not results of a replay: {error}") from error
    if results.format != FORMAT:
        raise CallerError(f"format {results.format!r} of results unknown, need {FORMAT}")
    if not results.policies:
        raise CallerError("results without a policy")
    return results
