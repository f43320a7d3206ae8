"""A simulated stream, written down, is the journal of what was played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policies import parse_policy
from scheduler import LatencyProfile, encode_line
from scheduler.latency import Decode, Prefill, Probe
from simulations.play import Outcome
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample, Pool
from simulations.recording import record_stream
from simulations.replay import main
from simulations.results import Settings
from simulations.runs import read_run, run_of, share_out
from simulations.tournament import Block, Entry, draw_streams, play_stream
from simulations.traces import from_journals

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = LatencyProfile(
    name="made-up",
    decode=Decode(width=(1, 8), step_s=(0.004, 0.006)),
    prefill=Prefill(base_s=0.03, s_per_token=1e-5, request_s=0.002, stall_s=0.01),
    probe=Probe(base_s=0.02, tokens=5),
    stop_s=0.05,
    max_sequences=6,
)
SETTINGS = Settings(
    profile=PROFILE.name,
    profile_digest="0" * 64,
    questions=4,
    total_s=9.0,
    reserve_s=1.0,
    startup_s=0.5,
    gateway_s=0.02,
    order="random",
    draw="random",
    streams=1,
    seed=3,
)


def pool() -> Pool:
    """Return four questions: easy, hard, hopeless, and one whose samples answer nothing."""

    def samples(right: int) -> tuple[LoggedSample, ...]:
        return tuple(
            LoggedSample(
                number,
                tokens=(tokens := 120 + 37 * ((5 * number + right) % 11)),
                answer=None if right < 0 else "7" if number % 8 < right else str(number % 3),
                prompt_tokens=80,
                checkpoints=tuple(
                    Checkpoint(at, 0.5, 0.25, probed=True, answer="7", confidence=2.0)
                    for at in range(50, tokens, 50)
                    if right > 0
                ),
            )
            for number in range(32)
        )

    return Pool(
        "tiny",
        tuple(
            LoggedQuestion(name, "7", {"default": samples(right)}, None, {})
            for name, right in (("easy", 7), ("hard", 2), ("hopeless", 0), ("mute", -1))
        ),
    )


@pytest.mark.parametrize("policy", ["share", "lead:width=8", "parallel-probe", "clamp"])
def test_the_journal_tells_what_was_played(policy: str) -> None:
    """Answers, reasons, seconds and every token, those of samples stopped by the answer too."""
    entry = Entry(policy, parse_policy(policy))
    ((_, drawn),) = draw_streams(Block(pool(), 0, 1), SETTINGS)
    played = play_stream(entry.spec, PROFILE, SETTINGS, drawn)
    lines = record_stream(pool(), entry, PROFILE, SETTINGS, "command")
    run = run_of((("", line) for line in lines), "stream")
    told = [
        Outcome(
            answer=question.answer,
            reason=question.reason,
            opened_s=question.opened_s,
            seconds=pytest.approx(question.seconds),
            tokens=question.tokens,
            unanswered=False,
            exhausted=outcome.exhausted,  # no line says that a log was too short
        )
        for question, outcome in zip(run.questions, played, strict=True)
    ]
    assert told == played
    assert run.reserve_s == 1.0
    assert sum(share_out(run).whole.values()) == pytest.approx(9.0)


def test_replay_writes_a_journal_that_other_commands_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the first policy's first stream, equal from run to run; it becomes a trace like any."""
    path, again = tmp_path / "stream.jsonl", tmp_path / "again.jsonl"
    options = ["--streams", "1", "--questions", "3", "--jobs", "1", "--policy", "clamp"]
    for journal in (path, again):
        assert main([*options, "--journal", str(journal)]) == 0
    assert f"wrote {path}" in capsys.readouterr().err
    first, *rest = path.read_bytes().splitlines()
    assert rest == again.read_bytes().splitlines()[1:]
    assert b'"created":""' in first
    run = read_run(path)
    assert len(run.questions) == 3
    assert all(question.gold is not None for question in run.questions)
    made = from_journals([path], tmp_path / "trace")
    assert made.trace.samples.height == sum(len(question.samples) for question in run.questions)


def test_equal_arguments_give_equal_lines() -> None:
    """Nothing of the moment or the machine is in a recorded stream."""
    entry = Entry("share", parse_policy("share"))
    one, two = (record_stream(pool(), entry, PROFILE, SETTINGS, "command") for _ in range(2))
    assert [*map(encode_line, one)] == [*map(encode_line, two)]
