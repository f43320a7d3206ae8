"""The command `solve` on the scripted engine, and its journal replayed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from scripted_streams import ARM, PROFILE, Model, rig_of, text_of
from virtual_time import play

from engine import solve
from engine.arms import Arm
from engine.journal import Journal
from engine.port import Message
from engine.resume import answers_given, resume_budget
from engine.scripted import Script, ScriptedEngine
from policies import parse_policy
from scheduler import JournalHeader, ResumedLine, TimeBudget
from scheduler.latency import encode_profile
from simulations.play import play as replay
from simulations.pools import pools_of
from simulations.streams import Draw, Order, Streams
from simulations.traces.__main__ import main as traces

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 4
LENGTHS = ((200, "7"), (320, "8"), (150, "7"), (410, "7"), (230, "8"), (275, "7"), (190, "7"))


JUDGE = Arm(messages=(Message(role="user", content="{question}\n{first} or {second}?"),))
ARMS = {"plain": ARM, "other": ARM, "judge": JUDGE}
MIXTURE = {
    "arms": [
        {"name": "other"},
        {"name": "plain", "weight": 0.5},
        {"name": "judge", "weight": 0.75, "judges": True},
    ]
}


class Clock:
    """The stream's clock on virtual time; a second process starts a minute later."""

    boot_id = None
    zero_s = 0.0

    def __init__(self, began: datetime | None = None) -> None:
        self.began = began or datetime(2026, 1, 1, tzinfo=UTC)

    @classmethod
    def resume(cls, began: datetime, *, at_least_s: float, boot: None, zero_s: float) -> Clock:
        """Go on a minute later."""
        assert (boot, zero_s) == (None, 0.0)
        clock = cls(began)
        clock.zero_s = -60.0 - at_least_s
        return clock

    def __call__(self) -> float:
        """Read the clock."""
        return asyncio.get_running_loop().time() - self.zero_s


class Command:
    """The command in a folder of its own.

    Args:
        folder: Empty.
        patch: Puts the scripted engine and virtual time in.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.journal = folder / "run.jsonl"
        self.die_after_s: float | None = None
        self.engine: ScriptedEngine | None = None
        (folder / "profile.json").write_bytes(encode_profile(PROFILE))
        rows = [{"question_id": f"q{n}", "question": f"{n}=7", "gold": "7"} for n in range(COUNT)]
        (folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
        patch.setattr(solve, "make_rig", self._rig)
        patch.setattr(solve, "StreamClock", Clock)
        patch.setattr("engine.resume.StreamClock", Clock)
        patch.setattr(solve.asyncio, "run", self._play)

    def __call__(self, *more: str, policy: str = "lead:width=3,cap=7,lead=2") -> int:
        """Run it."""
        path = self.folder
        given = {"--questions": path / "q.jsonl", "--profile": path / "profile.json"}
        given |= {"--out": self.journal, "--json": path / "answers.json", "--total-s": 200}
        words = [str(word) for option in given.items() for word in option]
        return solve.main([*words, "--model", "tiny", "--policy", policy, *more])

    def _rig(self, options: object) -> Any:  # noqa: ANN401 - a rig
        del options
        scripts = [Script(text=text_of(*length)) for length in LENGTHS]
        model = Model({f"{n}=7": scripts[n:] + scripts[:n] for n in range(COUNT)})
        self.engine = ScriptedEngine(model, PROFILE)
        return replace(rig_of(self.engine, checkpoint_every_tokens=50), arms=ARMS)

    def _play(self, main: Any) -> Any:  # noqa: ANN401 - whatever it returns
        async def limited() -> Any:  # noqa: ANN401
            try:
                async with asyncio.timeout(self.die_after_s):
                    return await main
            except TimeoutError:
                raise KeyboardInterrupt from None

        return play(limited)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command with a scripted engine."""
    return Command(tmp_path, monkeypatch)


