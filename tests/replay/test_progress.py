"""Long work says how far it is, where nothing else is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terminal import progress

if TYPE_CHECKING:
    import pytest


def test_long_work_tells_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal, progress is a plain line every ten seconds with the time left."""
    times = iter([0.0, 4.0, 12.0, 13.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(times))
    with progress.progress("importing log.jsonl", 100) as report:
        for done in (10, 25, 50):
            report(done)
    assert capsys.readouterr().err == "importing log.jsonl: 25%, 36 s left\n"


def test_hours_are_told_as_hours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The more roughly the longer; seconds and minutes too."""
    times = iter([0.0, 10.0, 20.0, 140.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(times))
    with progress.progress("fitting", 1000) as report:
        for done in (1, 25, 950):
            report(done)
    assert capsys.readouterr().err.splitlines() == [
        "fitting: 0%, 2 h 46 min left",
        "fitting: 2%, 13 min 00 s left",
        "fitting: 95%, 7.4 s left",
    ]


def test_terminal_gets_a_bar_that_goes_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal there is a bar, on stderr alone."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.progress("importing log.jsonl", 100) as report:
        report(10)
    said = capsys.readouterr()
    assert "importing log.jsonl" in said.err
    assert not said.out
