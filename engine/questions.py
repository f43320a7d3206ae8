"""Questions from a file: JSON lines, CSV (Kaggle's AIMO layout too) or parquet."""

from __future__ import annotations

import gzip
import reprlib
import zlib
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import polars as pl

from engine.answers import AnswerKind, canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    Row: TypeAlias = tuple[str, Mapping[str, object]]

_ID = ("question_id", "id")
_TEXT = ("question", "problem")
_GOLD = ("gold", "answer")
_FEATURE_PREFIX = "feature_"
_GZIP_MAGIC = b"\x1f\x8b"

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


class QuestionsError(ValueError):
    """A file of questions is not what it has to be.

    The message is one line and names the file, the place in it and the value found.
    """


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One problem.

    Attributes:
        question_id: Unique within its file.
        question: The text.
        gold: The right answer; None where unknown.
        features: Numbers known before the first sample, by name; an unknown one has no entry.
    """

    question_id: str
    question: str
    gold: str | None = None
    features: dict[str, float] = {}


def read_questions(path: str | PathLike[str]) -> list[Question]:
    """Read a file of questions, in its order.

    A question has `question_id` (or `id`), `question` (or `problem`) and, where known, `gold`
    (or `answer`). Features are an object `features` in JSON lines and columns `feature_<name>`
    in tables. Anything else is passed over.

    Args:
        path: `.jsonl` (or `.ndjson`, `.json`), `.csv` or `.parquet`; the first two may be
            followed by `.gz`.

    Raises:
        QuestionsError: naming the file, the first bad row (from 1), its column and value.
    """
    source = Path(path)
    questions: list[Question] = []
    seen: set[str] = set()
    try:
        for where, row in _rows(source):
            question = _question(where, row)
            if question.question_id in seen:
                raise _refusal(where, _ID[0], "must be unique", question.question_id)
            seen.add(question.question_id)
            questions.append(question)
    except OSError as error:
        raise QuestionsError(f"{source}: cannot be read: {error.strerror or error}") from error
    if not questions:
        raise QuestionsError(f"{source}: must have at least one question, got none")
    return questions


def with_canonical_gold(questions: Sequence[Question], kind: AnswerKind) -> list[Question]:
    """Write gold answers as the answers will be written, so that equal values are equal.

    A gold answer that takes algebra, or that the kind does not take, stays as it is.
    """
    written = []
    for question in questions:
        gold = None if question.gold is None else canonical(question.gold, kind)
        if isinstance(gold, str):
            question = msgspec.structs.replace(question, gold=gold)  # noqa: PLW2901 - the same one
        written.append(question)
    return written


def _rows(source: Path) -> Iterator[Row]:
    kind = next((suffix for suffix in reversed(source.suffixes) if suffix != ".gz"), "")
    match kind:
        case ".jsonl" | ".ndjson" | ".json":
            return _json_rows(source)
        case ".csv" | ".parquet":
            return _table_rows(source, kind)
        case _:
            raise QuestionsError(f"{source}: must end in .jsonl, .csv or .parquet, got {kind!r}")


def _json_rows(source: Path) -> Iterator[Row]:
    content = source.read_bytes()
    if content.startswith(_GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise QuestionsError(f"{source}: gzip is broken off or bad: {error}") from error
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{source} line {number}"
        try:
            yield where, msgspec.json.decode(line, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise QuestionsError(f"{where}: must be a JSON object: {error}") from error


def _table_rows(source: Path, kind: str) -> Iterator[Row]:
    try:
        if kind == ".csv":
            # As text: an id such as 007 and an answer such as 1e5 stay what they are.
            frame = pl.read_csv(source, infer_schema=False)
            frame = frame.with_columns(pl.col(f"^{_FEATURE_PREFIX}.*$").cast(pl.Float64))
        else:
            frame = pl.read_parquet(source)
    except pl.exceptions.NoDataError:
        return
    except pl.exceptions.PolarsError as error:
        raise QuestionsError(f"{source}: {str(error).splitlines()[0]}") from error
    for names in (_ID, _TEXT):
        if not any(name in frame.columns for name in names):
            raise QuestionsError(f"{source}, column {names[0]} (or {names[1]}): is missing")
    for number, row in enumerate(frame.iter_rows(named=True), 1):
        features = {
            name.removeprefix(_FEATURE_PREFIX): value
            for name, value in row.items()
            if name.startswith(_FEATURE_PREFIX)
        }
        yield f"{source} row {number}", {**row, "features": features}


def _question(where: str, row: Mapping[str, object]) -> Question:
    id_name, text_name, gold_name = (_present(names, row) for names in (_ID, _TEXT, _GOLD))
    gold = row.get(gold_name)
    return Question(
        question_id=_text(where, id_name, row.get(id_name)),
        question=_text(where, text_name, row.get(text_name)),
        gold=None if gold is None else _text(where, gold_name, gold),
        features=_features(where, row.get("features")),
    )


def _present(names: tuple[str, str], row: Mapping[str, object]) -> str:
    return names[1] if names[0] not in row and names[1] in row else names[0]


def _text(where: str, name: str, value: object) -> str:
    """Read a text; whole numbers are written out, also where a table holds them as floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise _refusal(where, name, "must be a text or a whole number", value)
    if not value.strip():
        raise _refusal(where, name, "must not be empty", value)
    return value


def _features(where: str, value: object) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refusal(where, "features", "must be an object of numbers", value)
    features = {}
    for name, number in value.items():
        if number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
            raise _refusal(where, f"features.{name}", "must be a finite number", number)
        features[str(name)] = float(number)
    return features


def _refusal(where: str, name: str, rule: str, value: object) -> QuestionsError:
    got = "nothing" if value is None else _SHORT.repr(value)
    return QuestionsError(f"{where}, column {name}: {rule}, got {got}")
