"""The command: a whole run on an engine that pretends, from the file to the submission."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from scripted_streams import BoxParser

from engine.journal import Journal
from engine.kaggle import command
from engine.kaggle.gateway import run_gateway
from engine.options import Kind
from engine.resume import resume_budget
from engine.vllm.server import ServerEngine
from scheduler import BudgetLine, GivenLine, JournalHeader, ResumedLine, TimeBudget
from scheduler.latency import decode_profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scheduler import JournalLine

IDS = ["0a", "1b", "2c", "3d"]
QUICK = "lead:width=4,cap=8,lead=3"


class Made(Exception):  # noqa: N818 - no error
    """Ends the command where it would start an engine."""


class Command:
    """The command in a folder of its own, on a file of four questions.

    Args:
        folder: Empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.csv = folder / "reference.csv"
        self.csv.write_text(
            "id,problem,answer\n"
            + "".join(f"{name},What is {n} of ten?,{n + 10}\n" for n, name in enumerate(IDS))
        )
        self.journal = folder / "run.jsonl"
        self.submission = folder / "submission.parquet"
        self.json = folder / "answers.json"

    def words(self, *more: str) -> list[str]:
        """Return the words that are typed."""
        given = {"--csv": self.csv, "--engine": "scripted", "--out": self.journal}
        given |= {"--submission": self.submission, "--json": self.json, "--policy": QUICK}
        return [*(str(word) for option in given.items() for word in option), *more]

    def __call__(self, *more: str) -> int:
        """Run it."""
        return command.main(self.words(*more))

    def lines(self) -> Sequence[JournalLine]:
        """Read the journal."""
        journal, lines = Journal.resume(self.journal)
        journal.close()
        return lines

    def given(self) -> list[GivenLine]:
        """Read from the journal what was handed over."""
        return [line for line in self.lines() if isinstance(line, GivenLine)]

    def answers(self) -> Any:  # noqa: ANN401 - as JSON has it
        """Read what was told of the answers."""
        return json.loads(self.json.read_bytes())

    def submitted(self) -> pl.DataFrame:
        """Read the submission."""
        return pl.read_parquet(self.submission)


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, made quick: samples are short, and the real parser loads sympy for seconds."""
    monkeypatch.setattr("engine.kaggle.predict.AnswerParser", lambda _: BoxParser())
    monkeypatch.setattr("engine.kaggle.pretend._LENGTH_TOKENS", 50.0)
    return Command(tmp_path)


def ledger(lines: Sequence[JournalLine]) -> TimeBudget:
    """Return the ledger as the journal has it first."""
    first = next(line for line in lines if isinstance(line, BudgetLine))
    return TimeBudget.resume(bytes(first.saved), 1e4)


def test_a_run_ends_in_a_submission(kaggle: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Journal, submission, table and JSON say the same of each question."""
    assert kaggle() == 0
    said = capsys.readouterr()
    answers = kaggle.answers()
    rows = answers["answers"]
    assert [row["question_id"] for row in rows] == IDS
    assert [row["gold"] for row in rows] == ["10", "11", "12", "13"]
    assert [row["answer"] for row in rows] == [str(line.answer) for line in kaggle.given()]
    assert kaggle.submitted().rows() == [(row["question_id"], int(row["answer"])) for row in rows]
    right = sum(row["answer"] == row["gold"] for row in rows)
    assert (answers["right"], answers["known"]) == (right, 4)
    assert answers["seconds"] == pytest.approx(sum(row["seconds"] for row in rows))
    assert 16_900.0 < answers["left_s"] < 17_400.0 * 0.98
    assert f"{right} right" in said.out
    assert "s were left" in said.out
    for path in (kaggle.journal, kaggle.submission, kaggle.json):
        assert f"wrote {path}\n" in said.err
    header = kaggle.lines()[0]
    assert isinstance(header, JournalHeader)
    assert (header.policy, header.total_s, header.answers) == (QUICK, 17_400.0, "integer")


