"""Folds: by question, all models together, from the seed alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from scheduler import CallerError
from simulations.bundled import read_profile
from simulations.pools import pools_of
from simulations.settings import Wish
from simulations.traces import read_trace
from simulations.tuning.parts import Part, Split, split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulations.pool import Pool

WISH = Wish(
    questions=None,
    total_s=None,
    per_question_s=2.0,
    reserve_s=0.0,
    floor_s=0.0,
    startup_s=0.0,
    gateway_s=0.0,
    order="random",
    draw="random",
    streams=4,
    seed=0,
)
PROFILE = read_profile("assumed-qwen3-8b")


@pytest.fixture
def pools(write: Callable[..., Path], tmp_path: Path) -> list[Pool]:
    """Two models that answered the same six questions."""
    return pools_of([read_trace(write(tmp_path, name)) for name in ("one", "two")])


def ids_of(part: Part) -> list[set[str]]:
    """Return the questions of each model."""
    return [{question.question_id for question in pool.questions} for pool in part.pools]


def divide(pools: list[Pool], folds: int, **changes: int) -> Split:
    """Divide them."""
    return split(pools, folds, msgspec.structs.replace(WISH, **changes), PROFILE, "digests")


@pytest.mark.parametrize("folds", [2, 3, 4, 6])
def test_folds_part_the_questions(pools: list[Pool], folds: int) -> None:
    """Each question is left out once, by all models, and never where it was tuned on."""
    divided = divide(pools, folds)
    seen: list[str] = []
    for inside, outside in zip(divided.left_out, divided.rest, strict=True):
        one, two = ids_of(inside)
        assert one == two
        assert ids_of(outside) == [ids - one for ids in ids_of(divided.whole)]
        seen += one
    assert sorted(seen) == [f"q{number}" for number in range(6)]


def test_folds_come_from_the_seed(pools: list[Pool]) -> None:
    """One seed, one division; another seed, another one."""
    parts = [
        [ids_of(fold)[0] for fold in divide(pools, 2, seed=seed).left_out] for seed in (0, 0, 1)
    ]
    assert parts[0] == parts[1] != parts[2]


def test_streams_are_as_long_as_their_part_allows(pools: list[Pool]) -> None:
    """A stream holds as many questions as were wished for, or all that its part has."""
    divided = divide(pools, 4)
    assert divided.whole.settings.questions == 6
    assert [part.settings.questions for part in divided.rest] == [4, 4, 5, 5]
    assert {part.settings.questions for part in divided.left_out} == {1}
    assert [part.settings.total_s for part in divided.rest] == [8.0, 8.0, 10.0, 10.0]
    shorter = divide(pools, 2, questions=2)
    assert {part.settings.questions for part in [*shorter.rest, *shorter.left_out]} == {2}


def test_every_model_needs_a_question_in_every_fold(pools: list[Pool]) -> None:
    """A model that lacks all questions of a fold cannot be judged there."""
    few = msgspec.structs.replace(pools[1], questions=pools[1].questions[:1])
    with pytest.raises(CallerError, match="folds: 2 leave one without a question of some model"):
        divide([pools[0], few], 2)