def test_a_stream_ends_in_a_table(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a question on the way, the table at the end, the answers as JSON."""
    assert command() == 0
    said = capsys.readouterr()
    assert "4 right" in said.out
    assert "1/4 q0: 7 (lead) after " in said.err
    answers = msgspec.json.decode((command.folder / "answers.json").read_bytes())
    assert [answer["question_id"] for answer in answers] == [f"q{n}" for n in range(COUNT)]
    assert all(answer["granted_s"] > 0 for answer in answers)
    assert command.engine is not None
    assert command.engine.running == 0


def test_a_second_start_goes_on(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """It keeps the answers given and the clock, and charges the question that was open."""
    command.die_after_s = 6.0
    assert command() == 1
    assert "goes on from here" in capsys.readouterr().err
    journal, lines = Journal.resume(command.journal)
    journal.close()
    given = answers_given(lines)
    assert 0 < len(given) < COUNT
    command.die_after_s = None
    assert command() == 0
    journal, lines = Journal.resume(command.journal)
    journal.close()
    later = answers_given(lines)
    assert later[: len(given)] == given
    assert sorted(answer.question_id for answer in later) == [f"q{n}" for n in range(COUNT)]
    (resumed,) = [line for line in lines if isinstance(line, ResumedLine)]
    budget = resume_budget(lines, 1e4)
    assert budget is not None
    (crashed,) = [row for row in budget.rows if row.reason == "crashed"]
    assert crashed.opened_s + crashed.spent_s == pytest.approx(resumed.at_s)
    assert sum(row.spent_s for row in budget.rows) == pytest.approx(budget.clock_s)


@pytest.mark.parametrize("arms", ["", "@plain", "@{folder}/mixture.json"])
def test_the_journal_becomes_a_trace_whose_replay_is_the_run(
    command: Command, capsys: pytest.CaptureFixture[str], arms: str
) -> None:
    """Live and replayed, each question has its answer, its tokens and its seconds, by any arms."""
    (command.folder / "mixture.json").write_text(json.dumps(MIXTURE))
    policy = "lead:width=3,cap=7,lead=2" + arms.format(folder=command.folder)
    assert command(policy=policy) == 0
    folder = command.folder / "trace"
    profile = str(command.folder / "profile.json")
    assert traces(["from-journal", str(command.journal), str(folder), "--profile", profile]) == 0
    assert traces(["validate", str(folder)]) == 0
    assert traces(["describe", str(folder)]) == 0
    capsys.readouterr()
    from simulations.traces import read_trace  # noqa: PLC0415 - beside its command

    trace = read_trace(folder)
    assert set(trace.samples["arm"]) == (set(ARMS) if "mixture" in arms else {"plain"})
    (pool,) = pools_of([trace])
    streams = Streams(pool, COUNT, Order.LOGGED, Draw.LOGGED, seed=0)
    drawn = [streams.question_of(0, index) for index in streams.questions_of(0)]
    outcomes = replay(
        parse_policy(policy).build(), TimeBudget(200.0, questions=COUNT), PROFILE, drawn
    )
    live = msgspec.json.decode((command.folder / "answers.json").read_bytes())
    assert [outcome.answer for outcome in outcomes] == [answer["answer"] for answer in live]
    assert [outcome.reason for outcome in outcomes] == [answer["reason"] for answer in live]
    for outcome, answer in zip(outcomes, live, strict=True):
        assert outcome.seconds == pytest.approx(answer["seconds"], abs=0.03)
        assert outcome.tokens == pytest.approx(answer["tokens"], rel=0.02)


def test_a_bad_policy_is_said_before_anything_starts(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, no journal."""
    for policy, said in (
        ("lead:width=0", "width must be finite and at least 1"),
        ("lead@nowhere", "policy: the arms are plain, other, judge, not 'nowhere'"),
        ("lead@plain+judge", "policy: arm 'judge' judges answers or builds on samples: a mix"),
    ):
        assert command(policy=policy) == 2
        err = capsys.readouterr().err
        assert len(err.strip().splitlines()) == 1
        assert said in err
    assert not command.journal.exists()


def test_a_second_engine_starts_on_the_same_clock(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start is charged to the stream, the journal names its model, and it ends with the run."""
    second = ScriptedEngine(Model(), PROFILE, start_s=30.0)
    monkeypatch.setattr(solve, "make_second_engine", lambda *_: second)
    assert command() == 0
    journal, lines = Journal.resume(command.journal)
    journal.close()
    header = lines[0]
    assert isinstance(header, JournalHeader)
    assert header.settings["second_model"] == "script"
    answers = answers_given(lines)
    assert answers[0].opened_s >= 30.0
    assert answers[0].granted_s <= 200.0 - 30.0
    assert second.start_number == 1
    assert not second._up
