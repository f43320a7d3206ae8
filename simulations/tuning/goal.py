"""What a trial is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from simulations.tuning.playing import climb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.tournament import Entry
    from simulations.tuning.parts import Part
    from simulations.tuning.playing import Play, Score

RUNGS = 4
BEHIND_TOKENS = 1e12
"""More tokens a question than any policy generates."""


class Rung(msgspec.Struct, frozen=True):
    """A stage of a trial, at which it may be stopped.

    Attributes:
        streams: Those that are played to get there from the rung before.
        target: The accuracy of the policy to match on all streams so far; None without one.
    """

    streams: range
    target: float | None

    def value(self, score: Score) -> float:
        """Return what all streams so far are worth.

        With a target: the tokens a question of a trial that reaches it, less being better. One
        that misses it ranks behind all that don't, by the accuracy it lacks. Without: the
        accuracy.
        """
        if self.target is None:
            return score.accuracy
        lack = self.target - score.accuracy
        return BEHIND_TOKENS * (1.0 + lack) if lack > 0.0 else score.tokens_per_question


def rungs_of(part: Part, match: Entry | None, play: Play) -> Sequence[Rung]:
    """Return the rungs of a part: its streams in four quarters, or fewer if it has fewer.

    Args:
        part: What trials are played on.
        match: The policy whose accuracy is to be reached; it is played here, on the same draws.
        play: Plays it.
    """
    total = part.settings.streams
    ends = sorted({-(-total * rung // RUNGS) for rung in range(1, RUNGS + 1)})
    stages = [range(first, last) for first, last in zip([0, *ends], ends, strict=False)]
    if match is None:
        return [Rung(streams, None) for streams in stages]
    scores = climb(play, part, match, stages)
    return [Rung(streams, score.accuracy) for streams, score in zip(stages, scores, strict=True)]
