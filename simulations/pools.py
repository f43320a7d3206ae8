"""From traces to pools: one pool a model, as the simulated world plays it."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

import polars as pl
from msgspec.structs import replace

from scheduler import FinishReason
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample, Pool, ToolCall
from simulations.traces import FEATURE_PREFIX, TraceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from simulations.traces import Trace

Key = tuple[str, str, int]
_KEY = ("question_id", "arm", "sample")


def pools_of(traces: Sequence[Trace]) -> list[Pool]:
    """Return one pool a model, in the order in which models first appear.

    Traces of one model form one pool; where two hold the same question, its samples add up in
    the order of the traces.

    Raises:
        TraceError: if a trace comes twice, or two of one model differ in a question's answer.
    """
    by_model: dict[str, list[Trace]] = defaultdict(list)
    seen: dict[str, Trace] = {}
    for trace in traces:
        if trace.digest in seen:
            raise TraceError(f"{trace.path}: holds the same as {seen[trace.digest].path}")
        seen[trace.digest] = trace
        by_model[trace.header.model].append(trace)
    return [Pool(model, tuple(_merged(several))) for model, several in by_model.items()]


def _merged(traces: Sequence[Trace]) -> Iterable[LoggedQuestion]:
    merged: dict[str, LoggedQuestion] = {}
    for trace in traces:
        for question in _questions(trace):
            known = merged.get(question.question_id)
            if known is None:
                merged[question.question_id] = question
                continue
            if known.gold != question.gold:
                raise TraceError(
                    f"{trace.path}/questions.parquet, column gold: question "
                    f"{question.question_id!r} has {question.gold!r}, elsewhere {known.gold!r}"
                )
            # Each trace numbers its samples from 0, and parents are told by their numbers.
            beyond = {arm: _beyond(samples) for arm, samples in known.samples.items()}
            for arm, samples in question.samples.items():
                moved = (_moved(sample, beyond, arm) for sample in samples)
                known.samples[arm] = (*known.samples.get(arm, ()), *moved)
    return merged.values()


def _beyond(samples: Sequence[LoggedSample]) -> int:
    return max((sample.sample + 1 for sample in samples), default=0)


def _moved(sample: LoggedSample, beyond: Mapping[str, int], arm: str) -> LoggedSample:
    """Number a sample, and the one that it builds on, behind those of earlier traces."""
    parent = sample.parent
    if parent is not None:
        parent += beyond.get(sample.parent_arm or arm, 0)
    return replace(sample, sample=sample.sample + beyond.get(arm, 0), parent=parent)


def _questions(trace: Trace) -> Iterable[LoggedQuestion]:
    # A probe without entropies must not hide those that were logged before it.
    signals = pl.col("mean_entropy", "tail_entropy", "confidence")
    known = trace.checkpoints.with_columns(signals.forward_fill().over(_KEY))
    checkpoints = _grouped(known, _checkpoint)
    places = {arm: place for place, arm in enumerate(trace.header.arms)}
    segments = {} if trace.segments is None else _grouped(trace.segments, dict)
    samples: dict[str, dict[str, list[LoggedSample]]] = defaultdict(lambda: defaultdict(list))
    for row in trace.samples.iter_rows(named=True):
        key = _key(row)
        samples[key[0]][key[1]].append(
            _sample(row, tuple(checkpoints.get(key, ())), _tool_calls(segments.get(key, ())))
        )
    features = [name for name in trace.questions.columns if name.startswith(FEATURE_PREFIX)]
    for row in trace.questions.sort("position", "question_id").iter_rows(named=True):
        question_id = row["question_id"]
        arms = samples.get(question_id, {})
        if not arms:
            raise TraceError(
                f"{trace.path}/samples.parquet: question {question_id!r} has no sample"
            )
        if row["gold"] is None:
            raise TraceError(
                f"{trace.path}/questions.parquet, column gold: question {question_id!r} has null, "
                "so its answers cannot be scored"
            )
        yield LoggedQuestion(
            question_id=question_id,
            gold=row["gold"],
            samples={
                # The header's order is the run's own; the tables are sorted by name.
                arm: tuple(arms[arm])
                for arm in sorted(arms, key=lambda arm: places.get(arm, len(places)))
            },
            question=row["question"],
            features={
                name.removeprefix(FEATURE_PREFIX): row[name]
                for name in features
                if row[name] is not None
            },
        )


def _grouped(frame: pl.DataFrame, make: Any) -> dict[Key, list[Any]]:  # noqa: ANN401 - one grouping for two row types
    grouped: dict[Key, list[Any]] = {}
    for key, rows in groupby(frame.iter_rows(named=True), _key):
        grouped[key] = [make(row) for row in rows]
    return grouped


def _key(row: dict[str, Any]) -> Key:
    question_id, arm, sample = _KEY
    return row[question_id], row[arm], row[sample]


def _checkpoint(row: dict[str, Any]) -> Checkpoint:
    return Checkpoint(
        tokens=row["tokens"],
        mean_entropy=row["mean_entropy"],
        tail_entropy=row["tail_entropy"],
        probed=row["probed"],
        answer=row["answer"],
        confidence=row["confidence"],
    )


def _sample(
    row: dict[str, Any], checkpoints: tuple[Checkpoint, ...], tool_calls: tuple[ToolCall, ...]
) -> LoggedSample:
    reason = row["finish_reason"]
    first, second = row.get("candidate_first"), row.get("candidate_second")
    return LoggedSample(
        sample=row["sample"],
        tokens=row["tokens"],
        answer=row["answer"],
        finish_reason=FinishReason.STOP if reason is None else FinishReason(reason),
        prompt_tokens=row["prompt_tokens"] or 0,
        mean_entropy=row["mean_entropy"],
        tail_entropy=row["tail_entropy"],
        checkpoints=checkpoints,
        tool_calls=tool_calls,
        candidates=() if first is None or second is None else (first, second),
        parent=row.get("parent"),
        parent_arm=row.get("parent_arm"),
    )


def _tool_calls(segments: Iterable[dict[str, Any]]) -> tuple[ToolCall, ...]:
    """Return the stretches of tool time, each at the tokens decoded before it."""
    calls, tokens = [], 0
    for row in segments:
        if row["kind"] == "tool":
            calls.append(ToolCall(tokens, row["duration_s"] or 0.0, row["tokens"]))
        else:
            tokens += row["tokens"]
    return tuple(calls)
