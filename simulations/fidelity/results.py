"""What a comparison of a live run with its replay found, as types and as JSON.

Errors are replay less live: above 0 where the simulated world is slower than the engine.
"""

from __future__ import annotations

import msgspec

from simulations.fidelity.course import Parts, SampleTimes

FORMAT = 1
"""Version of the JSON."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One question in one of the worlds.

    Attributes:
        seconds: From its opening to its answer.
        answer: What was submitted.
        reason: Why then.
        started: Samples asked for.
        parts: Where the seconds went.
        samples: Each sample's times.
        probes_s: Seconds of each probe that was answered.
    """

    seconds: float
    answer: str | None
    reason: str
    started: int
    parts: Parts
    samples: list[SampleTimes]
    probes_s: list[float]


class QuestionFidelity(msgspec.Struct, frozen=True, kw_only=True):
    """One question, live and replayed by itself.

    Attributes:
        position: Its place in the stream, from 0.
        question_id: Its name.
        opened_s: When it came, in both.
        live: As it was.
        replay: As the world played it.
        error_s: Seconds of the replay less live ones.
        error_percent: Of the live seconds; None where no sample was started.
        same_answer: Whether both submitted the same.
        ran_out: Stopped samples that the replay needed for longer than the run had them.
        missing: Samples that the replay asked for beyond those logged.
        failed: Samples that the live engine lost.
        faults: Faults of the live run.
        notes: The last four in words, and a change of the reason.
    """

    position: int
    question_id: str
    opened_s: float
    live: Side
    replay: Side
    error_s: float
    error_percent: float | None
    same_answer: bool
    ran_out: int
    missing: int
    failed: int
    faults: int
    notes: list[str]


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from opening to answer, summed over all questions compared.

    Attributes:
        live_s: As it was.
        each_s: Each question played by itself.
        free_s: The stream played freely, with the live gaps between questions.
        error_percent: Of `free_s`.
        each_error_percent: Of `each_s`.
    """

    live_s: float
    each_s: float
    free_s: float
    error_percent: float
    each_error_percent: float


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of thing, measured in both worlds on the same samples.

    Attributes:
        name: What.
        count: How often it could be measured in both.
        live_s: Mean seconds of one.
        replay_s: Mean seconds of one.
    """

    name: str
    count: int
    live_s: float
    replay_s: float


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A live figure among those of random draws, in seconds.

    Attributes:
        live_s: As it was.
        median_s: Half of the streams take less.
        low_s: 5 % take less.
        high_s: 5 % take more.
        inside: Whether the live figure lies between `low_s` and `high_s`.
    """

    live_s: float
    median_s: float
    low_s: float
    high_s: float
    inside: bool


class Draws(msgspec.Struct, frozen=True, kw_only=True):
    """The stream played freely with samples of other runs.

    Attributes:
        traces: Digests of where the samples are from.
        streams: How many were played.
        seed: Of the draws.
        total: All questions.
        questions: Each question, in the order of the stream.
        exhausted: Questions, over all streams, that wanted more than was logged.
    """

    traces: list[str]
    streams: int
    seed: int
    total: Spread
    questions: list[Spread]
    exhausted: int


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """A whole comparison.

    Attributes:
        format: Version of this layout.
        journal: Name of the file.
        model: Its name.
        engine: Name and version.
        gpu: Name and number of accelerators; None where unknown.
        policy: What decided, in both worlds.
        profile: Name of the latency profile of the replay.
        live_profile: Name of the one the run planned with.
        questions: Each question, in the order of the stream.
        total: Sums.
        median_error_percent: Median of the absolute errors of questions.
        p90_error_percent: Their 90th percentile.
        live_parts: Where the live seconds went, mean a question.
        replay_parts: Where those of the replay went, mean a question.
        things: What single things took.
        draws: With samples of other runs; None where none were given.
        notes: What was left out and why.
    """

    format: int = FORMAT
    journal: str
    model: str
    engine: str
    gpu: str | None
    policy: str
    profile: str
    live_profile: str | None
    questions: list[QuestionFidelity]
    total: Total
    median_error_percent: float | None
    p90_error_percent: float | None
    live_parts: Parts
    replay_parts: Parts
    things: list[Thing]
    draws: Draws | None = None
    notes: list[str]


def encode_fidelity(fidelity: Fidelity) -> bytes:
    """Write a comparison as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(fidelity), indent=2) + b"\n"
