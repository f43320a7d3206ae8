"""A journal survives kills, full disks and second writers, and a second process goes on with it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from loguru import logger

from engine.journal import Journal
from engine.resume import answers_given, resume_budget, samples_done
from scheduler import (
    ActionLine,
    BudgetLine,
    CallerError,
    EventLine,
    FinishReason,
    JournalHeader,
    QuestionLine,
    QuestionOpened,
    Reason,
    ResumedLine,
    SampleFailed,
    SampleFinished,
    SampleStarted,
    SubmitAnswer,
    TextLine,
    TimeBudget,
    encode_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scheduler import JournalLine

ROOT = Path(__file__).parents[2]
HEADER = JournalHeader(created="now", command="test", model="m", engine="none", answers="integer")


def text(sample: int, words: str = "some words") -> TextLine:
    """Return a line that is told apart by its number."""
    return TextLine(position=0, sample=sample, text=words)


def ledger(budget: TimeBudget, at_s: float) -> BudgetLine:
    """Return the ledger's line."""
    return BudgetLine(at_s=at_s, saved=msgspec.Raw(budget.save()))


def question(position: int, name: str, samples: int) -> Iterator[JournalLine]:
    """Return what is told of one question whose samples all end; the last one fails."""
    yield QuestionLine(position=position, question_id=name, gold="7")
    yield EventLine(event=QuestionOpened(at_s=1.0 + position, question_id=name), position=position)
    for sample in range(samples):
        where = {"at_s": 2.0 + position, "position": position, "sample": sample}
        yield EventLine(event=SampleStarted(**where))
        if sample == samples - 1:
            yield EventLine(event=SampleFailed(**where, message="lost ✗"))
        else:
            yield EventLine(event=SampleFinished(**where, answer="7", tokens=9))
    answer = SubmitAnswer(answer="7", reason=Reason.CAP, numbers={"left_s": inf})
    yield ActionLine(at_s=3.0 + position, position=position, action=answer)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "run.jsonl"


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What was logged."""
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]), format="{message}")
    yield told
    logger.remove(sink)


def written(path: Path) -> tuple[JournalLine, ...]:
    """Read a journal as a second process would."""
    journal, lines = Journal.resume(path)
    journal.close()
    return lines


def test_what_was_written_comes_back(path: Path) -> None:
    """The lines are there before the journal is closed, in their order."""
    journal = Journal.create(path, HEADER)
    for sample in range(3):
        journal.write(text(sample))
    raw = b"".join(encode_line(line) + b"\n" for line in (HEADER, *map(text, range(3))))
    assert path.read_bytes() == raw
    journal.close()
    assert written(path) == (HEADER, text(0), text(1), text(2))


def test_a_kill_at_any_byte_loses_at_most_the_last_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut anywhere, a journal of 50 lines keeps its whole lines and takes new ones."""
    monkeypatch.setattr("engine.journal.os.fsync", lambda _: None)  # thousands would take long
    lines = (HEADER, *question(0, "q0", 10), *question(1, "q1", 11))
    assert len(lines) >= 48
    raw = b"".join(encode_line(line) + b"\n" for line in lines)
    first = raw.index(b"\n") + 1
    for cut in range(first, len(raw) + 1):
        path.write_bytes(raw[:cut])
        journal, kept = Journal.resume(path)
        assert kept == lines[: raw[:cut].count(b"\n")]
        journal.write(text(cut))
        journal.close()
        assert (
            path.read_bytes() == raw[: raw[:cut].rfind(b"\n") + 1] + encode_line(text(cut)) + b"\n"
        )


def test_a_journal_without_its_whole_header_is_left_alone(path: Path) -> None:
    """What never became a journal, or is none at all, is refused and not cut."""
    for raw in (b"", encode_line(HEADER), b"a picture", encode_line(text(0)) + b"\n{"):
        path.write_bytes(raw)
        with pytest.raises(CallerError, match=f"{path}: does not begin with a journal's header"):
            Journal.resume(path)
        assert path.read_bytes() == raw


def test_a_broken_line_in_the_middle_is_named(path: Path) -> None:
    """Only the last line may be broken: another one is damage, which is told and left alone."""
    raw = encode_line(HEADER) + b"\n" + b'{"kind":"te\n' + encode_line(text(1)) + b"\n"
    path.write_bytes(raw)
    with pytest.raises(CallerError, match=f"{path} line 2: not a line of a journal"):
        Journal.resume(path)
    assert path.read_bytes() == raw


def test_an_earlier_journal_is_not_overwritten(path: Path) -> None:
    """A file that holds something is refused; an empty one is taken."""
    path.write_bytes(b"")
    Journal.create(path, HEADER).close()
    size = path.stat().st_size
    with pytest.raises(CallerError, match=f"{path}: must be new or empty, holds {size} bytes"):
        Journal.create(path, HEADER)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    """Neither creating nor resuming raises anything but the one line."""
    nowhere = tmp_path / "nowhere" / "run.jsonl"
    with pytest.raises(CallerError, match=f"{nowhere}: cannot be opened: No such file"):
        Journal.create(nowhere, HEADER)
    with pytest.raises(CallerError, match=f"{nowhere}: cannot be opened: No such file"):
        Journal.resume(nowhere)


def test_a_second_writer_is_refused(path: Path) -> None:
    """One writer a file, whether it begins or resumes; after its end the next may come."""
    journal = Journal.create(path, HEADER)
    for second in (lambda: Journal.create(path, HEADER), lambda: Journal.resume(path)):
        with pytest.raises(CallerError, match=f"{path}: is being written by another journal"):
            second()
    journal.close()
    assert written(path) == (HEADER,)


