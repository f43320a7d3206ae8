"""A run's page stands alone, says what the run was, and says nothing twice in different words."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from scheduler import Reason
from simulations.report import streams
from simulations.report.lanes import sample_lanes, seconds_text, stream_lanes, votes_text
from simulations.report.run_page import write_run_report
from simulations.report.run_tables import parts_of
from simulations.runs import Run, share_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    Begin = Callable[..., Any]

COMMAND = "report 'run & co.jsonl'"


@pytest.fixture
def run(begin: Begin) -> Run:
    """A right question that settles and stops, and a wrong one with probes and a tool."""
    journal = begin()
    journal.open(1.0, "first")
    journal.start(1.0, 0, 1, 2, begun_s=1.5)
    journal.end(3.0, 0)
    journal.end(4.0, 1)
    journal.submit(5.0, "7")
    journal.stop(5.0, 2)
    journal.leave(5.2, 2)
    journal.open(6.0, "second", gold="12345678901234")
    journal.start(6.0, 0, 1, begun_s=6.5)
    journal.probe(7.0, 0, "1")
    journal.probe(8.0, 0, "1")
    journal.wait(8.5, 9.0, 1)
    journal.end(10.0, 0, "9")
    journal.fail(10.5, 1)
    journal.fault(10.5, "the engine <stumbled>")
    journal.submit(11.0, "9", Reason.IDLE)
    journal.give(11.1, 9, "second")
    return journal.run


@pytest.fixture
def page(run: Run, tmp_path: Path) -> str:
    """The run's page."""
    path = tmp_path / "run.html"
    write_run_report(run, path, COMMAND)
    assert [*tmp_path.iterdir()] == [path]
    return path.read_text(encoding="utf-8")


def body_of(page: str) -> str:
    """Return the page without its scripts and styles."""
    return re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    """No address is in the page, which forbids all, and two scripts end where they should."""
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?\s*(https?:)?//", body_of(page))
    assert "default-src 'none'" in page
    assert page.count("<script>") == page.count("</script>") == 2


def test_equal_runs_give_equal_bytes(run: Run, page: str, tmp_path: Path) -> None:
    """Nothing of the moment or the machine enters the page."""
    write_run_report(run, tmp_path / "again.html", COMMAND)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_what_happened_can_be_read(page: str) -> None:
    """The sums, the faults escaped, the reasons and the command."""
    assert "the engine &lt;stumbled&gt;" in page
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body_of(page))).split())
    for words in (
        "2 questions: 1 right, 1 wrong. The last came after 11.0 of 20 s; 5 samples",
        "The parts add up to 20.0 s.",
        "Submitted 7 (right) after 4.00 s, since the leader was ahead by the margin",
        "Settled after 3.00 s.",
        "Submitted 9 (right: 12345678901234) after 5.00 s",
        "since nothing ran and nothing was to be started",
        COMMAND,
    ):
        assert words in text
    assert not re.search(r"\b(NaN|nan|None|Undefined)\b", text)


def test_parts_are_shown_in_shares_of_the_whole(run: Run) -> None:
    """They fill the bar, whatever the run."""
    whole = share_out(run).whole
    assert sum(part.width for part in parts_of(whole)) == pytest.approx(100.0, abs=0.05)
    assert sum(float(part.seconds) for part in parts_of(whole)) == pytest.approx(20.0, abs=0.05)


def test_lanes_stand_where_their_times_are(run: Run) -> None:
    """In thousandths of the question's clock: 1 s to 5.2 s, and 6 s to 11 s."""
    first, second = map(sample_lanes, run.questions)
    assert [lane.label for lane in first.lanes] == ["7 ✓", "7 ✓", "stopped"]
    assert [(lane.x, lane.width) for lane in first.lanes] == [
        ("119", "357.1"),
        ("119", "595.2"),
        ("119", "881"),
    ]
    assert first.rules == (("714.3", "settled"), ("952.4", "end"))
    assert first.ticks == ("0.00 s", "2.10 s", "4.20 s")
    assert [lane.label for lane in second.lanes] == ["9", "lost"]
    assert second.lanes[0].marks == "M200 3v9M400 3v9"
    assert second.lanes[1].gaps == "M500 22.5H600"
    assert "Asked 2 times: 1 from 1.00 s." in second.lanes[0].title
    assert "Waited 0.50 s for tools, 1 times." in second.lanes[1].title


def test_the_streams_lanes_lead_to_the_samples(run: Run) -> None:
    """A tick where the vote was settled before the answer; no link where no samples are shown."""
    lanes = stream_lanes(run).lanes
    assert [lane.href for lane in lanes] == ["#q1", "#q2"]
    assert [lane.marks for lane in lanes] == ["M200 3v9", "M500 18v9"]
    assert [lane.href for lane in stream_lanes(run, None).lanes] == ["", ""]


def test_many_different_answers_are_summed_up(begin: Begin) -> None:
    """The most frequent ones are named, the rest counted."""
    journal = begin()
    journal.open(0.0)
    journal.start(0.0, *range(14), begun_s=0.0)
    for sample in range(14):
        journal.end(1.0, sample, str(max(sample, 3)))
    journal.submit(2.0, "3")
    told = votes_text(journal.run.questions[0]).replace("\u00a0", " ")
    assert told.startswith("3 × 4, 4 × 1, 5 × 1, 6 × 1, 7 (right) × 1, ")
    assert told.endswith("10 × 1, 3 other answers × 3")


def test_a_replays_page_carries_samples_up_to_a_limit(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later policies show their questions, and lead nowhere."""
    monkeypatch.setattr(streams, "_MOST_SAMPLES", 9)
    _, (one, two) = streams.streams_shown([run, run])
    assert [len(row.blocks) for row in (one, two)] == [2, 0]
    assert one.lanes.lanes[0].href == f"#{one.blocks[0].anchor}"
    assert two.lanes.lanes[0].href == ""
    assert one.parts == two.parts


def test_seconds_have_the_decimals_they_need() -> None:
    """Two below ten, none from a thousand on."""
    assert [seconds_text(s) for s in (0.0, 9.5, 12.34, 17400.2)] == [
        "0.00 s",
        "9.50 s",
        "12.3 s",
        "17,400 s",
    ]
