"""Parts of the questions, each with its settings: what studies are tuned on and judged by."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from scheduler import CallerError
from simulations.luck import Purpose, address_of, generator
from simulations.packing import PackedPools, pack
from simulations.pool import Pool
from simulations.settings import settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scheduler import LatencyProfile
    from simulations.results import Settings
    from simulations.settings import Wish


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the questions, and how they are played.

    Attributes:
        pools: One a model.
        packed: The same on their way to a worker.
        profile: What the engine costs.
        settings: How they are played.
    """

    pools: list[Pool]
    packed: list[PackedPools]
    profile: LatencyProfile
    settings: Settings


@dataclass(frozen=True, slots=True)
class Split:
    """The questions in folds.

    Attributes:
        whole: All questions.
        left_out: The questions of each fold.
        rest: All others, by fold.
    """

    whole: Part
    left_out: list[Part]
    rest: list[Part]


def split(
    pools: Sequence[Pool], folds: int, wish: Wish, profile: LatencyProfile, digests: str
) -> Split:
    """Draw folds by question, all models of a question in one, and settle how each is played.

    A stream has as many questions as were wished for, or as many as its part has if that is
    fewer. Left-out folds all have streams of one length, so that they add up to one result.

    Args:
        pools: One a model.
        folds: How many, at least 2.
        wish: How all questions are to be played; its time is by question, or without a limit.
        profile: What the engine costs.
        digests: Of the traces, to tell pools apart.

    Raises:
        CallerError: beginning with the name of the field that asks too much.
    """
    whole = _part(pools, wish, profile, digests)
    longest = whole.settings.questions
    drawn = _draw(pools, folds, wish.seed)
    every = frozenset().union(*drawn)
    inside = [_restrict(pools, ids) for ids in drawn]
    outside = [_restrict(pools, every - ids) for ids in drawn]
    least = min(longest, *(len(pool.questions) for fold in inside for pool in fold))
    if least < 1:
        raise CallerError(f"folds: {folds} leave one without a question of some model")

    def part(fold: Sequence[Pool], questions: int) -> Part:
        shorter = msgspec.structs.replace(wish, questions=questions)
        return _part(fold, shorter, profile, digests)

    return Split(
        whole=whole,
        left_out=[part(fold, least) for fold in inside],
        rest=[
            part(fold, min(longest, *(len(pool.questions) for pool in fold))) for fold in outside
        ],
    )


def _draw(pools: Sequence[Pool], folds: int, seed: int) -> list[frozenset[str]]:
    ids = sorted({question.question_id for pool in pools for question in pool.questions})
    if folds > len(ids):
        raise CallerError(f"folds: must be at most the {len(ids)} questions, got {folds}")
    luck = generator(seed, 0, Purpose.ORDER, address_of("folds"))
    shuffled = [ids[place] for place in luck.permutation(len(ids)).tolist()]
    return [frozenset(shuffled[fold::folds]) for fold in range(folds)]


def _restrict(pools: Iterable[Pool], ids: frozenset[str]) -> list[Pool]:
    return [
        Pool(pool.model, tuple(one for one in pool.questions if one.question_id in ids))
        for pool in pools
    ]


def _part(pools: Sequence[Pool], wish: Wish, profile: LatencyProfile, digests: str) -> Part:
    ids = sorted(question.question_id for pool in pools for question in pool.questions)
    content = sha256(msgspec.json.encode([digests, ids])).hexdigest()
    return Part(
        pools=list(pools),
        packed=[pack(f"{content} {pool.model}", [pool]) for pool in pools],
        profile=profile,
        settings=settle(wish, profile, pools),
    )
