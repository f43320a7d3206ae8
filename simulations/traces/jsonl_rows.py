"""The rows that imported samples add up to, and the checks that span more than one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from simulations.traces.errors import TraceError, shown
from simulations.traces.jsonl_line import answer_text
from simulations.traces.schema import CHECKPOINTS, FEATURE_PREFIX, SAMPLES

if TYPE_CHECKING:
    from simulations.traces.jsonl_line import CheckpointRecord, SampleRecord

_LIVE_ONLY = frozenset({"started_s", "ended_s"})


class _Fact(NamedTuple):
    """Something known of a question, and the line that said it first."""

    value: object
    line: int


class Rows:
    """Samples, checkpoints and questions as columns, filled line by line.

    Attributes:
        samples: Column name to values, a value a sample.
        checkpoints: Column name to values, a value a checkpoint.
    """

    def __init__(self) -> None:
        columns = [column for column in SAMPLES.columns if not column.optional]
        names = [column.name for column in columns if column.name not in _LIVE_ONLY]
        self.samples: dict[str, list[object]] = {name: [] for name in names}
        self.checkpoints: dict[str, list[object]] = {c.name: [] for c in CHECKPOINTS.columns}
        self._lines: dict[tuple[str, str, int], int] = {}
        self._questions: dict[str, dict[str, _Fact]] = {}

    def add(self, record: SampleRecord, where: str, line: int) -> None:
        """Take one sample in.

        Args:
            record: The sample.
            where: File and line, for errors.
            line: The line, to be named should a later one contradict it.

        Raises:
            TraceError: if the line contradicts itself or one before it.
        """
        key = (record.question_id, record.arm, record.sample)
        first = self._lines.setdefault(key, line)
        if first != line:
            raise TraceError(
                f"{where}, field sample: must be unique within question {shown(record.question_id)}"
                f" and arm {shown(record.arm)}, got {record.sample} as on line {first}"
            )
        self._learn(record, where, line)
        for name, column in self.samples.items():
            column.append(getattr(record, name))
        self.samples["answer"][-1] = answer_text(record.answer)
        seen: set[int] = set()
        for index, checkpoint in enumerate(record.checkpoints):
            tokens = checkpoint.tokens
            field = f"{where}, field checkpoints[{index}].tokens"
            if tokens > record.tokens:
                raise TraceError(
                    f"{field}: must be at most the sample's {record.tokens}, got {tokens}"
                )
            if tokens in seen:
                raise TraceError(f"{field}: must be unique within the sample, got {tokens} again")
            seen.add(tokens)
            self._add_checkpoint(record, checkpoint)

    def questions(self) -> dict[str, list[object]]:
        """Give the questions' columns, a value a question, null where no line said anything."""
        questions = self._questions.values()
        names = sorted({name for facts in questions for name in facts} | {"question"})
        unknown = _Fact(None, 0)
        columns = {name: [facts.get(name, unknown).value for facts in questions] for name in names}
        ids = list(self._questions)
        return {"question_id": [*ids], "position": [*range(len(ids))], **columns}

    def _learn(self, record: SampleRecord, where: str, line: int) -> None:
        """Keep what the line says of its question: it may add to what is known, not change it."""
        facts = self._questions.setdefault(record.question_id, {})
        told: dict[str, object] = {"gold": str(record.gold), "question": record.question}
        for feature, number in (record.features or {}).items():
            told[f"{FEATURE_PREFIX}{feature}"] = number
        for name, value in told.items():
            if value is None:
                # A feature that is always null still is a column.
                facts.setdefault(name, _Fact(None, line))
                continue
            known = facts.get(name)
            if known is None or known.value is None:
                facts[name] = _Fact(value, line)
            elif known.value != value:
                field = name.replace(FEATURE_PREFIX, "features.", 1)
                raise TraceError(
                    f"{where}, field {field}: must be {shown(known.value)} as on line "
                    f"{known.line} for question {shown(record.question_id)}, got {shown(value)}"
                )

    def _add_checkpoint(self, record: SampleRecord, checkpoint: CheckpointRecord) -> None:
        row = {
            "question_id": record.question_id,
            "arm": record.arm,
            "sample": record.sample,
            "tokens": checkpoint.tokens,
            "mean_entropy": checkpoint.mean_entropy,
            "tail_entropy": checkpoint.tail_entropy,
            "confidence": checkpoint.confidence,
            "probed": checkpoint.answer is not UNSET,
            "answer": answer_text(checkpoint.answer),
        }
        for name, value in row.items():
            self.checkpoints[name].append(value)
