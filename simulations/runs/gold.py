"""Right answers from a file, for a run whose journal holds none: `predict` never sees them."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from simulations.traces.errors import TraceError, shown
from simulations.traces.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from simulations.runs.run import Run

_ID = ("question_id", "id")
_GOLD = ("gold", "answer")
_NAMED = 5
"""Ids that a note names."""

GOLD_HELP = """right answers, for a journal without them: CSV, JSON lines or parquet with
question_id (or id) and gold (or answer). Answers are compared as texts, so a right answer must be
written as the journal writes answers (a whole number: its digits); what the journal holds itself
stays"""
"""Of the option that takes such a file."""


def read_gold(path: Path) -> dict[str, str]:
    """Read the right answers by question; a row without one is passed over.

    Args:
        path: `.csv`, `.parquet` or `.jsonl` (`.ndjson`, `.json`); the last may be followed by
            `.gz`.

    Raises:
        TraceError: naming the file, the first bad row (from 1), its column and value.
    """
    gold: dict[str, str] = {}
    for where, row in _rows(path):
        name = _text(where, _ID, row)
        if name is None:
            raise TraceError(f"{where}, column {_ID[0]} (or {_ID[1]}): is missing")
        answer = _text(where, _GOLD, row)
        if name in gold:
            raise TraceError(f"{where}, column {_ID[0]}: must be unique, got {shown(name)}")
        if answer is not None:
            gold[name] = answer
    if not gold:
        raise TraceError(
            f"{path}: must hold the right answer (column {_GOLD[0]} or {_GOLD[1]}) of at least "
            "one question, holds none"
        )
    return gold


def with_gold(run: Run, path: Path) -> Run:
    """Lay the right answers of a file beside a run; what does not fit is said in its notes.

    Raises:
        TraceError: if the file is bad, or is of no question of the run.
    """
    gold = read_gold(path)
    known = {question.question_id for question in run.questions}
    if not known & gold.keys():
        raise TraceError(
            f"{path}: no id is that of a question of {run.name}; the file has "
            f"{_some(gold)}, the journal {_some(known)}"
        )
    lacking: dict[str, None] = {}
    clashing: dict[str, None] = {}
    questions = []
    for question in run.questions:
        told = gold.get(question.question_id)
        if question.gold is None:
            if told is None:
                lacking[question.question_id] = None
            else:
                question = replace(question, gold=told)  # noqa: PLW2901 - the same one
        elif told is not None and told != question.gold:
            clashing[question.question_id] = None
        questions.append(question)
    unknown = [name for name in gold if name not in known]
    notes = [
        f"{path.name}: {len(names)} {what}: {_some(names)}"
        for names, what in (
            (unknown, "of its questions did not come in this run"),
            (lacking, "of the run's questions have no right answer in it"),
            (clashing, "right answers are others than the journal's, which stay"),
        )
        if names
    ]
    return replace(run, questions=tuple(questions), notes=(*run.notes, *notes))


def _some(names: set[str] | Mapping[str, object] | list[str]) -> str:
    ordered = sorted(names) if isinstance(names, set) else [*names]
    return ", ".join(ordered[:_NAMED]) + (", …" if len(ordered) > _NAMED else "")


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    kind = next((suffix for suffix in reversed(path.suffixes) if suffix != ".gz"), "")
    if kind in {".jsonl", ".ndjson", ".json"}:
        for number, line in read_lines(path):
            if line.strip():
                yield f"{path} line {number}", _object(line, f"{path} line {number}")
    elif kind in {".csv", ".parquet"}:
        for number, row in enumerate(_frame(path, kind).iter_rows(named=True), 1):
            yield f"{path} row {number}", row
    else:
        raise TraceError(f"{path}: must end in .csv, .jsonl or .parquet, got {shown(kind)}")


def _object(line: bytes, where: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TraceError(f"{where}: must be a JSON object: {error}") from error


def _frame(path: Path, kind: str) -> pl.DataFrame:
    try:
        raw = BytesIO(path.read_bytes())
        # As text: an id such as 007 stays what it is.
        return pl.read_parquet(raw) if kind == ".parquet" else pl.read_csv(raw, infer_schema=False)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from error
    except pl.exceptions.NoDataError:
        return pl.DataFrame()
    except pl.exceptions.PolarsError as error:
        raise TraceError(f"{path}: {str(error).splitlines()[0]}") from error


def _text(where: str, names: tuple[str, str], row: Mapping[str, object]) -> str | None:
    """Read a text or a whole number, also where a table holds it as a float; None if empty."""
    here = [name for name in names if name in row] or [names[0]]
    name = next((name for name in here if row.get(name) not in {None, ""}), here[0])
    value = row.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TraceError(
            f"{where}, column {name}: must be a text or a whole number, got {shown(value)}"
        )
    return str(value).strip()