def test_the_second_time_the_same_is_answered_at_once(kaggle: Command) -> None:
    """AIMO 3 asks all questions twice, here in two orders; two thousand seconds are plenty."""
    assert kaggle("--twice", "--shuffle", "3", "--total-s", "2000", "--reserve-s", "100") == 0
    rows = kaggle.answers()["answers"]
    first, second = rows[:4], rows[4:]
    assert [row["question_id"] for row in first] != IDS
    assert {row["question_id"]: row["answer"] for row in first} == {
        row["question_id"]: row["answer"] for row in second
    }
    assert len({row["question_id"] for row in second}) == 4
    assert max(row["seconds"] for row in second) < min(row["seconds"] for row in first)
    assert kaggle.submitted().height == 8
    assert ledger(kaggle.lines()).seen == 1
    assert kaggle.answers()["left_s"] < 1900.0


def test_a_second_start_goes_on(kaggle: Command) -> None:
    """After Ctrl-C the same command keeps the answers given, the clock and the ledger.

    This one runs as a program of its own, with the real parser.
    """
    # Started in the background, a program may have been told to pass over the signal.
    program = "import signal, sys; from engine.kaggle.command import main; "
    program += "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    slow = "self-consistency:k=64"
    words = [sys.executable, "-c", program, *kaggle.words("--policy", slow)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_until_given(kaggle.journal, process)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30.0)
        finally:
            process.kill()
    assert process.returncode == 1
    assert f"stopped; the same command goes on from {kaggle.journal}\n" in said
    assert not kaggle.submission.exists()
    before = kaggle.given()
    assert 0 < len(before) < 4
    assert kaggle("--policy", slow) == 0
    given = kaggle.given()
    assert given[: len(before)] == before
    assert [line.question_id for line in given[len(before) :]] == IDS
    assert [line.answer for line in given[len(before) :]][: len(before)] == [
        line.answer for line in before
    ]
    assert kaggle.submitted()["answer"].to_list() == [line.answer for line in given[-4:]]
    assert sum(isinstance(line, ResumedLine) for line in kaggle.lines()) == 1
    budget = resume_budget(kaggle.lines(), 1e4)
    assert budget is not None
    assert [row.reason for row in budget.rows].count("crashed") <= 1


def _wait_until_given(journal: Path, process: subprocess.Popen[str]) -> None:
    by_s = time.monotonic() + 60.0
    while not (journal.exists() and b'"kind":"given"' in journal.read_bytes()):
        assert process.poll() is None
        assert time.monotonic() < by_s
        time.sleep(0.01)


