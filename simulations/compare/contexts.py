"""Contexts: cells that met the same questions on the same terms, as arrays by question."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from scheduler import CallerError
from simulations.compare.reading import CONTEXT_COLUMNS
from simulations.compare.results import Terms

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from simulations.sums import Floats

    Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """One policy under one total.

    Attributes:
        name: SHA-256 (hex) of the cell.
        policy: As it was given.
        total_s: Seconds a stream; None without a limit.
    """

    name: str
    policy: str
    total_s: float | None

    @property
    def family(self) -> str:
        """The policy without its parameters."""
        return self.policy.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Context:
    """Cells that are comparable, in the order of their first appearance.

    Shapes are (cells, models, questions) unless another is given. A question that a model was
    not asked has no plays.

    Attributes:
        terms: What the cells share.
        cells: Different in policy or total.
        models: By name, in the order of their first appearance.
        question_ids: Of all models, sorted.
        pass_rate: Share of right logged samples, NaN if not asked, shape (models, questions).
        plays: Times played.
        correct: Times answered right.
        tokens: Tokens over all plays.
        seconds: Seconds over all plays.
        overruns: Streams that ran past their total, shape (cells, models).
        unanswered: Questions without a timely submission, shape (cells, models).
        exhausted: Questions that ran out of logged samples, shape (cells, models).
    """

    terms: Terms
    cells: list[ComparedCell]
    models: list[str]
    question_ids: list[str]
    pass_rate: Floats
    plays: Integers
    correct: Integers
    tokens: Integers
    seconds: Floats
    overruns: Integers
    unanswered: Integers
    exhausted: Integers

    @property
    def policies(self) -> list[str]:
        """All policies, each once."""
        return list(dict.fromkeys(cell.policy for cell in self.cells))

    @property
    def families(self) -> list[str]:
        """All families, each once."""
        return list(dict.fromkeys(cell.family for cell in self.cells))

    @property
    def totals(self) -> list[float | None]:
        """All totals, the shortest first, without a limit last."""
        found = {cell.total_s for cell in self.cells}
        return sorted(found, key=lambda total_s: inf if total_s is None else total_s)


def contexts_of(rows: pl.DataFrame) -> list[Context]:
    """Part rows into contexts, in the order of their first appearance.

    Args:
        rows: As `read_rows` returns them.

    Raises:
        CallerError: if two cells of a context differ in nothing that the rows tell, or if one
            was not asked what another was.
    """
    return [_context(part) for _, part in rows.group_by(CONTEXT_COLUMNS, maintain_order=True)]


def _context(rows: pl.DataFrame) -> Context:
    found = rows.unique("cell", keep="first", maintain_order=True)
    cells = [
        ComparedCell(name, policy, total_s)
        for name, policy, total_s in found.select("cell", "policy", "total_s").iter_rows()
    ]
    _refuse_twins(cells)
    models = rows["model"].unique(maintain_order=True).to_list()
    question_ids = rows["question_id"].unique().sort().to_list()
    at = (
        _places(rows["cell"], [cell.name for cell in cells]),
        _places(rows["model"], models),
        _places(rows["question_id"], question_ids),
    )
    shape = (len(cells), len(models), len(question_ids))
    plays = _filled(rows["plays"], at, shape)
    _refuse_gaps(plays > 0, cells, models, question_ids)
    pass_rate = np.full(shape[1:], np.nan)
    pass_rate[at[1:]] = rows["pass_rate"].to_numpy()
    seconds = np.zeros(shape)
    seconds[at] = rows["seconds"].to_numpy()
    return Context(
        terms=Terms(**{name: rows[name][0] for name in CONTEXT_COLUMNS}),
        cells=cells,
        models=models,
        question_ids=question_ids,
        pass_rate=pass_rate,
        plays=plays,
        correct=_filled(rows["correct"], at, shape),
        tokens=_filled(rows["tokens"], at, shape),
        seconds=seconds,
        overruns=_filled(rows["overruns"], at[:2], shape[:2]),
        unanswered=_filled(rows["unanswered"], at[:2], shape[:2]),
        exhausted=_filled(rows["exhausted"], at[:2], shape[:2]),
    )


def _places(column: pl.Series, names: list[str]) -> Integers:
    place = {name: index for index, name in enumerate(names)}
    return np.array([place[name] for name in column], dtype=np.int64)


def _filled(column: pl.Series, at: tuple[Integers, ...], shape: tuple[int, ...]) -> Integers:
    filled = np.zeros(shape, dtype=np.int64)
    filled[at] = column.to_numpy()
    return filled


def _refuse_twins(cells: list[ComparedCell]) -> None:
    """Refuse cells that only differ in settings which rows do not tell."""
    seen: dict[tuple[str, float | None], str] = {}
    for cell in cells:
        twin = seen.setdefault((cell.policy, cell.total_s), cell.name)
        if twin != cell.name:
            raise CallerError(
                f"cells {twin} and {cell.name} are both {cell.policy} with total_s "
                f"{cell.total_s} and differ in settings that their rows do not tell "
                "(reserve, floor, start-up, gateway or version): compare them in separate runs"
            )


def _refuse_gaps(
    asked: NDArray[np.bool_], cells: list[ComparedCell], models: list[str], question_ids: list[str]
) -> None:
    """Refuse cells that were not asked the same questions of the same models."""
    gaps = np.argwhere(asked.any(axis=0) & ~asked)
    if len(gaps):
        cell, model, question = gaps[0].tolist()
        raise CallerError(
            f"cell {cells[cell].name} ({cells[cell].policy}) lacks model {models[model]!r}, "
            f"question {question_ids[question]!r}, which other cells of its context have"
        )
