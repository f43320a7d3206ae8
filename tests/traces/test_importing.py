"""JSON lines become a trace, and a bad line is named with its number, field and value."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from simulations.traces import TraceError, import_jsonl, read_trace

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "question_id": "q1",
    "sample": 0,
    "gold": "204",
    "answer": "204",
    "tokens": 900,
}


def line(**changes: object) -> bytes:
    """One good line with some fields changed."""
    return json.dumps(GOOD | changes).encode()


def point(**fields: object) -> bytes:
    """One good line with one checkpoint."""
    return line(checkpoints=[fields])


def failure(folder: Path, raw: bytes) -> str:
    """Import `raw` as log.jsonl, which must fail, and give the message without the folder."""
    source = folder / "log.jsonl"
    source.write_bytes(raw)
    with pytest.raises(TraceError) as caught:
        import_jsonl(source, folder / "out")
    assert not (folder / "out").exists()
    text = str(caught.value)
    assert "\n" not in text
    return text.removeprefix(f"{folder}/")


def test_every_field_arrives(tmp_path: Path) -> None:
    """Each optional field lands in its column, and integers become the strings that vote."""
    source = tmp_path / "Qwen3-8B.aime24.jsonl"
    checkpoints = [
        {"tokens": 500, "answer": 144, "confidence": -2.5, "mean_entropy": 1},
        {"tokens": 250, "answer": None},
        {"tokens": 750, "tail_entropy": 0.5},
    ]
    raw = line(
        gold=204,
        answer=-7,
        question="How many?",
        features={"length": 9, "hard": None},
        prompt_tokens=80,
        arm="tool",
        finish_reason="stop",
        mean_entropy=0.5,
        tail_entropy=0,
        checkpoints=checkpoints,
    )
    source.write_bytes(raw + b"\n\n" + line(question_id="q2") + b"\n")
    trace = import_jsonl(source, tmp_path / "out")
    assert trace.name == trace.header.model == "Qwen3-8B.aime24"
    assert trace.header.source == "Qwen3-8B.aime24.jsonl"
    assert trace.samples.row(0, named=True) == {
        "question_id": "q1",
        "arm": "tool",
        "sample": 0,
        "answer": "-7",
        "tokens": 900,
        "finish_reason": "stop",
        "prompt_tokens": 80,
        "mean_entropy": 0.5,
        "tail_entropy": 0.0,
        "started_s": None,
        "ended_s": None,
    }
    assert trace.samples["arm"].to_list() == ["tool", "default"]
    assert trace.checkpoints.rows() == [
        ("q1", "tool", 0, 250, None, None, None, True, None),
        ("q1", "tool", 0, 500, 1.0, None, -2.5, True, "144"),
        ("q1", "tool", 0, 750, None, 0.5, None, False, None),
    ]
    assert trace.questions.columns[4:] == ["feature_hard", "feature_length"]
    assert trace.questions.rows() == [
        ("q1", 0, "How many?", "204", None, 9.0),
        ("q2", 1, None, "204", None, None),
    ]


def test_gold_never_given_is_kept(tmp_path: Path) -> None:
    """A gold answer is a string like any other; what it says is not our affair."""
    (tmp_path / "log.jsonl").write_bytes(line(gold="never-given"))
    trace = import_jsonl(tmp_path / "log.jsonl", tmp_path / "out", model="M")
    assert trace.questions["gold"].to_list() == ["never-given"]
    assert (trace.name, trace.header.model) == ("log", "M")


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("Qwen3-8B.aime24.jsonl.gz", "Qwen3-8B.aime24"),
        ("Qwen3-0.6B.jsonl", "Qwen3-0.6B"),
        ("plain", "plain"),
        (".jsonl", ".jsonl"),
    ],
)
def test_model_is_the_file_name(tmp_path: Path, file: str, model: str) -> None:
    """The model is the name without its suffixes, dots inside it kept; gzip needs no suffix."""
    (tmp_path / file).write_bytes(gzip.compress(line()))
    assert import_jsonl(tmp_path / file, tmp_path / "out").header.model == model


def test_question_facts_add_up(tmp_path: Path) -> None:
    """A later line may say what an earlier one left open, and repeat what it said."""
    lines = [
        line(features={"a": 1}),
        line(sample=1, question="How?", features={"a": 1.0, "b": 2}),
        line(sample=2, gold=204, features={"a": None}),
    ]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    trace = import_jsonl(tmp_path / "log.jsonl", tmp_path / "out")
    assert trace.questions.rows() == [("q1", 0, "How?", "204", 1.0, 2.0)]


def test_progress_tells_bytes_read(tmp_path: Path) -> None:
    """A long import reports how many bytes of the file it has read, never going back."""
    source = tmp_path / "log.jsonl"
    source.write_bytes(b"\n".join(line(sample=number) for number in range(2000)))
    told: list[int] = []
    import_jsonl(source, tmp_path / "out", progress=told.append)
    assert told == sorted(told)
    assert 0 < told[-1] <= source.stat().st_size


BAD_LINES = [
    (line(tokens=-7), ", field tokens: must be at least 0, got -7"),
    (line(tokens=7.5), ", field tokens: must be int, got 7.5"),
    (line(tokens=True), ", field tokens: must be int, got True"),
    (line(tokens="9"), ", field tokens: must be int, got '9'"),
    (line(tokens=2**63), f", field tokens: must be at most {2**63 - 1}, got {2**63}"),
    (line(sample=-1), ", field sample: must be at least 0, got -1"),
    (line(question_id=""), ", field question_id: must not be empty, got ''"),
    (line(question_id=5), ", field question_id: must be str, got 5"),
    (line(gold=None), ", field gold: must be int | str, got null"),
    (line(gold=""), ", field gold: must not be empty, got ''"),
    (line(gold=2.5), ", field gold: must be int | str, got 2.5"),
    (line(answer=[1]), ", field answer: must be int | str | null, got [1]"),
    (line(arm=""), ", field arm: must not be empty, got ''"),
    (
        line(finish_reason="abort"),
        ", field finish_reason: must be one of stop|length|stopped|error, got 'abort'",
    ),
    (line(prompt_tokens=-1), ", field prompt_tokens: must be at least 0, got -1"),
    (line(mean_entropy=-0.5), ", field mean_entropy: must be at least 0, got -0.5"),
    (line(temperature=0.7), ", field temperature: is unknown"),
    (line(features={"a": "x"}), ", field features: must be float | null, got {'a': 'x'}"),
    (line(features={"": 1}), ", field features: must not be empty, got {'': 1}"),
    (line(features={"a": float("nan")}), ", field features.a: must be finite, got nan"),
    (line(tail_entropy=float("inf")), ", field tail_entropy: must be finite, got inf"),
    (point(tokens=500, answer="x", extra=1), ", field checkpoints[0].extra: is unknown"),
    (point(answer="x"), ", field checkpoints[0].tokens: is missing"),
    (point(tokens=0), ", field checkpoints[0].tokens: must be at least 1, got 0"),
    (
        point(tokens=901),
        ", field checkpoints[0].tokens: must be at most the sample's 900, got 901",
    ),
    (
        point(tokens=9, tail_entropy=float("nan")),
        ", field checkpoints[0].tail_entropy: must be finite, got nan",
    ),
    (
        line(checkpoints=[{"tokens": 5}, {"tokens": 6}, {"tokens": 5}]),
        ", field checkpoints[2].tokens: must be unique within the sample, got 5 again",
    ),
    (b'{"question_id": "q1"}', ", field sample: is missing"),
    (b"[1, 2]", ": must be object, got [1, 2]"),
    (line()[:-9], ": is no JSON: Input data was truncated"),
    (b"NaN", ": is no JSON: invalid character (byte 0)"),
    (line() + b" x", ": is no JSON: trailing characters (byte 83)"),
    (line().replace(b'"204"', b'"\xff"', 1), ": is not UTF-8: invalid start byte"),
    (line(gold=0).replace(b"0", b"9" * 5000), ", field sample: must be in the range of a number"),
]


@pytest.mark.parametrize(("raw", "message"), BAD_LINES, ids=[bad[1] for bad in BAD_LINES])
def test_bad_line_is_named(tmp_path: Path, raw: bytes, message: str) -> None:
    """The message names the file, the line (blank ones counted), the field and the value."""
    good = line(sample=1)
    assert failure(tmp_path, good + b"\n\n" + raw + b"\n") == f"log.jsonl line 3{message}"


def test_last_required_fields_are_required(tmp_path: Path) -> None:
    """An answer that isn't there is not an answer of null."""
    for name in ("question_id", "sample", "gold", "answer", "tokens"):
        short = {key: value for key, value in GOOD.items() if key != name}
        expected = f"log.jsonl line 1, field {name}: is missing"
        assert failure(tmp_path, json.dumps(short).encode()) == expected