def test_a_run_that_the_gateway_ends_keeps_its_journal(
    kaggle: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, exit code 1, no submission; here since the function has another name."""

    def run(predict: Any, *more: Any, **options: Any) -> Any:  # noqa: ANN401 - handed through
        def solve(*sent: object) -> object:
            return predict(*sent)

        return run_gateway(solve, *more, **options)

    monkeypatch.setattr(command, "run_gateway", run)
    assert kaggle() == 1
    said = capsys.readouterr()
    assert "error: refused at the start: the function must be named predict" in said.err
    assert f"wrote {kaggle.journal}\n" in said.err
    assert not kaggle.submission.exists()
    assert isinstance(kaggle.lines()[0], JournalHeader)


def test_the_engine_ends_with_a_run_that_is_stopped(
    kaggle: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first question, too: the journal is free for the next start."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "run_gateway", stop)
        assert kaggle() == 1
        assert "the same command goes on" in capsys.readouterr().err
    assert kaggle() == 0


def test_the_dry_run_tells_what_the_gateway_costs(
    kaggle: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sleep is taken off; no journal and no submission are written."""
    words = ("--csv", str(kaggle.csv), "--json", str(kaggle.json), "--dry-run", "--twice")
    assert command.main([*words, "--sleep", "0.1"]) == 0
    said = capsys.readouterr()
    cost = kaggle.answers()
    assert cost["calls"] == 8
    assert 0.0 <= cost["min_ms"] <= cost["median_ms"] <= cost["p99_ms"] <= cost["max_ms"]
    assert cost["median_ms"] < 50.0
    assert "what the gateway costs a call" in said.out
    assert said.err == f"wrote {kaggle.json}\n"
    assert sorted(kaggle.folder.iterdir()) == sorted([kaggle.csv, kaggle.json])


def test_ctrl_c_in_a_dry_run_leaves_nothing_to_go_on_from(
    kaggle: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it says no more than that it stopped."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_gateway", stop)
    assert command.main(["--csv", str(kaggle.csv), "--dry-run"]) == 1
    assert capsys.readouterr().err == "stopped\n"


def test_answers_are_those_of_the_contest(kaggle: Command) -> None:
    """AIMO 2 asks modulo 1000 and has no gold answers here; the fallback is a number of ours."""
    kaggle.csv.write_text("id,question\n1,What is one?\n2,What is two?\n3,What is  one?\n")
    words = ("--policy", "null", "--fallback", "37")
    assert kaggle("--gateway", "aimo2", *words) == 0
    header = kaggle.lines()[0]
    assert isinstance(header, JournalHeader)
    assert header.answers == "integer-mod-1000"
    answers = kaggle.answers()
    assert [row["gold"] for row in answers["answers"]] == [None] * 3
    assert answers["known"] == 0
    assert kaggle.submitted().rows() == [(1, 37), (2, 37), (3, 37)]


def test_the_gateway_waits_for_predict_from_the_commands_start(
    kaggle: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a `predict` that is slow to make loses the run here too."""
    waits_since: list[float] = []

    def run(*_: object, began_s: float, **__: object) -> None:
        waits_since.append(began_s)
        raise Made

    monkeypatch.setattr(command, "run_gateway", run)
    before_s = time.perf_counter()
    with pytest.raises(Made):
        kaggle()
    assert before_s <= waits_since[0] < time.perf_counter()


@pytest.mark.parametrize(
    ("told", "expected"),
    [(None, 2), ("50", 50), ("3-9", (3, 9)), ("unknown", None)],
)
def test_predict_is_told_how_many_questions_come(
    kaggle: Command, monkeypatch: pytest.MonkeyPatch, told: str | None, expected: object
) -> None:
    """By default as many as the file has; a text that comes again does not count."""
    kaggle.csv.write_text("id,problem\n1,What is one?\n2,What is two?\n3,What is  one?\n")
    told_by: list[object] = []

    def make_predict(*words: object, **_: object) -> None:
        told_by.append(words[3])
        raise Made

    monkeypatch.setattr(command, "make_predict", make_predict)
    with pytest.raises(Made):
        kaggle(*(() if told is None else ("--questions", told)))
    assert told_by == [expected]


def test_other_engines_are_made_as_the_other_commands_make_them(
    kaggle: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Model, address, arms and profile reach `predict`; the profile is not measured then."""
    seen: dict[str, Any] = {}

    def make_predict(engine: object, *_: object, **more: object) -> None:
        seen.update(more, engine=engine)
        raise Made

    monkeypatch.setattr(command, "make_predict", make_predict)
    profile = kaggle.folder / "profile.json"
    profile.write_text('{"name": "ours", "decode": {"width": [1], "step_s": [0.01]}}')
    arms = kaggle.folder / "arms.toml"
    message = 'messages = [{ role = "user", content = "{question}" }]'
    arms.write_text(f"[one]\n{message}\n\n[two]\n{message}\n")
    words = ("--engine", Kind.SERVER, "--address", "http://a:1", "--profile", str(profile))
    with pytest.raises(Made):
        kaggle(*words, "--arms", str(arms), "--arm", "two", "--max-tokens", "9", "--logprobs", "0")
    assert isinstance(seen["engine"], ServerEngine)
    assert seen["profile"] == decode_profile(profile.read_bytes())
    assert [*seen["arms"]] == ["two", "one"]
    assert seen["arms"]["two"].max_tokens == 9
    assert (seen["logprobs"], seen["cap_s"], seen["reserve_s"]) == (0, 1740.0, None)
    with pytest.raises(Made):
        kaggle("--engine", "inprocess", "--model", "m")
    assert seen["profile"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--csv", "none.csv"), "error: none.csv: cannot be read"),
        (("--policy", "cl4mp"), "error: unknown policy 'cl4mp': did you mean 'clamp'?"),
        (("--questions", "many"), "error: --questions: must be N, LO-HI or unknown, got 'many'"),
        (("--questions", "0"), "error: questions must be at least 1"),
        (("--questions", "5-3"), "error: questions must be at least 1 and ascend"),
        (("--total-s", "0"), "error: total_s must be above 0"),
        (("--reserve-s", "99999"), "error: reserve_s must be at most total_s"),
        (("--fallback", "100000"), "error: fallback must lie from 0 to 99999"),
        (("--arm", "x"), "not 'x'"),
        (("--profile", "none.json"), "none.json"),
        (("--address", "http://a:1"), "error: --address: is not for --engine scripted"),
        (("--engine", "inprocess"), "error: --model: is needed without --address"),
    ],
)
def test_bad_input_is_one_line(
    kaggle: Command, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """It names the option or the file; nothing was started or written."""
    assert kaggle(*words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert list(kaggle.folder.iterdir()) == [kaggle.csv]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "error: --out: is needed without --dry-run"),
        (("--out", "run.jsonl", "--sleep", "1"), "error: --sleep: is for --dry-run"),
        (("--out", "none/run.jsonl"), "must be a file in a folder that exists"),
        (("--dry-run", "--answers", "any"), "invalid choice: 'any'"),
        (("--dry-run", "--sleep", "soon"), "must be a number of seconds"),
        (("--dry-run", "--shuffle", "-1"), "must be a whole number from 0"),
    ],
)
def test_bad_options_are_one_line(
    kaggle: Command, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """The parser says them before the file is read."""
    with pytest.raises(SystemExit) as left:
        command.main(["--csv", str(kaggle.csv), *words])
    assert left.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("name", ["questions.jsonl", "test.csv"])
def test_questions_that_are_no_csv_are_told_from_one(
    kaggle: Command, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """JSON lines, whatever the file is called: one line says what is wanted, and who takes them."""
    path = kaggle.folder / name
    path.write_text('{"question_id": "a", "question": "What is one?", "gold": "1"}\n')
    assert kaggle("--csv", str(path)) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {path}: must be CSV with the columns id, problem (or question)")
    assert "engine.solve" in told
    assert told.count("\n") == 1


def test_a_run_gone_on_with_after_its_total_says_that_no_time_was_left(
    kaggle: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers given are given again, however late; seconds left are never below none."""
    assert kaggle("--total-s", "8", "--reserve-s", "1") == 0
    assert "s were left" in capsys.readouterr().out
    time.sleep(max(0.0, kaggle.answers()["left_s"]) + 0.5)
    before = [row["answer"] for row in kaggle.answers()["answers"]]
    assert kaggle("--total-s", "8", "--reserve-s", "1") == 0
    assert [row["answer"] for row in kaggle.answers()["answers"]] == before
    assert kaggle.answers()["left_s"] == 0.0
    assert "no time was left" in capsys.readouterr().out


def test_a_journal_of_another_run_is_left_alone(
    kaggle: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another rule does not go on with it."""
    assert kaggle() == 0
    before = kaggle.journal.read_bytes()
    capsys.readouterr()
    assert kaggle("--policy", "clamp") == 2
    assert "was begun with policy" in capsys.readouterr().err
    assert kaggle.journal.read_bytes() == before


def test_a_damaged_profile_is_named(kaggle: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """The file and the field."""
    profile = kaggle.folder / "profile.json"
    profile.write_text('{"name": "ours"}')
    assert kaggle("--profile", str(profile)) == 2
    assert f"error: {profile}: " in capsys.readouterr().err


def test_the_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    """Each example is a command of this program that its own parser takes."""
    with pytest.raises(SystemExit) as left:
        command.main(["--help"])
    assert left.value.code == 0
    told = capsys.readouterr().out.replace("\\\n", " ")
    examples = [line.split() for line in told.splitlines() if "python -m engine.kaggle --" in line]
    assert len(examples) == 4
    for words in examples:
        options = command._parser().parse_args(words[3:])
        assert options.csv is not None
