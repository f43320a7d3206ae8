"""Recording: the policy itself plays logged questions without stopping, and notes what it sees.

So the numbers that a fit learns from are those that the policy will weigh, at the moments at
which it will weigh them, and their cost is the simulated world's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from msgspec.structs import replace

from policies.priced import PricedPolicy
from scheduler import TimeBudget
from simulations.packing import PackedPools, pack, unpack
from simulations.play import play
from simulations.streams import Draw, Order, Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.pricing import Parameters
    from scheduler import LatencyProfile, QuestionView
    from simulations.pool import Pool
    from simulations.sums import Floats


@dataclass(frozen=True, slots=True)
class Run:
    """One question played to its cap at one width.

    Attributes:
        model: The pool's place.
        question_id: Which question.
        features: What was seen at each decision, shape (decisions, features).
        right: Whether the leader was right then, shape (decisions).
        units: Time since the opening, in units, shape (decisions).
        tokens: Tokens generated until then, by the policy's own count, shape (decisions).
        ended: Samples that had ended, shape (decisions).
    """

    model: int
    question_id: str
    features: Floats
    right: Floats
    units: Floats
    tokens: Floats
    ended: Floats


class Recorder(PricedPolicy):
    """Never has enough; remembers each decision."""

    def __init__(self, parameters: Parameters, gold: str) -> None:
        super().__init__(parameters, price=1.0)
        self._gold = gold
        self.seen: list[tuple[list[float], bool, float, float, int]] = []

    def is_enough(self, view: QuestionView, features: Sequence[float]) -> bool:
        """Note what there is, and go on."""
        right = view.tally.leader == self._gold
        tokens = float(self._evidence.tokens)
        since_s = view.at_s - view.opened.at_s
        self.seen.append((list(features), right, since_s, tokens, view.started - view.live))
        return False


def record(  # noqa: PLR0913 - what a recording is made of
    pools: Sequence[Pool],
    parameters: Parameters,
    profile: LatencyProfile,
    *,
    name: str,
    width: int,
    draws: int,
    seed: int,
    jobs: int,
    advance: Callable[[int], None],
) -> list[Run]:
    """Play every question of every pool at one width.

    Args:
        pools: One a model.
        parameters: Units, cut, cap and votes; their rules are not looked at.
        profile: What things cost.
        name: What the pools were made of, for the workers' memory.
        width: Samples at once.
        draws: Times that each question is played, each with samples of its own.
        seed: Of the draws.
        jobs: Processes.
        advance: Told after each question how many are done.
    """
    packed = pack(name, list(pools))
    calls = [
        (place, index) for place, pool in enumerate(pools) for index in range(len(pool.questions))
    ]
    parallel = Parallel(n_jobs=jobs, return_as="generator", batch_size=4)
    done = parallel(
        delayed(_play)(packed, place, index, parameters, profile, width, draws, seed)
        for place, index in calls
    )
    runs: list[Run] = []
    for count, found in enumerate(done, 1):
        runs += found
        advance(count)
    return runs


def _play(
    packed: PackedPools,
    place: int,
    index: int,
    parameters: Parameters,
    profile: LatencyProfile,
    width: int,
    draws: int,
    seed: int,
) -> list[Run]:
    pool = unpack(packed)[place]
    question = pool.questions[index]
    streams = Streams(pool, 1, Order.RANDOM, Draw.RANDOM, seed)
    unit_s = parameters.unit_s(profile, width)
    runs = []
    for draw in range(draws):
        recorder = Recorder(_at_width(parameters, width), question.gold)
        drawn = streams.question_of(draw, index)
        play(recorder, TimeBudget(inf, questions=1), profile, [drawn])
        features, right, seconds, tokens, ended = zip(*recorder.seen, strict=True)
        runs.append(
            Run(
                model=place,
                question_id=question.question_id,
                features=np.array(features),
                right=np.array(right, dtype=np.float64),
                units=np.array(seconds) / unit_s,
                tokens=np.array(tokens),
                ended=np.array(ended),
            )
        )
    return runs


def _at_width(parameters: Parameters, width: int) -> Parameters:
    """Return the parameters with this width alone; nobody looks at the rule's weights."""
    return replace(parameters, rules=(replace(parameters.rules[0], width=width),))
