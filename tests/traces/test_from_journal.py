"""A journal becomes a trace that says what happened, and whose replay does it again."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pytest

from policies import parse_policy
from scheduler import (
    ActionLine,
    EngineLine,
    EventLine,
    FaultLine,
    FinishReason,
    JournalHeader,
    LatencyProfile,
    ProbeAnswered,
    ProbeSample,
    QuestionLine,
    QuestionOpened,
    Reason,
    ResumedLine,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    Scheduler,
    StartSample,
    StopSample,
    SubmitAnswer,
    TimeBudget,
    ToolCalled,
    ToolReturned,
    encode_line,
    encode_profile,
)
from scheduler.latency import Decode
from simulations.play import play
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample
from simulations.pools import pools_of
from simulations.streams import Draw, Order, Streams
from simulations.traces import TraceError, from_journals, read_trace
from simulations.traces.__main__ import main
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from scheduler import AnyEvent, JournalLine
    from simulations.traces import JournalsMade

HEADER = JournalHeader(
    created="2026-01-01T00:00:00+00:00",
    command="run",
    model="Tiny-1B",
    engine="tiny 1.0",
    gpu="none",
    arms={"default": {"temperature": 0.7}},
    answers="integer",
    policy="self-consistency:k=4",
    commit="abc",
    dirty=True,
)
SAMPLE = {"position": 0, "sample": 0}
PROFILE = LatencyProfile(name="flat", decode=Decode(width=(1,), step_s=(0.01,)), stop_s=0.05)


def opened(name: str = "q1", position: int = 0, gold: str | None = "7", **more: Any) -> Any:  # noqa: ANN401 - a splat of lines
    """Return the lines of a question's opening, at 10 seconds a place."""
    event = QuestionOpened(at_s=10.0 * (position + 1), question_id=name, **more)
    return (
        QuestionLine(position=position, question_id=name, gold=gold),
        EventLine(event=event, position=position),
    )


def start(sample: int, position: int = 0, **more: Any) -> ActionLine:  # noqa: ANN401 - fields of the action
    """Return the line of a start."""
    action = StartSample(sample=sample, reason=Reason.WIDEN, **more)
    return ActionLine(at_s=10.0 * (position + 1), position=position, action=action)


def whole(sample: int, answer: str | None = "7", tokens: int = 100, position: int = 0) -> Any:  # noqa: ANN401 - a splat of lines
    """Return the lines of a sample that starts at once and ends by itself 5 seconds later."""
    where = {"position": position, "sample": sample}
    at_s = 10.0 * (position + 1)
    finish = SampleFinished(at_s=at_s + 5.0, **where, answer=answer, tokens=tokens)
    return (
        start(sample, position),
        EventLine(event=SampleStarted(at_s=at_s, **where)),
        EventLine(event=finish),
    )


def events(*told: AnyEvent, heard: bool = True) -> tuple[EventLine, ...]:
    """Return the lines of events."""
    return tuple(EventLine(event=event, heard=heard) for event in told)


def write(path: Path, lines: Iterable[JournalLine], header: JournalHeader = HEADER) -> Path:
    """Write a journal."""
    path.write_bytes(b"".join(encode_line(line) + b"\n" for line in (header, *lines)))
    return path


def made(tmp_path: Path, *lines: JournalLine, header: JournalHeader = HEADER) -> JournalsMade:
    """Make a trace of one journal."""
    return from_journals([write(tmp_path / "run.jsonl", lines, header)], tmp_path / "trace")


def complaint(tmp_path: Path, *lines: JournalLine) -> str:
    """Return what is said of a bad journal, without its path."""
    with pytest.raises(TraceError) as caught:
        made(tmp_path, *lines)
    assert not (tmp_path / "trace").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{tmp_path}/")