CONFLICTS = [
    ({"gold": "8"}, "gold: must be '204' as on line 1 for question 'q1', got '8'"),
    ({"question": "B?"}, "question: must be 'A?' as on line 1 for question 'q1', got 'B?'"),
    (
        {"features": {"hard": 2.5}},
        "features.hard: must be 1.0 as on line 1 for question 'q1', got 2.5",
    ),
    (
        {"sample": 0},
        "sample: must be unique within question 'q1' and arm 'default', got 0 as on line 1",
    ),
]


@pytest.mark.parametrize(("changes", "message"), CONFLICTS)
def test_contradiction_names_both_lines(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    """Lines that contradict each other are refused, naming the one that came first."""
    first = line(question="A?", features={"hard": 1})
    second = line(**{"sample": 1, **changes})
    expected = f"log.jsonl line 3, field {message}"
    assert failure(tmp_path, first + b"\n" + line(question_id="q0") + b"\n" + second) == expected


def test_same_number_in_another_arm_is_another_sample(tmp_path: Path) -> None:
    """Samples are numbered within question and arm."""
    (tmp_path / "log.jsonl").write_bytes(line() + b"\n" + line(arm="tool"))
    assert import_jsonl(tmp_path / "log.jsonl", tmp_path / "out").samples.height == 2


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("blank", [b"", b"\n \n\r\n"])
def test_blank_file_is_refused(tmp_path: Path, blank: bytes, *, packed: bool) -> None:
    """A file without a sample is no trace."""
    raw = gzip.compress(blank) if packed else blank
    assert failure(tmp_path, raw) == "log.jsonl: must have at least one sample, got none"


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    """Whatever was read of a gzip file that breaks off is thrown away."""
    lines = b"\n".join(line(sample=number) for number in range(50))
    message = failure(tmp_path, gzip.compress(lines)[:-20])
    assert message.startswith("log.jsonl line ")
    assert ": gzip is broken off or bad: Compressed file ended" in message


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    """A gzip file whose checksum is wrong is refused although every line was read."""
    packed = bytearray(gzip.compress(line()))
    packed[-6] ^= 0xFF
    assert ": gzip is broken off or bad: CRC check failed" in failure(tmp_path, bytes(packed))


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    """A file that isn't there is named with the reason."""
    with pytest.raises(TraceError, match=r"nowhere: cannot be read: No such file or directory$"):
        import_jsonl(tmp_path / "nowhere", tmp_path / "out")


def test_target_is_checked_before_the_import(tmp_path: Path) -> None:
    """A target that won't be replaced is refused before the long reading begins."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(TraceError, match=r"out: won't be replaced"):
        import_jsonl(tmp_path / "nowhere", tmp_path / "out")


def test_bad_import_leaves_the_old_trace(tmp_path: Path) -> None:
    """A trace is only replaced by one that is whole."""
    source = tmp_path / "log.jsonl"
    source.write_bytes(line())
    digest = import_jsonl(source, tmp_path / "out").digest
    source.write_bytes(line() + b"\n{")
    with pytest.raises(TraceError, match=r"line 2: is no JSON"):
        import_jsonl(source, tmp_path / "out")
    assert read_trace(tmp_path / "out").digest == digest
