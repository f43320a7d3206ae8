"""Candidates from a file: pairs of answers that a verifying arm is to judge, by question."""

from __future__ import annotations

import reprlib
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

Pair: TypeAlias = tuple[str, str]

_FIELDS = ("question_id", "candidates")
_PAIR = 2


class CandidatesError(ValueError):
    """A file of candidates is not what it has to be; one line that names file, line and value."""


def read_candidates(path: Path, known: Collection[str]) -> Mapping[str, Sequence[Pair]]:
    """Read JSON lines such as `{"question_id": "q1", "candidates": ["12", "7"]}`.

    Args:
        path: Of the file.
        known: Ids of the questions that there are.

    Returns:
        By question, its pairs in the order of the file. The order within a pair is kept: the
        same two the other way round are another pair.

    Raises:
        CandidatesError: naming the file, the first bad line (from 1), the field and its value.
    """
    pairs: dict[str, list[Pair]] = defaultdict(list)
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CandidatesError(f"{path}: cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path} line {number}"
        question_id, pair = _row(line, where, known)
        if pair in pairs[question_id]:
            raise _refusal(where, "candidates", "must come once for its question", list(pair))
        pairs[question_id].append(pair)
    if not pairs:
        raise CandidatesError(f"{path}: must have at least one line, got none")
    return dict(pairs)


def _row(line: bytes, where: str, known: Collection[str]) -> tuple[str, Pair]:
    try:
        row = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CandidatesError(f"{where}: must be a JSON object: {error}") from error
    for name in row:
        if name not in _FIELDS:
            raise CandidatesError(f"{where}, field {name}: is unknown")
    question_id, pair = row.get("question_id"), row.get("candidates")
    if not isinstance(question_id, str) or question_id not in known:
        raise _refusal(where, "question_id", "must be that of a question", question_id)
    if not _is_pair(pair):
        raise _refusal(where, "candidates", "must be two different texts", pair)
    first, second = pair
    return question_id, (first, second)


def _is_pair(value: object) -> TypeGuard[list[str]]:
    return (
        isinstance(value, list)
        and len(value) == _PAIR
        and all(isinstance(answer, str) and answer.strip() for answer in value)
        and value[0] != value[1]
    )


def _refusal(where: str, name: str, rule: str, value: object) -> CandidatesError:
    got = "nothing" if value is None else reprlib.repr(value)
    return CandidatesError(f"{where}, field {name}: {rule}, got {got}")
