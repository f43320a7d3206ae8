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
    assert capsys.readouterr().err == "importing log.jsonl: 25%, 40 s left\n"


def test_what_comes_before_the_first_step_is_no_measure_of_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first step after a minute's preparation tells no time left; the later ones do."""
    times = iter([0.0, 60.0, 71.0, 82.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(times))
    with progress.progress("fitting", 600) as report:
        for done in (1, 12, 23):
            report(done)
    assert capsys.readouterr().err.splitlines() == [
        "fitting: 0%",
        "fitting: 2%, 9 min 48 s left",
        "fitting: 4%, 9 min 37 s left",
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
