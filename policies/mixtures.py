"""Mixtures of arms: which arms a question is sampled by, and what each is worth.

An arm's weight and what a further sample of it brings are fitted together on logged generations of
all of them (`simulations.mixing`), so arms that repeat each other's mistakes are worth less than
their own precision says.

What more samples bring depends on the question's *level of agreement*: the leader's share of all
votes by weight, with one vote more in the denominator, so that a single vote is no agreement. At
each level the accuracy that a sample of arm m adds, where `nₘ` of it and votes of the weight `W`
were started in all, is taken to be

    gₘ = a₀ + a₁·u + a₂·v + a₃·u² + a₄·u·v + a₅·v²,   u = 1/(1 + W),   v = 1/(1 + nₘ)

A sample that leaves the leader as it is brings nothing by itself and may still be the first of
several that turn it. So gₘ is a fourth of what the next four samples of the arm bring. Divided by
the seconds that a sample takes from the engine it is a price that arms can be compared by.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from policies.fitted_files import check_folds, read_fitted_file
from scheduler import CallerError
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import Tally

FORMAT = 1

LOOK_AHEAD = 4
"""Samples of an arm whose gain is weighed together."""

LEVELS = (0.1, 0.4, 0.6)
"""Agreement at which the next level begins: no vote, votes that differ, some agreement, much."""


class MixedArm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An arm of a mixture.

    Attributes:
        name: As the engine's portfolio and the traces name it.
        weight: Of its votes, from 0 to 1; the arm that is worth most has 1.
        tokens: That a sample generates, the mean.
        tool_s: Seconds that a sample waits for tools, the mean.
        judges: Whether it judges the two leading answers, and so waits until there are two.
        builds_on: The arm whose samples it continues; None for none.
    """

    name: str
    weight: float = 1.0
    tokens: float = 1.0
    tool_s: float = 0.0
    judges: bool = False
    builds_on: str | None = None

    def __post_init__(self) -> None:
        where = f"arms.{self.name}"
        require_number(f"{where}.weight", self.weight, 0.0, 1.0)
        require_number(f"{where}.tokens", self.tokens, 1e-9)
        require_finite(f"{where}.tool_s", self.tool_s, 0.0)
        if self.judges and self.builds_on is not None:
            raise CallerError(f"{where}: judges answers or builds on a sample, not both")

    @property
    def stands_alone(self) -> bool:
        """Whether its samples need nothing of others."""
        return not self.judges and self.builds_on is None

    @property
    def mismatch(self) -> str:
        """What to say where the arm of this name is of another kind than the mixture says."""
        if self.stands_alone:
            return (
                f"arm {self.name!r} judges answers or builds on samples: a mixture's file must "
                'say so ("judges": true, or "builds_on")'
            )
        return f"arm {self.name!r} does not judge or build on what the mixture says"


class Mixture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arms that share a question.

    Attributes:
        arms: At least one that stands alone.
        levels: Agreement at which the next level begins, ascending, shape (levels - 1).
        gains: The coefficients a₀ … a₅ by level and arm, shape (levels, arms, 6); empty where
            nothing was fitted: arms take turns then.
        models: Whose generations were fitted.
        traces: Their digests.
        format: Version of this layout.
    """

    arms: tuple[MixedArm, ...]
    levels: tuple[float, ...] = ()
    gains: tuple[tuple[tuple[float, ...], ...], ...] = ()
    models: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise CallerError(f"format {self.format!r} of a mixture is unknown, need {FORMAT}")
        self._check_arms()
        self._check_gains()

    def _check_arms(self) -> None:
        names = [arm.name for arm in self.arms]
        for arm in self.arms:
            if names.count(arm.name) > 1:
                raise CallerError(f"arms: {arm.name!r} comes twice")
            if arm.builds_on is not None and arm.builds_on not in names:
                raise CallerError(f"arms.{arm.name}.builds_on: there is no arm {arm.builds_on!r}")
        if not any(arm.weight for arm in self.arms if arm.stands_alone):
            raise CallerError("arms must hold one that stands alone and weighs something")

    def _check_gains(self) -> None:
        if list(self.levels) != sorted(set(self.levels)):
            raise CallerError(f"levels must ascend, got {self.levels!r}")
        if not self.gains:
            return
        shape = (len(self.levels) + 1, len(self.arms), len(terms(0.0, 0)))
        if len(self.gains) != shape[0] or any(
            len(rows) != shape[1] or any(len(row) != shape[2] for row in rows)
            for rows in self.gains
        ):
            raise CallerError(f"gains must have the shape {shape}: levels, arms, coefficients")

    def level_of(self, tally: Tally) -> int:
        """Return the level of agreement of the votes so far."""
        return bisect_right(self.levels, agreement(tally))

    def gain(self, level: int, counts: Sequence[int], place: int) -> float:
        """Return the accuracy that a next sample of an arm adds, at least 0.

        Args:
            level: Of agreement, now.
            counts: Samples of each arm, those that still run included.
            place: Of the arm.
        """
        weight = sum(arm.weight * count for arm, count in zip(self.arms, counts, strict=True))
        known = terms(weight, counts[place])
        return max(0.0, sum(a * x for a, x in zip(self.gains[level][place], known, strict=True)))


class CrossFittedMixture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mixtures by fold: a question meets the one that was fitted without it.

    Attributes:
        folds: What was fitted without each fold, all with the same arms.
        fold_of: The fold of each question.
    """

    folds: tuple[Mixture, ...]
    fold_of: dict[str, int]

    def __post_init__(self) -> None:
        check_folds(self.folds, self.fold_of)
        names = [arm.name for arm in self.folds[0].arms]
        if any([arm.name for arm in other.arms] != names for other in self.folds):
            raise CallerError("all folds must have the same arms")


def agreement(tally: Tally) -> float:
    """Return the leader's share of the votes by weight, one vote more in the denominator."""
    return tally.leader_weight / (sum(tally.weights.values()) + 1.0)


def terms(weight: float, count: int) -> tuple[float, ...]:
    """Return what the coefficients of a gain multiply.

    Args:
        weight: Of all samples started.
        count: Samples of the arm among them.
    """
    u, v = 1.0 / (1.0 + weight), 1.0 / (1.0 + count)
    return 1.0, u, v, u * u, u * v, v * v


def read_mixture(text: str) -> Mixture | CrossFittedMixture:
    """Read names of arms joined by `+`, which take turns and weigh the same, or a `.json` file.

    Raises:
        CallerError: one line that names the file and the field, or what is wrong with the names.
    """
    if text.endswith(".json"):
        return read_fitted_file(Path(text), Mixture, CrossFittedMixture)
    names = [name.strip() for name in text.split("+")]
    if not all(names):
        raise CallerError(f"arms {text!r}: want names joined by +, or a file that ends in .json")
    return Mixture(arms=tuple(MixedArm(name=name) for name in names))
