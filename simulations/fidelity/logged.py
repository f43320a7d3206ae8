"""The samples of a live question as the simulated world plays them.

What a stopped sample would have become is not known. If it broke off where its log does, a
replay that is a little ahead would lose a vote that the run had, and take another course. So
here it lives on, up to twice as long, until the policy stops it as the run did; but whoever
needs more of it than the world's own slack is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import FinishReason
from simulations.pool import Checkpoint, LoggedSample, ToolCall
from simulations.sequence import SLACK_SHARE, SLACK_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from simulations.traces.journal_samples import Heard, Opening, Point


LEASH_TOKENS = 512
"""A stopped sample lives on for as many tokens as it had, or for so many if that is more."""


def logged_ends(samples: Iterable[LoggedSample]) -> dict[int, int]:
    """Return, for stopped samples as `logged_samples` gives them, where their log ended.

    The world's slack is added: up to there a replay is not disturbed.
    """
    ends = {}
    for sample in samples:
        if sample.finish_reason is FinishReason.STOPPED:
            tokens = min(sample.tokens // 2, sample.tokens - LEASH_TOKENS)
            ends[sample.sample] = tokens + SLACK_TOKENS + int(SLACK_SHARE * tokens)
    return ends


def logged_samples(opening: Opening) -> tuple[LoggedSample, ...]:
    """Return the samples that were asked for, by their numbers: the k-th start draws the k-th.

    One of which nothing was heard counts as stopped before its first token.
    """
    count = max(opening.asked, default=-1) + 1
    return tuple(_logged(number, opening.current.get(number)) for number in range(count))


def _logged(number: int, heard: Heard | None) -> LoggedSample:
    if heard is None or heard.tokens is None:
        return LoggedSample(
            sample=number,
            tokens=LEASH_TOKENS,
            answer=None,
            finish_reason=FinishReason.STOPPED,
        )
    stopped = heard.finish_reason is FinishReason.STOPPED
    return LoggedSample(
        sample=number,
        tokens=heard.tokens + max(heard.tokens, LEASH_TOKENS) * stopped,
        answer=heard.answer,
        finish_reason=heard.finish_reason,
        prompt_tokens=heard.prompt_tokens or 0,
        mean_entropy=heard.mean_entropy,
        tail_entropy=heard.tail_entropy,
        checkpoints=tuple(_checkpoints(heard.points, heard.tokens)),
        tool_calls=tuple(
            ToolCall(wait.tokens, wait.duration_s, wait.told_tokens)
            for wait in heard.waits
            if wait.duration_s
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
