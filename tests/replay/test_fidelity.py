"""A journal of a run in the simulated world is predicted by that world, to rounding."""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING

import msgspec
import pytest

from policies import parse_policy
from scheduler import (
    ActionLine,
    BudgetLine,
    EventLine,
    FaultLine,
    JournalHeader,
    LatencyProfile,
    ProbeSample,
    QuestionLine,
    QuestionOpened,
    ResumedLine,
    SampleEvent,
    SampleProgressed,
    SampleStarted,
    Scheduler,
    StartSample,
    StopSample,
    SubmitAnswer,
    TextLine,
    TimeBudget,
    Woke,
    decode_line,
    encode_line,
    encode_profile,
    trim_line,
)
from scheduler.latency import Decode, Prefill, Probe
from simulations.fidelity import Fidelity, measure, play_draws, read_run
from simulations.fidelity.cli import main
from simulations.fidelity.watched import WatchedWorld
from simulations.pool import Checkpoint, LoggedSample
from simulations.traces import TraceError, import_jsonl, read_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from scheduler import AnyAction, JournalLine
    from simulations.traces import Trace

PROFILE = LatencyProfile(
    name="made-up",
    decode=Decode(width=(1, 8, 32), step_s=(0.004, 0.005, 0.009), context_s_per_token=2e-8),
    prefill=Prefill(base_s=0.03, s_per_token=1e-5, request_s=0.002, stall_s=0.01),
    probe=Probe(base_s=0.02, tokens=5),
    stop_s=0.003,
    max_sequences=24,
)

EVERY_TOKENS = 256
"""The live session measures its samples so often."""


def slower(share: float) -> LatencyProfile:
    """Return the profile with everything that takes time taking longer."""
    by = 1.0 + share
    decode, prefill = PROFILE.decode, PROFILE.prefill
    return msgspec.structs.replace(
        PROFILE,
        decode=Decode(
            width=decode.width,
            step_s=tuple(by * step_s for step_s in decode.step_s),
            context_s_per_token=by * decode.context_s_per_token,
        ),
        prefill=Prefill(
            base_s=by * prefill.base_s,
            s_per_token=by * prefill.s_per_token,
            request_s=by * prefill.request_s,
            stall_s=by * prefill.stall_s,
        ),
        probe=Probe(base_s=by * PROFILE.probe.base_s, tokens=PROFILE.probe.tokens),
        stop_s=by * PROFILE.stop_s,
    )


