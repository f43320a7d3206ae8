"""The clock of a live stream goes on in a second process, whatever the calendar says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.clock import StreamClock, boot_id
from engine.resume import resume_clock
from scheduler import EngineLine, FaultLine, JournalHeader, ResumedLine


def now() -> datetime:
    """Read the calendar."""
    return datetime.now(UTC)


def test_it_begins_at_zero_or_earlier() -> None:
    """A stream begins now, at a moment of the calendar, or so many seconds ago."""
    assert StreamClock()() == pytest.approx(0.0, abs=0.5)
    assert StreamClock(now() - timedelta(seconds=40))() == pytest.approx(40.0, abs=0.5)
    assert StreamClock.since(30.0)() == pytest.approx(30.0, abs=0.5)


@pytest.mark.parametrize("set_by_h", [-5.0, 0.0, 5.0])
def test_on_the_same_boot_the_steady_clock_counts(set_by_h: float) -> None:
    """A calendar that was set meanwhile changes nothing."""
    first = StreamClock.since(100.0)
    shown = first.began + timedelta(hours=set_by_h)
    second = StreamClock.resume(shown, at_least_s=0.0, boot=boot_id(), zero_s=first.zero_s)
    assert second() == pytest.approx(first(), abs=0.1 if boot_id() else 1e6)


def test_on_another_boot_the_calendar_counts() -> None:
    """The steady clock began anew; an old journal knows none."""
    for boot, zero_s in (("another", 5.0), (None, None)):
        clock = StreamClock.resume(
            now() - timedelta(seconds=60), at_least_s=0.0, boot=boot, zero_s=zero_s
        )
        assert clock() == pytest.approx(60.0, abs=0.5)


def test_it_never_goes_back() -> None:
    """What it has shown already is the least that it shows."""
    clock = StreamClock.resume(now() + timedelta(hours=1), at_least_s=70.0, boot=None, zero_s=None)
    assert clock() == pytest.approx(70.0, abs=0.5)


@pytest.mark.parametrize(
    "line",
    [
        ResumedLine(at_s=70.0, created=""),
        EngineLine(at_s=70.0, model="m", engine="e", profile="p"),
        FaultLine(at_s=70.0, message="m"),
    ],
)
def test_whatever_line_a_journal_ends_with_counts_as_shown(
    line: ResumedLine | EngineLine | FaultLine,
) -> None:
    """Also where a second process was killed before its first question, and the machine booted."""
    header = JournalHeader(
        created=(now() + timedelta(hours=1)).isoformat(),
        **dict.fromkeys(("command", "model", "engine", "answers"), ""),
    )
    assert resume_clock((header, line))() == pytest.approx(70.0, abs=0.5)