def test_a_forked_child_that_outlives_us_locks_nobody_out(path: Path) -> None:
    """A child holds no lock of its parent's journal, which an orphan would never give back."""
    journal = Journal.create(path, HEADER)
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        os.write(told, b"!")
        signal.pause()
    os.read(ready, 1)
    try:
        journal.close()
        assert written(path) == (HEADER,)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(told)


def test_a_closed_journal_takes_nothing(path: Path) -> None:
    """A line after the end is the caller's fault; a second close is none."""
    journal = Journal.create(path, HEADER)
    journal.close()
    journal.close()
    with pytest.raises(CallerError, match="is closed"):
        journal.write(text(0))


def fail(monkeypatch: pytest.MonkeyPatch, write: Callable[[int, bytes], int]) -> None:
    """Put a failing disk under the journal."""
    monkeypatch.setattr("engine.journal.os.write", write)


def full_disk(_: int, __: bytes) -> int:
    """Refuse, as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_lines_wait_while_the_disk_is_full(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage is said once, as is its end; a half-written line is finished, none is lost."""
    real, room = os.write, 30

    def nearly_full(descriptor: int, raw: bytes) -> int:
        nonlocal room
        if not room:
            return full_disk(descriptor, raw)
        taken = real(descriptor, bytes(raw[:room]))
        room -= taken
        return taken

    journal = Journal.create(path, HEADER)
    fail(monkeypatch, nearly_full)
    for sample in range(3):
        journal.write(text(sample))
    assert path.read_bytes() == encode_line(HEADER) + b"\n" + encode_line(text(0))[:30]
    assert said == [f"journal {path}: No space left on device; 1 lines wait"]
    monkeypatch.undo()
    journal.write(text(3))
    assert said[1:] == [f"journal {path}: writes again, 4 lines caught up"]
    journal.write(text(4))
    journal.close()
    assert len(said) == 2
    assert written(path) == (HEADER, *map(text, range(5)))


def test_a_close_tells_what_is_lost(
    path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that never found room are counted at the end, without an exception."""
    journal = Journal.create(path, HEADER)
    fail(monkeypatch, full_disk)
    journal.write(text(0))
    journal.write(text(1))
    journal.close()
    assert said[1:] == [f"journal {path}: 2 lines are lost"]
    monkeypatch.undo()
    assert written(path) == (HEADER,)


def test_the_ledger_is_forced_to_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a ledger pays for that, and one that had to wait pays when it is written."""
    forced: list[int] = []
    monkeypatch.setattr("engine.journal.os.fsync", forced.append)
    journal = Journal.create(path, HEADER)
    journal.write(text(0))
    assert not forced
    budget = TimeBudget(10.0, questions=1)
    journal.write(ledger(budget, 0.0))
    assert len(forced) == 1
    with monkeypatch.context() as outage:
        fail(outage, full_disk)
        journal.write(ledger(budget, 0.0))
    assert len(forced) == 1
    journal.write(text(1))
    assert len(forced) == 2


WRITER = """
import sys
from pathlib import Path
from engine.journal import Journal
from scheduler import JournalHeader, TextLine
header = JournalHeader(created="now", command="test", model="m", engine="none", answers="integer")
journal = Journal.create(Path(sys.argv[1]), header)
for sample in range(10**9):
    journal.write(TextLine(position=0, sample=sample, text="words " * (sample % 97)))
    print(sample, flush=True)
"""


@pytest.mark.parametrize("after_s", [0.02, 0.11, 0.23])
def test_a_killed_process_loses_nothing_it_wrote(path: Path, after_s: float) -> None:
    """After SIGKILL at a random moment every line that was told as written is there, in order."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(after_s)
        writer.kill()
        told = int((first + writer.stdout.read()).splitlines()[-1])
    _, *lines = written(path)
    samples = [line.sample for line in lines if isinstance(line, TextLine)]
    assert samples == list(range(len(lines)))
    assert len(samples) in {told + 1, told + 2}


# Going on.


def test_the_ledger_goes_on(path: Path) -> None:
    """The newest ledger counts; the question open at the crash pays for the time lost."""
    budget = TimeBudget(100.0, questions=3)
    journal = Journal.create(path, HEADER)
    assert resume_budget((HEADER,), 0.0) is None
    budget.open("q0", 1.0)
    journal.write(ledger(budget, 1.0))
    budget.close(4.0, Reason.CAP)
    journal.write(ledger(budget, 4.0))
    budget.open("q1", 5.0)
    journal.write(ledger(budget, 5.0))
    journal.close()
    resumed = resume_budget(written(path), 25.0)
    assert resumed is not None
    assert [(row.question_id, row.spent_s) for row in resumed.rows] == [
        (None, 1.0),
        ("q0", 3.0),
        (None, 1.0),
        ("q1", 20.0),
    ]


def test_answers_and_samples_are_found_again() -> None:
    """Submitted answers by place, finished samples by question; failed and stopped ones not."""
    stopped = SampleFinished(
        at_s=9.0, position=1, sample=5, answer=None, tokens=4, finish_reason=FinishReason.STOPPED
    )
    lines = (
        HEADER,
        *question(0, "q0", 3),
        *question(1, "q1", 1),
        EventLine(event=stopped),
        ResumedLine(at_s=10.0, created="later"),
        EventLine(event=SampleFinished(at_s=11.0, position=1, sample=0, answer=None, tokens=8)),
    )
    assert [(a.question_id, a.answer) for a in answers_given(lines)] == [("q0", "7"), ("q1", "7")]
    assert samples_done(lines) == {"q0": {0, 1}, "q1": {0}}


def test_an_answer_to_no_question_is_refused() -> None:
    """A journal that lacks a question is damaged, and says which."""
    lines = list(question(4, "q4", 1))[-1:]
    with pytest.raises(CallerError, match="opens no question at position 4"):
        answers_given(lines)
