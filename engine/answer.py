"""How a question of a live stream ended."""

from __future__ import annotations

import msgspec

from scheduler import Reason


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How a question ended.

    Attributes:
        position: Its place in the stream, from 0.
        question_id: Its name.
        answer: What was submitted; None where nothing had voted.
        reason: Why then.
        opened_s: When it came, in seconds since the stream began.
        seconds: From then to the answer.
        granted_s: What it might have taken.
        samples: Samples asked for.
        tokens: Generated for it until then, probes included as far as they are known.
    """

    position: int
    question_id: str
    answer: str | None
    reason: Reason
    opened_s: float
    seconds: float
    granted_s: float
    samples: int
    tokens: int