def pool_of(name: str, count: int = 64) -> tuple[LoggedSample, ...]:
    """Return samples that agree sooner or later, measured and with an answer on the way."""
    samples = []
    for number in range(count):
        tokens = 150 + 97 * ((number * 7 + 3 * len(name) + number // 11) % 13) + number
        right = (number + len(name)) % 3 > 0
        samples.append(
            LoggedSample(
                number,
                tokens=tokens,
                answer="7" if right else str(number % 2),
                prompt_tokens=80 + 10 * len(name),
                checkpoints=tuple(
                    Checkpoint(
                        at,
                        0.5,
                        0.25,
                        probed=True,
                        answer="7" if right and at > 300 else None,
                        confidence=2.0 + at / 1000.0 - right,
                    )
                    for at in range(50, tokens, 50)
                ),
            )
        )
    return tuple(samples)


class Recorder:
    """Drives a stream as the live runner does and writes what its journal would say.

    Starts are told at the first token, ends of stopped samples after the answer, and samples
    are measured every 256 tokens whether the policy listens or not.
    """

    def __init__(
        self,
        spec: str,
        *,
        profile: LatencyProfile = PROFILE,
        total_s: float = inf,
        questions: int = 3,
        reserve_s: float = 0.0,
        startup_s: float = 1.5,
    ) -> None:
        self.spec = spec
        self.profile = profile
        self.policy = parse_policy(spec).build()
        budget = TimeBudget(total_s, questions=questions, reserve_s=reserve_s)
        self.scheduler = Scheduler(self.policy, budget, profile)
        self.world = WatchedWorld(profile, self.policy.progress_every_tokens)
        self.world.pass_time(startup_s)
        self.lines: list[JournalLine] = [
            JournalHeader(
                created="2026-01-01T00:00:00+00:00",
                command="run",
                model="Tiny-1B",
                engine="tiny 1.0",
                arms={"default": {}},
                policy=spec,
                total_s=None if total_s == inf else total_s,
                answers="integer",
                profile=profile.name,
            )
        ]

    def ledger(self) -> BudgetLine:
        """Return the line of the ledger as it stands."""
        saved = msgspec.Raw(self.scheduler.budget.save())
        return BudgetLine(at_s=self.world.now_s, saved=saved)

    def answer(self, name: str, *, give_up: bool = False) -> None:
        """Play one question; one to be given up breaks off at its first event."""
        world, lines, samples = self.world, self.lines, pool_of(name)
        world.open_question()
        prompt_tokens = float(samples[0].prompt_tokens)
        opened = QuestionOpened(
            at_s=world.now_s,
            question_id=name,
            question=f"What is {name}?",
            features={"prompt_tokens": prompt_tokens},
        )
        step = self.scheduler.open(opened)
        position = self.scheduler.position
        lines.append(QuestionLine(position=position, question_id=name, gold="7"))
        lines.append(EventLine(event=opened, position=position))
        lines.append(self.ledger())
        lines += [trim_line(world.now_s, position, trim) for trim in step.trims]
        heard: list[EventLine] = []
        while True:
            submit = self._act(position, step.actions, samples)
            if submit is not None or (give_up and heard):
                break
            event = world.next_event(step.next_wakeup_s)
            if isinstance(event, SampleEvent):
                heard.append(EventLine(event=event))
            step = self.scheduler.handle(event)
        if submit is not None:
            lines.append(self.ledger())
            until_s = world.now_s + 0.25
            while not isinstance(event := world.next_event(until_s), Woke):
                heard.append(EventLine(event=event))
        lines += self._as_told(position, heard)
        for sample in range(len(world._sequences)):
            lines.append(TextLine(position=position, sample=sample, text="…"))

    def _act(
        self, position: int, actions: Iterable[AnyAction], samples: Sequence[LoggedSample]
    ) -> SubmitAnswer | None:
        """Write actions down and carry them out; return the submit."""
        world, submit = self.world, None
        for action in actions:
            self.lines.append(ActionLine(at_s=world.now_s, position=position, action=action))
            if isinstance(action, StartSample):
                log = samples[action.sample]
                world.start(log, action.max_tokens)
                world.watch(*range(EVERY_TOKENS, log.tokens, EVERY_TOKENS))
            elif isinstance(action, StopSample):
                world.stop(action.sample)
            elif isinstance(action, ProbeSample):
                world.probe(action.sample)
            elif isinstance(action, SubmitAnswer):
                submit = action
        return submit

    def _as_told(self, position: int, heard: Iterable[EventLine]) -> list[EventLine]:
        """Put starts at the first token, and add what was measured for the journal alone."""
        told = []
        for line in heard:
            event = line.event
            if not isinstance(event, SampleStarted):
                told.append(line)
                continue
            first_s = self.world.reached[position, event.sample].get(1)
            if first_s is not None:
                told.append(EventLine(event=msgspec.structs.replace(event, at_s=first_s)))
        every = self.policy.progress_every_tokens
        for (place, sample), reached in self.world.reached.items():
            for tokens, at_s in reached.items():
                if place == position and tokens > 1 and (every is None or tokens % every):
                    event = SampleProgressed(
                        at_s=at_s, position=position, sample=sample, tokens=tokens
                    )
                    told.append(EventLine(event=event, heard=False))
        return sorted(told, key=lambda line: line.event.at_s)

    def resume(self, seconds: float) -> None:
        """Go on as a second process does."""
        self.world.pass_time(seconds)
        self.lines.append(ResumedLine(at_s=self.world.now_s, created="later"))
        self.policy = parse_policy(self.spec).build()
        budget = TimeBudget.resume(self.scheduler.budget.save(), self.world.now_s, again=True)
        self.scheduler = Scheduler(self.policy, budget, self.profile)


def write(path: Path, lines: Sequence[JournalLine]) -> Path:
    """Write a journal."""
    path.write_bytes(b"".join(encode_line(line) + b"\n" for line in lines))
    return path


NAMES = ("q", "alpha", "question-three")


def recorded(
    tmp_path: Path, spec: str, *, names: Sequence[str] = NAMES, total_s: float = inf, **more: float
) -> Path:
    """Write the journal of a run and return it."""
    live = Recorder(spec, total_s=total_s, questions=len(names), **more)  # type: ignore[arg-type]
    for name in names:
        live.answer(name)
        live.world.pass_time(0.8)
    return write(tmp_path / "run.jsonl", live.lines)


def compared(path: Path, profile: LatencyProfile = PROFILE) -> Fidelity:
    """Read and compare."""
    return measure(read_run(path), profile)


@pytest.mark.parametrize(
    ("spec", "total_s"),
    [
        ("self-consistency:k=1", inf),
        ("self-consistency:k=6", inf),
        ("self-consistency:k=40", inf),
        ("lead:width=8,cap=24", inf),
        ("lead:width=16,cap=32,cut_tokens=700", inf),
        ("adaptive-consistency:cap=12", inf),
        ("early-stopping-window:window=4,cap=16", inf),
        ("parallel-probe:width=8,interval=300,stable=2,warm_up=1,patience=1", inf),
        ("deep-confidence:warm_up=4,budget=16,width=8", inf),
        ("uniform-allocation:n=8", inf),
        ("share:width=12,equal=9", 9.0),
        ("share:width=12,forced=true", 6.0),
        ("clamp", 12.0),
        ("lead:width=16,lead=9,cap=40", 4.0),
    ],
)
def test_a_simulated_run_is_predicted_to_rounding(
    tmp_path: Path, spec: str, total_s: float
) -> None:
    """Probes, stops, cuts, deadlines, all widths: replayed on its own profile no error is left."""
    found = compared(recorded(tmp_path, spec, total_s=total_s))
    assert [question.question_id for question in found.questions] == list(NAMES)
    for question in found.questions:
        assert question.error_s == pytest.approx(0.0, abs=1e-6)
        assert question.same_answer
        assert question.notes == []
        assert question.live.started == question.replay.started
        for live, replay in zip(question.live.samples, question.replay.samples, strict=True):
            # What was stopped is known up to its stop.
            stopped = live.let_go_s is not None
            names = ("asked_s", "first_token_s") if stopped else live.__slots__
            for name in names:
                expected = getattr(live, name)
                if name != "width":  # those beside it may have been stopped
                    assert getattr(replay, name) == (
                        None if expected is None else pytest.approx(expected, abs=1e-6)
                    ), name
    assert found.total.error_percent == pytest.approx(0.0, abs=1e-6)
    for thing in found.things:
        if thing.name != "stop until let go":  # a stopped sample may end by itself meanwhile
            assert thing.replay_s == pytest.approx(thing.live_s, abs=1e-5)


@pytest.mark.parametrize("spec", ["self-consistency:k=6", "lead:width=8,cap=24"])
def test_a_profile_ten_per_cent_slower_predicts_ten_per_cent_more(
    tmp_path: Path, spec: str
) -> None:
    """The error is the profile's, on each question, in total and on each single thing."""
    found = compared(recorded(tmp_path, spec), slower(0.1))
    for question in found.questions:
        assert question.error_percent == pytest.approx(10.0, abs=0.1)
    assert found.median_error_percent == pytest.approx(10.0, abs=0.1)
    assert found.p90_error_percent == pytest.approx(10.0, abs=0.1)
    assert found.total.error_percent == pytest.approx(10.0, abs=0.1)
    things = {thing.name: thing for thing in found.things}
    assert "first token after its start" in things
    steps = [thing for name, thing in things.items() if name.startswith("step, width ")]
    assert steps
    for thing in (*steps, things["first token after its start"]):
        assert thing.replay_s / thing.live_s == pytest.approx(1.1, abs=0.01)


def test_a_late_first_token_shows_where_it_sits(tmp_path: Path) -> None:
    """A prefill that the profile does not know moves the first tokens and nothing else."""
    late = msgspec.structs.replace(PROFILE, prefill=Prefill(base_s=0.03, stall_s=0.01))
    found = compared(recorded(tmp_path, "self-consistency:k=6", profile=late))
    live, replay = found.live_parts, found.replay_parts
    assert replay.first_token_s - live.first_token_s == pytest.approx(0.013, abs=0.003)
    assert replay.decoding_s == pytest.approx(live.decoding_s, rel=0.01)
    assert (replay.probes_s, replay.after_s) == (live.probes_s, live.after_s) == (0.0, 0.0)
    assert found.live_profile == found.profile  # it has the same name, so no note


def test_each_question_stands_alone_and_the_stream_runs_freely(tmp_path: Path) -> None:
    """One slow question is one error by itself, and moves the free run's end once."""
    live = Recorder("lead:width=8,cap=24", total_s=60.0)
    for name in NAMES:
        live.answer(name)
        live.world.pass_time(0.8)
    path = write(tmp_path / "run.jsonl", [_later(line, 1, 2.0) for line in live.lines])
    found = compared(path)
    assert [round(question.error_s, 6) for question in found.questions] == [0.0, -2.0, 0.0]
    assert found.total.free_s == pytest.approx(found.total.live_s - 2.0, abs=1e-6)
    assert found.live_parts.after_s - found.replay_parts.after_s == pytest.approx(
        2.0 / 3.0, abs=0.005
    )


def _later(line: JournalLine, position: int, seconds: float) -> JournalLine:
    """Move the answer of a question, and all that comes after it, to later."""
    if isinstance(line, EventLine):
        event = line.event
        place = line.position if isinstance(event, QuestionOpened) else event.position
        if place > position:
            moved = msgspec.structs.replace(event, at_s=event.at_s + seconds)
            return msgspec.structs.replace(line, event=moved)
    elif isinstance(line, ActionLine) and (
        line.position > position
        or (line.position == position and isinstance(line.action, SubmitAnswer))
    ):
        return msgspec.structs.replace(line, at_s=line.at_s + seconds)
    return line


def test_samples_that_outlive_their_log_are_counted(tmp_path: Path) -> None:
    """Under a much faster profile a deadline comes after the censored end; the table says so."""
    path = recorded(tmp_path, "share:width=12,equal=12", total_s=5.0)
    found = compared(path, slower(-0.6))
    assert found.questions[0].ran_out > 0
    assert "ran out" in found.questions[0].notes[0]
    assert all(question.ran_out == 0 for question in compared(path, slower(-0.02)).questions)


def test_a_question_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    """An unfinished line and question are notes; a run resumed after it is compared whole."""
    live = Recorder("uniform-allocation:n=8", total_s=60.0, questions=4)
    live.answer("q")
    live.world.pass_time(0.8)
    live.answer("alpha", give_up=True)
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(b"".join(encode_line(line) + b"\n" for line in live.lines)[:-9])
    run = read_run(broken)
    assert [note.partition(",")[0] for note in run.notes] == [
        f"{broken} line {len(live.lines)}: is unfinished",
        "question alpha (place 2) was not answered",
    ]
    assert [question.question_id for question in measure(run, PROFILE).questions] == ["q"]

    live.resume(3.0)
    live.world.pass_time(1.0)
    for name in ("alpha", "zeta"):
        live.answer(name)
        live.world.pass_time(0.8)
    found = compared(write(tmp_path / "run.jsonl", live.lines))
    assert [question.question_id for question in found.questions] == ["q", "alpha", "zeta"]
    assert [question.position for question in found.questions] == [0, 2, 3]
    assert all(abs(question.error_s) < 1e-6 for question in found.questions)
    assert found.total.error_percent == pytest.approx(0.0, abs=1e-6)


def test_what_went_wrong_live_is_noted(tmp_path: Path) -> None:
    """Faults of the run and another profile's name stand beside the figures."""
    path = recorded(tmp_path, "self-consistency:k=3", names=("q",))
    lines = [decode_line(raw) for raw in path.read_bytes().splitlines()]
    lines.append(FaultLine(at_s=9.0, position=0, message="PolicyRaisedError"))
    other = msgspec.structs.replace(PROFILE, name="other")
    found = compared(write(path, lines), other)
    assert found.questions[0].notes == ["1 live fault"]
    assert found.notes == ["the run planned with profile made-up, its replay other"]


# The draws of other runs.


def test_other_draws_say_what_luck_makes_of_the_time(tmp_path: Path) -> None:
    """A live total of the pool lies inside, one that took thrice the time outside."""
    trace = _trace(tmp_path, NAMES)
    run = read_run(recorded(tmp_path, "lead:width=8,cap=24"))
    draws = play_draws(run, PROFILE, [trace], streams=40, seed=3)
    assert draws.total.inside
    assert draws.total.low_s < draws.total.median_s < draws.total.high_s
    assert len(draws.questions) == len(NAMES)
    assert draws.exhausted == 0
    assert draws == play_draws(run, PROFILE, [trace], streams=40, seed=3)
    assert draws != play_draws(run, PROFILE, [trace], streams=40, seed=4)
    assert not play_draws(run, slower(2.0), [trace], streams=40, seed=3).total.inside
    with pytest.raises(TraceError, match=r"hold no sample of question 'q', which run\.jsonl"):
        play_draws(run, PROFILE, [_trace(tmp_path, NAMES[1:])], streams=1, seed=0)


def _trace(tmp_path: Path, names: Sequence[str]) -> Trace:
    """Make a trace of the same questions."""
    log = tmp_path / "pool.jsonl"
    rows = [
        {
            "question_id": name,
            "sample": sample.sample,
            "gold": "7",
            "answer": sample.answer,
            "tokens": sample.tokens,
        }
        for name in names
        for sample in pool_of(name)
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_jsonl(log, tmp_path / "pool", "Tiny-1B")
    return read_trace(tmp_path / "pool")


# The command.


def test_the_command_shows_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables on stdout, JSON and page where wanted; the profile beside the journal is found."""
    path = recorded(tmp_path, "parallel-probe:width=8,interval=300,stable=2")
    (tmp_path / "run.profile.json").write_bytes(encode_profile(PROFILE))
    pool = _trace(tmp_path, NAMES).path
    as_json, page = tmp_path / "out.json", tmp_path / "out.html"
    command = [str(path), "--json", str(as_json), "--html", str(page)]
    assert main([*command, "--traces", str(pool), "--streams", "5"]) == 0
    said = capsys.readouterr()
    for words in ("question-three", "Where the difference sits", "probe until answered", "inside"):
        assert words in said.out
    found = json.loads(as_json.read_bytes())
    assert found["format"] == 1
    assert found["total"]["error_percent"] == pytest.approx(0.0, abs=1e-6)
    assert found["draws"]["streams"] == 5
    text = page.read_text()
    assert "Replay against live" in text
    assert "Error by question, in order" in text
    assert "Vega" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy": None}, "run.jsonl: is a generation, which no policy decided"),
        ({"policy": "lad"}, "run.jsonl line 1, field policy: 'lad': unknown policy 'lad'"),
    ],
)
def test_a_journal_without_a_policy_to_replay_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    """One clear line, exit code 2."""
    path = recorded(tmp_path, "self-consistency:k=3", names=("q",))
    header, *rest = [decode_line(raw) for raw in path.read_bytes().splitlines()]
    write(path, [msgspec.structs.replace(header, **change), *rest])
    assert main([str(path), "--profile", "assumed-qwen3-8b"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_bad_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing there, nothing in it, no journal, no answer, no profile: file and reason."""
    path = recorded(tmp_path, "self-consistency:k=3", names=("q",))
    raw = path.read_bytes().splitlines(keepends=True)
    cases = [
        (b"", "run.jsonl: must begin with a journal's header, is empty"),
        (raw[1], "run.jsonl line 1: must be the header, got"),
        (raw[0] + b"{}\n", "run.jsonl line 2: not a line of a journal"),
        (raw[0] * 2, "run.jsonl line 2: must be no second header"),
        (raw[0], "run.jsonl: holds no ledger, so no question was opened in it"),
        (b"".join(raw[:5]), "run.jsonl: must hold at least one answer, holds none"),
        (raw[0] + raw[4], "run.jsonl line 2, field position: must be that of a question opened"),
    ]
    for content, message in cases:
        path.write_bytes(content)
        assert main([str(path), "--profile", "assumed-qwen3-8b"]) == 2
        assert message in capsys.readouterr().err
    path.write_bytes(b"".join(raw))
    assert main([str(path)]) == 2
    assert "argument --profile: is needed, for there is no" in capsys.readouterr().err
    path.unlink()
    assert main([str(path), "--profile", "assumed-qwen3-8b"]) == 2
    assert "run.jsonl: cannot be read" in capsys.readouterr().err
