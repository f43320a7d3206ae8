"""The rows that journals add up to: their samples numbered on, their questions in order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulations.traces.errors import TraceError, shown
from simulations.traces.journal_samples import started
from simulations.traces.schema import CHECKPOINTS, FEATURE_PREFIX, QUESTIONS, SAMPLES, SEGMENTS

if TYPE_CHECKING:
    from simulations.traces.journal_samples import Heard, Opening

Key = dict[str, object]


class JournalRows:
    """Rows of a trace's tables, filled journal by journal.

    Where a question was asked several times, its samples are numbered on in the order of the
    runs, those of an opening that a crash ended after the answered ones of its journal. Where
    runs differ in a feature, the first counts.

    Attributes:
        samples: A row a sample.
        checkpoints: A row a checkpoint.
        segments: A row a segment, of samples that used a tool.
        late_checkpoints: Checkpoints past their sample's end, which are dropped.
    """

    def __init__(self) -> None:
        self.samples: list[Key] = []
        self.checkpoints: list[Key] = []
        self.segments: list[Key] = []
        self.late_checkpoints = 0
        self._questions: dict[str, Key] = {}
        self._numbers: Counter[tuple[str, str]] = Counter()

    def add(self, openings: list[Opening], source: str) -> None:
        """Take in a journal.

        Raises:
            TraceError: if it contradicts one before it.
        """
        heard = list(started(openings))
        for opening, _ in heard:
            self._add_question(opening, source)
        # What a crash cut off comes last: a replay of the run wants the samples that it used.
        keys = {}  # of a sample, by its identity
        for opening, sample in sorted(heard, key=lambda pair: not pair[0].answered):
            number = self._numbers[opening.question_id, sample.arm]
            self._numbers[opening.question_id, sample.arm] += 1
            keys[id(sample)] = {
                "question_id": opening.question_id,
                "arm": sample.arm,
                "sample": number,
            }
        for _, sample in heard:
            self._add_sample(keys[id(sample)], sample, keys.get(id(sample.parent), {}))

    def columns(self) -> dict[str, dict[str, list[object]]]:
        """Give each table's columns, by name of the table; no segments where no tool was used."""
        features = {name for row in self._questions.values() for name in row}
        names = {
            QUESTIONS.name: features | {column.name for column in QUESTIONS.columns},
            SAMPLES.name: {
                column.name
                for column in SAMPLES.columns
                if not column.optional or any(row[column.name] is not None for row in self.samples)
            },
            CHECKPOINTS.name: {column.name for column in CHECKPOINTS.columns},
        }
        rows = {
            QUESTIONS.name: list(self._questions.values()),
            SAMPLES.name: self.samples,
            CHECKPOINTS.name: self.checkpoints,
        }
        if self.segments:
            names[SEGMENTS.name] = {column.name for column in SEGMENTS.columns}
            rows[SEGMENTS.name] = self.segments
        return {
            table: {name: [row.get(name) for row in rows[table]] for name in wanted}
            for table, wanted in names.items()
        }

    def _add_question(self, opening: Opening, source: str) -> None:
        known = self._questions.setdefault(
            opening.question_id,
            {
                "question_id": opening.question_id,
                "position": len(self._questions),
                "question": opening.question,
                "gold": opening.gold,
                **{FEATURE_PREFIX + name: value for name, value in opening.features.items()},
            },
        )
        for name, value in (("question", opening.question), ("gold", opening.gold)):
            if value is not None and known[name] not in {None, value}:
                raise TraceError(
                    f"{source}: {name} of question {shown(opening.question_id)} must be "
                    f"{shown(known[name])} as in an earlier run, got {shown(value)}"
                )
            known[name] = value if known[name] is None else known[name]

    def _add_sample(self, key: Key, sample: Heard, parent: Key) -> None:
        tokens = sample.tokens or 0
        first, second = sample.candidates or (None, None)
        self.samples.append(
            {
                **key,
                "answer": sample.answer,
                "tokens": tokens,
                "finish_reason": sample.finish_reason.value,
                "prompt_tokens": sample.prompt_tokens,
                "mean_entropy": sample.mean_entropy,
                "tail_entropy": sample.tail_entropy,
                "started_s": sample.started_s,
                "ended_s": sample.ended_s,
                "candidate_first": first,
                "candidate_second": second,
                "parent": parent.get("sample"),
                "parent_arm": parent.get("arm"),
            }
        )
        for at_tokens, point in sample.points.items():
            if at_tokens > tokens:
                self.late_checkpoints += 1
                continue
            self.checkpoints.append(
                {
                    **key,
                    "tokens": at_tokens,
                    "mean_entropy": point.mean_entropy,
                    "tail_entropy": point.tail_entropy,
                    "confidence": point.confidence,
                    "probed": point.probed,
                    "answer": point.answer,
                }
            )
        if sample.waits:
            self._add_segments(key, sample, tokens)

    def _add_segments(self, key: Key, sample: Heard, tokens: int) -> None:
        """Lay decoding and tool time end to end."""
        stretches: list[tuple[str, int, float | None]] = []
        decoded = 0
        for wait in sample.waits:
            until = min(wait.tokens, tokens)
            stretches.append(("decode", until - decoded, None))
            stretches.append(("tool", wait.told_tokens, wait.duration_s))
            decoded = until
        stretches.append(("decode", tokens - decoded, None))
        for number, (kind, gained, duration_s) in enumerate(stretches):
            row: Key = {"segment": number, "kind": kind, "tokens": gained, "duration_s": duration_s}
            self.segments.append({**key, **row})
