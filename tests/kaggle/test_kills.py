"""A process of `predict` that is killed: what was answered stays, and the total is kept."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kills import Aim, Campaign, Kill, Moment, main, play_stream
from scripted_streams import PROFILE, Model, text_of

from engine.clock import boot_id
from engine.journal import Journal
from engine.scripted import Script, ScriptedEngine
from scheduler import BudgetLine, CallerError, GivenLine, TimeBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.kaggle import Predict

    Make = Callable[..., Predict]

COMMAND = Path(__file__).with_name("kills.py")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessPoolExecutor]:
    """A process without threads, so that it may fork; this one has those of other tests."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_a_slice_of_the_campaign(tmp_path: Path) -> None:
    """Twenty kills at random moments: whatever the process was doing, nothing is lost."""
    path = tmp_path / "kills.json"
    words = ("--kills", "20", "--seed", "3", "--json", str(path))
    done = subprocess.run(
        [sys.executable, str(COMMAND), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    campaign = msgspec.json.decode(path.read_bytes(), type=Campaign)
    assert not campaign.has_failed
    assert len(campaign.kills) == 20
    assert len({kill.moment for kill in campaign.kills}) >= 3
    assert campaign.again > 0
    assert "given again" in done.stdout


def test_killed_while_it_loads(elsewhere: ProcessPoolExecutor) -> None:
    """Three processes in a row have no engine yet; the fourth answers what it was asked first."""
    kills, mishaps = elsewhere.submit(play_stream, 1, [Aim.START] * 3).result()
    assert not mishaps
    assert not any(kill.mishaps for kill in kills)
    assert len(kills) == 3
    assert {kill.moment for kill in kills} & {Moment.STARTING, Moment.LOADING}


def test_killed_after_the_total_was_spent(elsewhere: ProcessPoolExecutor) -> None:
    """The next process gives again what was given, and to what is new the fallback at once."""
    kills, mishaps = elsewhere.submit(play_stream, 2, [Aim.SPENT]).result()
    assert not mishaps
    assert [kill.moment for kill in kills] == [Moment.SPENT]
    assert not kills[0].mishaps


def test_what_the_command_says_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Its help has an example; what it cannot take is one line."""
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "kills.py --kills 200 --seed 1 --json kills.json" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["--kills", "0"])
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_mishap_shows() -> None:
    """In the table, and as a failure."""
    kill = Kill(stream=0, at_s=1.0, moment=Moment.CALL, held=2, is_cut=True, mishaps=("lost",))
    campaign = Campaign(
        seed=0,
        streams=1,
        answers=8,
        again=2,
        slowest_again_s=0,
        latest_s=0,
        kills=(kill,),
        mishaps=(),
    )
    assert campaign.has_failed
    assert not msgspec.structs.replace(campaign, kills=()).has_failed
    columns = [list(column.cells) for column in campaign.table().columns]
    assert [column[2] for column in columns] == ["in a call", "1", "2", "1", "1"]


# What a kill may leave, made by hand.


def quick() -> ScriptedEngine:
    """Return an engine whose samples take a fifth of a second."""
    scripts = {f"{n}={n}": [Script(text=text_of(20, str(n)))] for n in (7, 8)}
    return ScriptedEngine(Model(scripts), PROFILE, chunk_tokens=10)


def answer(predict: Predict, name: str, text: str) -> int:
    """Ask."""
    return int(predict(name, text)["answer"].item())


def lines_of(path: Path) -> tuple[Any, ...]:
    """Read a journal."""
    journal, lines = Journal.resume(path)
    journal.close()
    return lines


def begun(make: Make, path: Path) -> None:
    """Let a first process answer a question."""
    first = make(quick(), journal=path)
    assert answer(first, "a", "7=7") == 7
    first.close()


def test_an_empty_journal_begins_a_stream(make: Make, tmp_path: Path) -> None:
    """The process was killed between making the file and writing its first line."""
    path = tmp_path / "run.jsonl"
    path.touch()
    begun(make, path)
    assert [line.answer for line in lines_of(path) if isinstance(line, GivenLine)] == [7]


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_line_that_was_cut_is_cut_off(make: Make, tmp_path: Path, kept: int) -> None:
    """The answer that stands before it stays; the cut one was received by nobody."""
    path = tmp_path / "run.jsonl"
    begun(make, path)
    raw = path.read_bytes()
    given = raw.splitlines()[-1].replace(b'"a"', b'"b"').replace(b"7=7", b"8=8")
    path.write_bytes(raw + given[:kept])
    engine = quick()
    second = make(engine, journal=path)
    assert answer(second, "a", "7=7") == 7
    assert engine.generated == 0
    assert answer(second, "b", "8=8") == 8
    second.close()
    lines = lines_of(path)
    assert [line.question_id for line in lines if isinstance(line, GivenLine)] == ["a", "a", "b"]


def test_a_second_writer_is_refused(make: Make, tmp_path: Path) -> None:
    """In one line that names the file; the first process goes on undisturbed."""
    path = tmp_path / "run.jsonl"
    first = make(quick(), journal=path)
    with pytest.raises(CallerError, match="is being written by another journal") as refused:
        make(quick(), journal=path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert answer(first, "a", "7=7") == 7


def set_calendar(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Let the calendar be ahead, or behind."""
    ahead = timedelta(hours=hours)
    calendar = SimpleNamespace(now=lambda zone: datetime.now(zone) + ahead)
    monkeypatch.setattr("engine.clock.datetime", calendar)
    clock = SimpleNamespace(time=lambda: time.time() + ahead.total_seconds())
    monkeypatch.setattr("engine.kaggle.predict.time", clock)


@pytest.mark.skipif(boot_id() is None, reason="this machine's boots have no names")
@pytest.mark.parametrize("hours", [-1.0, 1.0])
def test_setting_the_calendar_changes_nothing(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    """On the same boot the second process goes on by the steady clock."""
    path = tmp_path / "run.jsonl"
    began_s = time.monotonic()
    begun(make, path)
    set_calendar(monkeypatch, hours)
    second = make(quick(), journal=path, began=time.time())
    assert answer(second, "b", "8=8") == 8
    second.close()
    given = [line.at_s for line in lines_of(path) if isinstance(line, GivenLine)]
    assert given[0] < given[1] <= time.monotonic() - began_s


@pytest.mark.parametrize("hours", [-1.0, 0.0, 1.0])
def test_after_a_reboot_the_calendar_counts(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    """Set back, the clock goes on from what it showed; set ahead, the total is over."""
    path = tmp_path / "run.jsonl"
    begun(make, path)
    set_calendar(monkeypatch, hours)
    monkeypatch.setattr("engine.clock.boot_id", lambda: "another boot")
    began_s = time.monotonic()
    second = make(quick(), journal=path, fallback=3)
    assert answer(second, "a", "7=7") == 7
    assert answer(second, "b", "8=8") == (3 if hours > 0.0 else 8)
    assert time.monotonic() - began_s < 15.0
    second.close()
    lines = lines_of(path)
    given = [line.at_s for line in lines if isinstance(line, GivenLine)]
    assert given == sorted(given)
    ledger = [line for line in lines if isinstance(line, BudgetLine)][-1]
    rows = TimeBudget.resume(bytes(ledger.saved), ledger.at_s).rows
    granted_s = {row.question_id: row.granted_s for row in rows}
    assert bool(granted_s.get("b")) is (hours <= 0.0)


def test_a_question_that_is_asked_again_is_no_further_one(make: Make, tmp_path: Path) -> None:
    """The process died in its midst: as many as were still to come are planned with."""
    path = tmp_path / "run.jsonl"
    begun(make, path)
    raw = path.read_bytes()
    last = next(at for at, line in enumerate(raw.splitlines()) if b'"kind":"budget"' in line)
    path.write_bytes(b"".join(raw.splitlines(keepends=True)[: last + 1]))
    second = make(quick(), journal=path)
    assert answer(second, "a", "7=7") == 7
    second.close()
    saved = [line.saved for line in lines_of(path) if isinstance(line, BudgetLine)]
    low, high, seen = (msgspec.json.decode(saved[-1])[name] for name in ("low", "high", "seen"))
    assert (low - seen, high - seen) == (2, 2)
