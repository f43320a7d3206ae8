"""From what a user asked for to the settings of a replay."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from scheduler import CallerError, LatencyProfile, encode_profile
from simulations.results import Settings
from simulations.streams import Draw, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.pool import Pool

DEFAULT_QUESTIONS = 50
DEFAULT_PER_QUESTION_S = 2.0
DEFAULT_STREAMS = 200
MAX_SEED = 2**63 - 1


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asked for; by default what the command does.

    Attributes:
        questions: Questions a stream; None for 50, or as many as there are.
        total_s: Seconds a stream; None for `per_question_s`.
        per_question_s: Seconds a question; None without a limit.
        reserve_s: As in `Settings`, and so the rest.
    """

    questions: int | None = None
    total_s: float | None = None
    per_question_s: float | None = DEFAULT_PER_QUESTION_S
    reserve_s: float = 0.0
    floor_s: float = 0.0
    startup_s: float = 0.0
    gateway_s: float = 0.0
    order: str = Order.RANDOM
    draw: str = Draw.RANDOM
    streams: int = DEFAULT_STREAMS
    seed: int = 0


def settle(wish: Wish, profile: LatencyProfile, pools: Sequence[Pool]) -> Settings:
    """Return the settings of a replay on these pools.

    Raises:
        CallerError: beginning with the name of the field that asks too much.
    """
    pool = min(pools, key=lambda pool: len(pool.questions))
    size = len(pool.questions)
    questions = min(DEFAULT_QUESTIONS, size) if wish.questions is None else wish.questions
    if questions > size:
        raise CallerError(f"questions: must be at most the {size} of {pool.model}, got {questions}")
    total_s = wish.total_s
    if total_s is None and wish.per_question_s is not None:
        total_s = questions * wish.per_question_s
    if total_s is not None and wish.reserve_s > total_s:
        raise CallerError(
            f"reserve_s: must be at most the total of {total_s:g} s, got {wish.reserve_s:g}"
        )
    return Settings(
        profile=profile.name,
        profile_digest=sha256(encode_profile(profile)).hexdigest(),
        questions=questions,
        total_s=total_s,
        reserve_s=wish.reserve_s,
        floor_s=wish.floor_s,
        startup_s=wish.startup_s,
        gateway_s=wish.gateway_s,
        order=wish.order,
        draw=wish.draw,
        streams=wish.streams,
        seed=wish.seed,
    )
