"""The samples of a live question as the simulated world plays them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import FinishReason
from simulations.pool import Checkpoint, LoggedSample, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulations.traces.journal_samples import Heard, Opening, Point


def logged_samples(opening: Opening) -> tuple[LoggedSample, ...]:
    """Return the samples that were asked for, by their numbers: the k-th start draws the k-th.

    One of which nothing was heard is censored before its first token.
    """
    count = max(opening.asked, default=-1) + 1
    return tuple(_logged(number, opening.current.get(number)) for number in range(count))


def _logged(number: int, heard: Heard | None) -> LoggedSample:
    if heard is None or heard.tokens is None:
        return LoggedSample(
            sample=number, tokens=0, answer=None, finish_reason=FinishReason.STOPPED
        )
    return LoggedSample(
        sample=number,
        tokens=heard.tokens,
        answer=heard.answer,
        finish_reason=heard.finish_reason,
        prompt_tokens=heard.prompt_tokens or 0,
        mean_entropy=heard.mean_entropy,
        tail_entropy=heard.tail_entropy,
        checkpoints=tuple(_checkpoints(heard.points, heard.tokens)),
        tool_calls=tuple(
            ToolCall(wait.tokens, wait.duration_s) for wait in heard.waits if wait.duration_s
        ),
    )


def _checkpoints(points: Mapping[int, Point], end: int) -> Iterator[Checkpoint]:
    """Give checkpoints in order; a probe must not hide the figures logged before it."""
    mean = tail = confidence = None
    for tokens in sorted(tokens for tokens in points if tokens <= end):
        point = points[tokens]
        mean = mean if point.mean_entropy is None else point.mean_entropy
        tail = tail if point.tail_entropy is None else point.tail_entropy
        confidence = confidence if point.confidence is None else point.confidence
        yield Checkpoint(tokens, mean, tail, point.probed, point.answer, confidence)
