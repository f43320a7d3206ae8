"""`python -m simulations.report`: told apart by content, and one clear line for what is wrong."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from scheduler import EventLine, JournalHeader, QuestionLine, QuestionOpened, encode_line
from simulations.report import write_report
from simulations.report.cli import main
from simulations.results import encode_results

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulations.results import Results

HEADER = JournalHeader(
    created="", command="run", model="m", engine="e", policy="share", answers="any"
)
OPENED = (
    QuestionLine(position=0, question_id="<b>q1</b>", gold="7"),
    EventLine(event=QuestionOpened(at_s=1.0, question_id="<b>q1</b>"), position=0),
)


def test_results_make_the_page_that_replay_makes(
    tmp_path: Path, results_of: Callable[..., Results]
) -> None:
    """The same figures in the same words; only the command differs, and no stream is shown."""
    source, page, direct = (tmp_path / name for name in ("results.json", "a.html", "b.html"))
    source.write_bytes(encode_results(results_of()))
    assert main([str(source), "--html", str(page)]) == 0
    command = f"python -m simulations.report {source} --html {page}"
    write_report(results_of(), direct, command)
    assert page.read_bytes() == direct.read_bytes()


def test_a_journal_makes_a_page_beside_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plain or gzip, even of one question that nothing ever answered; names stay text."""
    raw = b"".join(encode_line(line) + b"\n" for line in (HEADER, *OPENED))
    for name, content in (("run.jsonl", raw), ("run.jsonl.gz", gzip.compress(raw))):
        source = tmp_path / name
        source.write_bytes(content)
        assert main([str(source)]) == 0
        page = source.with_suffix(".html")
        text = page.read_text(encoding="utf-8")
        assert "&lt;b&gt;q1&lt;/b&gt;" in text
        assert "<b>q1</b>" not in text
        said = capsys.readouterr()
        assert said.out.startswith("1 question: 1 without an answer.")
        assert said.err == f"wrote {page}\n"


def test_bad_input_is_one_line(
    tmp_path: Path, results_of: Callable[..., Results], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing there, nothing in it, prose, another JSON, another version, a broken line."""
    results = encode_results(results_of())
    header = encode_line(HEADER) + b"\n"
    source = tmp_path / "source"
    for content, message in (
        (None, "source: cannot be read: No such file"),
        (b"", "is neither a journal nor results of a replay, but empty"),
        (b"Once upon a time\n", "is neither a journal (no line of one comes first) nor results"),
        (b'{"a": 1}\n', "Object missing required field `traces`"),
        (results.replace(b'"format": 1', b'"format": 2', 1), "format 2 of results unknown, need 1"),
        (header + b"{}\n", "source line 2: not a line of a journal"),
        (encode_line(OPENED[0]) + b"\n", "source line 1: must be the header, got"),
        (header, "must tell of at least one question, tells of none"),
    ):
        source.unlink(missing_ok=True)
        if content is not None:
            source.write_bytes(content)
        assert main([str(source), "--html", str(tmp_path / "page.html")]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.startswith("error: ")
        assert said.count("\n") == 1
    assert [*tmp_path.iterdir()] == [source]


def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    """Both kinds of source, and where the sentences are."""
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    for words in ("run.jsonl\n", "results.json --html", "simulations.explain", "--journal"):
        assert words in said


def test_right_answers_from_a_file_are_for_a_journal(
    tmp_path: Path, results_of: Callable[..., Results], capsys: pytest.CaptureFixture[str]
) -> None:
    """Results of a replay are judged already."""
    source = tmp_path / "results.json"
    source.write_bytes(encode_results(results_of()))
    assert main([str(source), "--gold", str(tmp_path / "gold.csv")]) == 2
    said = "error: --gold: is for a journal, not for results of a replay\n"
    assert capsys.readouterr().err == said
