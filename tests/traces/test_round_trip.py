"""What goes in comes out, and the digest knows content alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from simulations.traces import Trace, import_jsonl, read_trace, write_trace

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NAMES = st.sampled_from(["q1", "q2", "Frage drei", "四"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ENTROPIES = st.none() | st.floats(0, 20)
ANSWERS = st.none() | TEXTS | st.integers()


@st.composite
def samples(draw: st.DrawFn) -> dict[str, Any]:
    """One sample as the import format writes it, without what belongs to its question."""
    tokens = draw(st.integers(0, 2**40))
    places = draw(st.sets(st.integers(1, tokens), max_size=4)) if tokens else set()
    checkpoints = []
    for place in places:
        checkpoint: dict[str, Any] = {"tokens": place, "mean_entropy": draw(ENTROPIES)}
        if draw(st.booleans()):
            checkpoint["answer"] = draw(ANSWERS)
        checkpoints.append(checkpoint)
    return {
        "answer": draw(ANSWERS),
        "tokens": tokens,
        "checkpoints": checkpoints,
        "tail_entropy": draw(ENTROPIES),
        "finish_reason": draw(st.sampled_from([None, "stop", "length", "stopped", "error"])),
    }


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The lines of a whole import file."""
    keys = draw(
        st.lists(
            st.tuples(NAMES, st.sampled_from(["default", "tool"]), st.integers(0, 9)),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    features = {name: draw(st.none() | NUMBERS) for name, _, _ in keys}
    return [
        {"question_id": name, "arm": arm, "sample": number, "gold": f"gold of {name}"}
        | {"features": {"hardness": features[name]}}
        | draw(samples())
        for name, arm, number in keys
    ]


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write an import file."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def assert_same(left: Trace, right: Trace) -> None:
    """Two traces hold the same header and the same rows in the same order."""
    assert left.header == right.header
    for table in ("samples", "checkpoints", "questions"):
        assert_frame_equal(getattr(left, table), getattr(right, table))


@given(logs())
@settings(max_examples=60, deadline=None)
def test_import_read_write_keeps_the_digest(lines: list[dict[str, Any]]) -> None:
    """Importing, reading and writing again gives one digest and one content."""
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        imported = import_jsonl(write_lines(root / "log.jsonl", lines), root / "first")
        read = read_trace(root / "first")
        assert_same(imported, read)
        again = write_trace(
            root / "second", read.header, read.samples, read.checkpoints, read.questions
        )
        assert_same(read, again)
        assert_same(read, read_trace(root / "second"))


@given(logs(), st.data())
@settings(max_examples=40, deadline=None)
def test_order_within_a_question_does_not_matter(
    lines: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Shuffled samples and checkpoints make the same trace as long as questions keep theirs."""
    places = {line["question_id"]: place for place, line in reversed(list(enumerate(lines)))}
    shuffled = [
        line | {"checkpoints": data.draw(st.permutations(line["checkpoints"]))}
        for line in data.draw(st.permutations(lines))
    ]
    shuffled.sort(key=lambda line: places[line["question_id"]])
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        packed = root / "log.jsonl.gz"
        packed.write_bytes(gzip.compress(write_lines(root / "log.jsonl", shuffled).read_bytes()))
        plain = write_lines(root / "log.jsonl", lines)
        assert import_jsonl(plain, root / "x").digest == import_jsonl(packed, root / "y").digest


@given(logs(), st.data())
@settings(max_examples=40, deadline=None)
def test_every_answer_is_in_the_digest(lines: list[dict[str, Any]], data: st.DataObject) -> None:
    """Another answer anywhere, also null in place of a string, is another digest."""
    line = data.draw(st.sampled_from(lines))
    with TemporaryDirectory() as scratch:
        root = Path(scratch)
        before = import_jsonl(write_lines(root / "log.jsonl", lines), root / "x").digest
        blank = line["answer"] is None or not str(line["answer"]).strip()
        line["answer"] = "an answer" if blank else None
        after = import_jsonl(write_lines(root / "log.jsonl", lines), root / "x").digest
    assert before != after