def rows(made: JournalsMade, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return some columns of a table of the trace as it was written."""
    trace = read_trace(made.trace.path)
    return list(getattr(trace, table).select(columns).iter_rows())


def test_a_sample_and_its_question_are_told_whole(tmp_path: Path) -> None:
    """Answer, tokens, entropies, times from the opening, prompt and features come over."""
    finish = SampleFinished(
        at_s=15.0, **SAMPLE, answer="7", tokens=100, mean_entropy=0.5, tail_entropy=0.25
    )
    result = made(
        tmp_path,
        *opened(question="Why?", features={"prompt_tokens": 80.0, "length": 4.0}),
        start(0),
        *events(SampleStarted(at_s=10.5, **SAMPLE), finish),
        FaultLine(at_s=15.0, position=0, message="a fault is no sample"),
    )
    assert result.notes == ()
    assert list(result.trace.samples.iter_rows()) == [
        ("q1", "default", 0, "7", 100, "stop", 80, 0.5, 0.25, 0.5, 5.0)
    ]
    assert list(result.trace.questions.iter_rows(named=True)) == [
        {
            "question_id": "q1",
            "position": 0,
            "question": "Why?",
            "gold": "7",
            "feature_length": 4.0,
            "feature_prompt_tokens": 80.0,
        }
    ]
    header = result.trace.header
    assert (header.model, header.engine, header.gpu) == ("Tiny-1B", "tiny 1.0", "none")
    assert (header.name, header.commit, header.source) == ("trace", "abc-dirty", "run.jsonl")
    assert header.arms == {"default": {"temperature": 0.7}}
    assert result.trace.segments is None


def test_each_sample_has_its_own_prompt(tmp_path: Path) -> None:
    """Its start says how long it is; the features tell of the first arm's alone, else unknown."""
    header = msgspec.structs.replace(HEADER, arms={"plain": {}, "code": {}})
    arms = ("plain", "plain", "code", "code")
    told = (None, 81, None, 95)
    result = made(
        tmp_path,
        *opened(features={"prompt_tokens": 80.0}),
        *(
            ActionLine(
                at_s=10.0,
                position=0,
                action=StartSample(sample=number, arm=arm, reason=Reason.WIDEN),
            )
            for number, arm in enumerate(arms)
        ),
        *events(
            *(
                SampleStarted(at_s=10.5, position=0, sample=number, prompt_tokens=tokens)
                for number, tokens in enumerate(told)
            ),
            *(
                SampleFinished(at_s=15.0, position=0, sample=number, answer="7", tokens=10)
                for number in range(4)
            ),
        ),
        header=header,
    )
    samples = result.trace.samples.select("arm", "sample", "prompt_tokens").iter_rows()
    assert sorted(samples) == [
        ("code", 0, None),
        ("code", 1, 95),
        ("plain", 0, 80),
        ("plain", 1, 81),
    ]


def test_an_engine_that_came_up_after_the_header_is_named(tmp_path: Path) -> None:
    """A stream may begin before its engine; the line of its coming completes the header."""
    header = JournalHeader(created="", command="", model="", engine="", answers="integer")
    came = EngineLine(at_s=5.0, model="Tiny-1B", engine="tiny 1.0", gpu="one", profile="p")
    finish = SampleFinished(at_s=15.0, **SAMPLE, answer="7", tokens=100)
    result = made(tmp_path, came, *opened(), start(0), *events(finish), header=header)
    told = result.trace.header
    assert (told.model, told.engine, told.gpu) == ("Tiny-1B", "tiny 1.0", "one")


def test_what_was_measured_and_asked_merges_by_tokens(tmp_path: Path) -> None:
    """Heard or not, a progress and a probe of one age are one checkpoint; the last word counts."""
    told = (
        SampleProgressed(at_s=11.0, **SAMPLE, tokens=50, mean_entropy=0.5, confidence=-1.0),
        ProbeAnswered(at_s=11.5, **SAMPLE, answer="6", tokens=50),
        ProbeAnswered(at_s=11.6, **SAMPLE, answer="7", tokens=50),
        ProbeAnswered(at_s=12.0, **SAMPLE, answer=None, tokens=60),
        ProbeAnswered(at_s=12.0, **SAMPLE, answer="8"),
        ProbeAnswered(at_s=12.0, **SAMPLE, answer=None, tokens=0),
        SampleProgressed(at_s=12.5, **SAMPLE, tokens=70),
        SampleFinished(at_s=15.0, **SAMPLE, answer="7", tokens=80, confidence=-2.0),
        ProbeAnswered(at_s=15.1, **SAMPLE, answer="9", tokens=75),
        ProbeAnswered(at_s=15.1, **SAMPLE, answer="9", tokens=81),
    )
    result = made(tmp_path, *opened(), start(0), *events(*told, heard=False))
    columns = ("tokens", "mean_entropy", "confidence", "probed", "answer")
    assert rows(result, "checkpoints", *columns) == [
        (50, 0.5, -1.0, True, "7"),
        (60, None, None, True, None),
        (70, None, None, False, None),
        (75, None, None, True, "9"),
        (80, None, -2.0, False, None),
    ]
    assert [note.split(": ", 1)[1] for note in result.notes] == [
        "1 probes whose age is unknown, left out",
        "1 checkpoints past their sample's end, left out",
    ]


def test_how_samples_end(tmp_path: Path) -> None:
    """Stopped and failed ones have no answer; a failed one has the tokens last heard of."""

    def end(sample: int, reason: FinishReason) -> SampleFinished:
        return SampleFinished(
            at_s=15.0, position=0, sample=sample, answer="7", tokens=9, finish_reason=reason
        )

    told = (
        end(0, FinishReason.STOPPED),
        end(1, FinishReason.LENGTH),
        end(2, FinishReason.ERROR),
        SampleProgressed(at_s=12.0, position=0, sample=3, tokens=40),
        SampleFailed(at_s=13.0, position=0, sample=3),
        SampleFailed(at_s=13.0, position=0, sample=4),
        end(4, FinishReason.STOP),
    )
    result = made(tmp_path, *opened(), *map(start, range(5)), *events(*told))
    assert rows(result, "samples", "answer", "tokens", "finish_reason", "ended_s") == [
        (None, 9, "stopped", 5.0),
        ("7", 9, "length", 5.0),
        (None, 9, "error", 5.0),
        (None, 40, "error", 3.0),
        (None, 0, "error", 3.0),
    ]


@pytest.mark.parametrize(
    ("policy", "answer", "reason"),
    [("lead", None, "stopped"), ("lead", "7", "length"), (None, None, "length")],
)
def test_a_policys_own_cut_is_censored(
    tmp_path: Path, policy: str | None, answer: str | None, reason: str
) -> None:
    """What the policy cut would have gone on; a vote, and a generation's limit, stay as told."""
    finish = SampleFinished(
        at_s=12.0, **SAMPLE, answer=answer, tokens=100, finish_reason=FinishReason.LENGTH
    )
    header = JournalHeader(
        created="", command="", model="m", engine="e", answers="integer", policy=policy
    )
    result = made(tmp_path, *opened(), start(0, max_tokens=100), *events(finish), header=header)
    assert rows(result, "samples", "answer", "finish_reason") == [(answer, reason)]


def test_a_killed_run_leaves_stopped_samples(tmp_path: Path) -> None:
    """What ran is censored at the tokens last heard; what was never heard of is left out."""
    result = made(
        tmp_path,
        *opened(),
        *map(start, range(4)),
        *events(
            SampleStarted(at_s=10.0, position=0, sample=0),
            SampleStarted(at_s=10.0, position=0, sample=1),
            SampleProgressed(at_s=12.0, position=0, sample=1, tokens=40),
            ProbeAnswered(at_s=12.0, position=0, sample=2, answer="7", tokens=45),
        ),
        *opened("q2", 1),
    )
    assert rows(result, "samples", "sample", "tokens", "finish_reason", "ended_s") == [
        (0, 40, "stopped", None),
        (1, 45, "stopped", None),
    ]
    assert [note.split(": ", 1)[1] for note in result.notes] == [
        "1 samples of which nothing was heard, left out",
        "1 questions without a sample, left out",
    ]


def test_an_unfinished_last_line_is_noted(tmp_path: Path) -> None:
    """A journal that was cut in its last line tells all that it told before."""
    path = write(tmp_path / "run.jsonl", (*opened(), *whole(0), *whole(1)))
    path.write_bytes(path.read_bytes()[:-5])
    result = from_journals([path], tmp_path / "trace")
    assert result.notes[0] == f"{path} line 9: is unfinished, left out"
    assert rows(result, "samples", "sample", "finish_reason") == [(0, "stop")]


def test_a_resumed_generation_has_each_sample_once(tmp_path: Path) -> None:
    """A sample that the second process ran again replaces the one that was cut off."""
    result = made(
        tmp_path,
        *opened(),
        *whole(0),
        *events(
            SampleStarted(at_s=10.0, position=0, sample=1),
            SampleProgressed(at_s=11.0, position=0, sample=1, tokens=90),
            SampleFailed(at_s=12.0, position=0, sample=2),
        ),
        ResumedLine(at_s=20.0, created="later"),
        *opened(),
        *events(
            SampleStarted(at_s=21.0, position=0, sample=2),
            SampleStarted(at_s=21.0, position=0, sample=1),
            SampleFinished(at_s=22.0, position=0, sample=1, answer="8", tokens=33),
            SampleFinished(at_s=23.0, position=0, sample=2, answer="9", tokens=44),
        ),
    )
    assert rows(result, "samples", "sample", "answer", "tokens") == [
        (0, "7", 100),
        (1, "8", 33),
        (2, "9", 44),
    ]
    assert rows(result, "checkpoints", "tokens") == []


def test_a_question_asked_again_after_a_crash_has_its_used_samples_first(tmp_path: Path) -> None:
    """The answered opening's samples come first, so that a replay of the run meets them."""
    answer = SubmitAnswer(answer="8", reason=Reason.CAP)
    result = made(
        tmp_path,
        *opened(),
        *events(SampleProgressed(at_s=11.0, **SAMPLE, tokens=90)),
        ResumedLine(at_s=15.0, created="later"),
        *opened(position=1),
        *whole(0, "8", position=1),
        ActionLine(at_s=26.0, position=1, action=answer),
    )
    assert rows(result, "samples", "sample", "answer", "finish_reason") == [
        (0, "8", "stop"),
        (1, None, "stopped"),
    ]


def test_an_engine_that_says_it_twice_makes_no_second_sample(tmp_path: Path) -> None:
    """The first start and the first end count, as for the core."""
    result = made(tmp_path, *opened(), *whole(0), *whole(0, "8"))
    assert rows(result, "samples", "sample", "answer") == [(0, "7")]


def test_tools_become_segments(tmp_path: Path) -> None:
    """Decoding and tool time alternate; the tokens of a stretch are those last heard before."""
    told = (
        SampleProgressed(at_s=11.0, **SAMPLE, tokens=30),
        ToolCalled(at_s=11.0, **SAMPLE),
        ToolReturned(at_s=13.5, **SAMPLE, tokens=12),
        SampleProgressed(at_s=14.0, **SAMPLE, tokens=70),
        ToolCalled(at_s=14.0, **SAMPLE),
        SampleFinished(at_s=15.0, **SAMPLE, answer="7", tokens=100),
    )
    result = made(tmp_path, *opened(), *events(*told))
    assert rows(result, "segments", "segment", "kind", "tokens", "duration_s") == [
        (0, "decode", 30, None),
        (1, "tool", 12, 2.5),
        (2, "decode", 40, None),
        (3, "tool", 0, None),
        (4, "decode", 30, None),
    ]


def test_two_journals_are_numbered_on(tmp_path: Path) -> None:
    """Questions stand in the order given; one that comes again keeps each run's own order."""
    first = write(tmp_path / "a.jsonl", (*opened("q2"), *whole(1, "2"), *whole(0, "1")))
    again = (*opened("q1"), *whole(0, "4"), *opened("q2", 1, gold=None), *whole(0, "3", position=1))
    second = tmp_path / "b.jsonl.gz"
    second.write_bytes(gzip.compress(write(tmp_path / "b.jsonl", again).read_bytes()))
    result = from_journals([first, second], tmp_path / "trace", name="both")
    assert rows(result, "samples", "question_id", "sample", "answer") == [
        ("q1", 0, "4"),
        ("q2", 0, "1"),
        ("q2", 1, "2"),
        ("q2", 2, "3"),
    ]
    assert rows(result, "questions", "question_id", "position", "gold") == [
        ("q1", 1, "7"),
        ("q2", 0, "7"),
    ]
    assert (result.trace.name, result.trace.header.source) == ("both", "a.jsonl, b.jsonl.gz")


def test_arms_are_told_by_their_starts(tmp_path: Path) -> None:
    """Samples are numbered within their arm; without a start only a single arm can be meant."""
    result = made(
        tmp_path,
        *opened(),
        start(0, arm="tool"),
        start(1, arm="plain"),
        start(2, arm="tool"),
        *(
            EventLine(
                event=SampleFinished(at_s=12.0, position=0, sample=n, answer=str(n), tokens=5)
            )
            for n in range(3)
        ),
    )
    assert rows(result, "samples", "arm", "sample", "answer") == [
        ("plain", 0, "1"),
        ("tool", 0, "0"),
        ("tool", 1, "2"),
    ]
    two = JournalHeader(
        created="", command="", model="m", engine="e", answers="integer", arms={"a": {}, "b": {}}
    )
    path = write(tmp_path / "two.jsonl", (*opened(), *whole(0)[1:]), two)
    with pytest.raises(TraceError, match=r"two.jsonl line 4, field event.sample: .* arms a, b"):
        from_journals([path], tmp_path / "other")


def test_what_journals_may_not_differ_in(tmp_path: Path) -> None:
    """Another model, arm or right answer, or the same journal twice, is one line that says so."""
    first = write(tmp_path / "a.jsonl", (*opened(), *whole(0)))
    base = {"created": "", "command": "", "engine": "e", "answers": "integer"}
    model = JournalHeader(**base, model="Other")
    arm = JournalHeader(**base, model="Tiny-1B", arms={"default": {"temperature": 1.0}})
    cases = [
        (model, "7", "line 1, field model: must be 'Tiny-1B' as in the first journal, got 'Other'"),
        (arm, "7", "line 1, field arms.default: must be .*0.7.* got .*1.0"),
        (HEADER, "8", "gold of question 'q1' must be '7' as in an earlier run, got '8'"),
    ]
    for header, gold, message in cases:
        second = write(tmp_path / "b.jsonl", (*opened(gold=gold), *whole(0)), header)
        with pytest.raises(TraceError, match=f"{second}.*{message}"):
            from_journals([first, second], tmp_path / "trace")
    with pytest.raises(TraceError, match=f"{first}: comes twice"):
        from_journals([first, first], tmp_path / "trace")


def test_what_contradicts_itself_is_named(tmp_path: Path) -> None:
    """Events of no question, before its opening, or of another question: file, line and value."""
    (end,) = events(SampleFinished(at_s=9.0, **SAMPLE, answer="7", tokens=5))
    assert complaint(tmp_path, end) == (
        "run.jsonl line 2, field position: must be that of a question opened before, got 0"
    )
    assert complaint(tmp_path, *opened(), end) == (
        "run.jsonl line 4, field event.at_s: must be at least 10.0, when its question was opened, "
        "got 9.0"
    )
    assert complaint(tmp_path, EventLine(event=QuestionOpened(at_s=1.0, question_id="q"))) == (
        "run.jsonl line 2, field position: must be a question's place, got null"
    )
    wrong = QuestionLine(position=0, question_id="q2")
    assert complaint(tmp_path, wrong, opened()[1]) == (
        "run.jsonl line 3, field event.question_id: must be 'q2' as in the question line of "
        "position 0, got 'q1'"
    )
    assert complaint(tmp_path, HEADER).startswith(
        'run.jsonl line 2: must be no second header, got \'{"kind":"header"'
    )
    assert complaint(tmp_path, *opened()) == (
        "run.jsonl: must tell of at least one sample, tells of none"
    )


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "run.jsonl: must begin with a journal's header, is empty"),
        (b"{}\n", "run.jsonl line 1: not a line of a journal: .*kind"),
        (
            encode_line(HEADER) + b'\n{"kind":"text","position":"x","sample":0,"text":""}\n',
            "run.jsonl line 2, field position: must be int, got 'x'",
        ),
        (
            encode_line(HEADER) + b'\n{"kind":"event","event":{"event":"woke","at_s":-1}}\n',
            "run.jsonl line 2: not a line of a journal: at_s must be .*, got -1",
        ),
        (encode_line(opened()[0]) + b"\n", "run.jsonl line 1: must be the header, got "),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, raw: bytes, message: str) -> None:
    """What is no line is said with file, line and value."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(raw)
    with pytest.raises(TraceError, match=message):
        from_journals([path], tmp_path / "trace")


def test_the_command_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts and a description on stdout, notes on stderr, the profile beside the tables."""
    journal = write(tmp_path / "run.jsonl", (*opened(), *whole(0), *opened("q2", 1)))
    profile = tmp_path / "profile.json"
    profile.write_bytes(encode_profile(PROFILE))
    trace = tmp_path / "trace"
    command = ["from-journal", str(journal), str(trace), "--profile", str(profile), "--name", "n"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{trace}: 1 questions, 1 samples, 0 checkpoints, digest ")
    assert "Tiny-1B" in said.out
    assert said.err == f"{journal}: 1 questions without a sample, left out\n"
    assert read_trace(trace).profile == PROFILE
    profile.write_text("{}")
    assert main(command) == 2
    assert capsys.readouterr().err.startswith(f"error: {profile}: ")


def test_a_question_without_gold_is_kept_but_not_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The trace holds it and describes it; a replay, which needs the answer, says so in a line."""
    result = made(tmp_path, *opened(gold=None), *whole(0))
    assert rows(result, "questions", "gold") == [(None,)]
    assert main(["describe", str(result.trace.path)]) == 0
    assert "unknown" in capsys.readouterr().out
    with pytest.raises(TraceError, match=r"column gold: question 'q1' has null, so its answers"):
        pools_of([result.trace])


def test_a_probe_does_not_hide_the_entropies_before_it(tmp_path: Path) -> None:
    """In the pool a checkpoint has what was logged last, of each figure; never a later one."""
    told = (
        ProbeAnswered(at_s=10.5, **SAMPLE, answer="6", tokens=40),
        SampleProgressed(at_s=11.0, **SAMPLE, tokens=50, mean_entropy=0.5, confidence=-1.0),
        ProbeAnswered(at_s=11.5, **SAMPLE, answer="7", tokens=60),
        SampleFinished(at_s=15.0, **SAMPLE, answer="7", tokens=80),
    )
    (pool,) = pools_of([made(tmp_path, *opened(), *events(*told)).trace])
    (sample,) = pool.samples_of(0)
    assert sample.checkpoints == (
        Checkpoint(40, None, None, probed=True, answer="6"),
        Checkpoint(50, 0.5, None, probed=False, answer=None, confidence=-1.0),
        Checkpoint(60, 0.5, None, probed=True, answer="7", confidence=-1.0),
    )


# The full loop.


class Recorder:
    """Drives a stream as a live run would, and keeps what its journal says."""

    def __init__(self, spec: str, total_s: float) -> None:
        self.policy = parse_policy(spec).build()
        self.scheduler = Scheduler(self.policy, TimeBudget(total_s, questions=3), PROFILE)
        self.world = World(PROFILE, self.policy.progress_every_tokens)
        self.lines: list[JournalLine] = []
        self.actions: list[tuple[float, object]] = []

    def answer(self, question: LoggedQuestion) -> str | None:
        """Play one question."""
        world, lines = self.world, self.lines
        world.open_question()
        event = QuestionOpened(at_s=world.now_s, question_id=question.question_id)
        step = self.scheduler.open(event)
        position = self.scheduler.position
        lines.append(QuestionLine(position=position, question_id=event.question_id, gold="7"))
        lines.append(EventLine(event=event, position=position))
        submit = None
        samples = question.samples["default"]
        while True:
            for action in step.actions:
                lines.append(ActionLine(at_s=world.now_s, position=position, action=action))
                self.actions.append((round(world.now_s, 6), action))
                if isinstance(action, StartSample):
                    world.start(samples[action.sample], action.max_tokens)
                elif isinstance(action, StopSample):
                    world.stop(action.sample)
                elif isinstance(action, ProbeSample):
                    world.probe(action.sample)
                elif isinstance(action, SubmitAnswer):
                    submit = action
            if submit is not None:
                break
            heard = world.next_event(step.next_wakeup_s)
            lines.append(EventLine(event=heard))
            step = self.scheduler.handle(heard)
        until_s = world.now_s + 1.0
        while (heard := world.next_event(until_s)).at_s < until_s:
            lines.append(EventLine(event=heard))
        return submit.answer


def logged(name: str) -> LoggedQuestion:
    """Return a question whose samples agree sooner or later, with probes on the way."""
    samples = tuple(
        LoggedSample(
            number,
            tokens=300 + 170 * ((number * 7 + len(name)) % 11),
            answer="7" if number % 3 else "5",
            checkpoints=tuple(
                Checkpoint(at, 0.5, 0.25, probed=True, answer="7" if at > 300 else None)
                for at in range(100, 300 + 170 * ((number * 7 + len(name)) % 11), 100)
            ),
        )
        for number in range(16)
    )
    return LoggedQuestion(name, "7", {"default": samples}, None, {})


@pytest.mark.parametrize(
    "spec",
    [
        "lead:width=8,cap=12",
        "lead:width=8,cap=12,cut_tokens=900",
        "self-consistency:k=8",
        "early-stopping-window:window=4,cap=16",
        "parallel-probe:width=8,interval=300,stable=2,warm_up=1,patience=1",
    ],
)
def test_a_run_replayed_from_its_journal_goes_as_it_went(tmp_path: Path, spec: str) -> None:
    """Scheduler → journal → trace → replay with the run's own draws: each action at its time."""
    live = Recorder(spec, 1000.0)
    names = ("zeta", "alpha", "mid")
    answers = [live.answer(logged(name)) for name in names]
    result = made(tmp_path, *live.lines)
    assert result.notes == ()
    (pool,) = pools_of([result.trace])
    streams = Streams(pool, len(names), Order.LOGGED, Draw.LOGGED, seed=0)
    indices = streams.questions_of(0)
    assert [pool.questions[index].question_id for index in indices] == list(names)
    drawn = [streams.question_of(0, index) for index in indices]

    again = Recorder(spec, 1000.0)
    assert [again.answer(question) for question in drawn] == answers
    assert again.actions == live.actions
    outcomes = play(
        parse_policy(spec).build(), TimeBudget(1000.0, questions=3), PROFILE, drawn, gateway_s=1.0
    )
    assert [outcome.answer for outcome in outcomes] == answers
    assert not any(outcome.exhausted for outcome in outcomes)


# Samples that judge, and samples that build on others.


def family(*, answered: bool = True) -> list[JournalLine]:
    """Return a question of two arms: sample 3 builds on 2, the second one of the default arm."""
    lines: list[JournalLine] = [*opened()]
    for sample, more in enumerate(
        (
            {},
            {"arm": "verifier", "candidates": ("12", "7")},
            {},
            {"arm": "refine", "parent": 2},
        )
    ):
        where = {"position": 0, "sample": sample}
        at_s = 10.0 + sample
        lines.append(start(sample, **more))
        lines += events(
            SampleStarted(at_s=at_s, **where),
            SampleFinished(at_s=at_s + 0.5, **where, answer="7", tokens=100),
        )
    if answered:
        submit = SubmitAnswer(answer="7", reason=Reason.SETTLED)
        lines.append(ActionLine(at_s=15.0, position=0, action=submit))
    return lines


def test_candidates_and_parents_are_kept(tmp_path: Path) -> None:
    """The candidates in their order; the parent by its number within its arm, as in the trace."""
    trace = made(tmp_path, *family())
    columns = ("arm", "sample", "candidate_first", "candidate_second", "parent_arm", "parent")
    assert rows(trace, "samples", *columns) == [
        ("default", 0, None, None, None, None),
        ("default", 1, None, None, None, None),
        ("refine", 0, None, None, "default", 1),
        ("verifier", 0, "12", "7", None, None),
    ]
    (pool,) = pools_of([trace.trace])
    samples = pool.questions[0].samples
    assert samples["verifier"][0].candidates == ("12", "7")
    assert (samples["refine"][0].parent_arm, samples["refine"][0].parent) == ("default", 1)
    assert (samples["default"][0].candidates, samples["default"][0].parent) == ((), None)


def test_a_trace_without_them_has_no_column_for_them(tmp_path: Path) -> None:
    """So it is what it was before there were such samples, digest and all."""
    trace = made(tmp_path, *opened(), *whole(0)).trace
    assert trace.samples.columns[-1] == "ended_s"


def test_a_parent_is_numbered_as_its_own_run_is(tmp_path: Path) -> None:
    """Where a question comes again, after the samples of its first run."""
    first = write(tmp_path / "a.jsonl", family())
    second = write(tmp_path / "b.jsonl", family())
    trace = from_journals([first, second], tmp_path / "trace")
    assert rows(trace, "samples", "arm", "sample", "parent")[4:6] == [
        ("refine", 0, 1),
        ("refine", 1, 3),
    ]


def test_parents_keep_apart_where_traces_add_up(tmp_path: Path) -> None:
    """Of two traces of one model, each sample still builds on that of its own trace."""
    traces = []
    for name, answer in (("one", "7"), ("two", "9")):
        trace = from_journals([write(tmp_path / f"{name}.jsonl", family())], tmp_path / name).trace
        samples = trace.samples.with_columns(answer=pl.lit(answer))
        header = msgspec.structs.replace(trace.header, digest=name)
        traces.append(replace(trace, samples=samples, header=header))
    (pool,) = pools_of(traces)
    logged = pool.questions[0].samples
    assert [sample.sample for sample in logged["default"]] == [0, 1, 2, 3]
    assert [(sample.parent, sample.answer) for sample in logged["refine"]] == [(1, "7"), (3, "9")]
    assert logged["default"][3].answer == "9"


def test_what_no_row_stands_for_is_unknown(tmp_path: Path) -> None:
    """A parent of which nothing was heard, and candidates that are no pair, whose sample failed."""
    lines = [
        *opened(),
        start(0),
        start(1, arm="refine", parent=0),
        *events(SampleFailed(at_s=11.0, position=0, sample=1, message="nothing to build on")),
        start(2, arm="verifier", candidates=("1", "2", "3")),
        *events(SampleFailed(at_s=11.0, position=0, sample=2, message="three")),
    ]
    trace = made(tmp_path, *lines).trace
    assert trace.samples["finish_reason"].to_list() == ["error", "error"]
    assert trace.samples.columns[-1] == "ended_s"
