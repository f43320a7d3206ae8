"""Sweeps as files: rows made up from a seed, for tests that only compare them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from simulations.sweep_table import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUESTIONS = 12
STREAMS = 40
# Policy, share added to the pass rate, tokens and seconds a question; the seconds are dyadic.
PLAYED = [
    ("self-consistency", 0.10, 60_000, 128.0),
    ("self-consistency:k=16", 0.05, 16_000, 32.0),
    ("clamp", 0.08, 20_000, 24.0),
    ("share:width=16,equal=4", 0.02, 30_000, 80.0),
]


@dataclass(slots=True)
class Sweep:
    """Makes the rows of a sweep; every argument is one of its columns or sides.

    Attributes:
        questions: Different questions.
        terms: Columns of the context that differ from the usual.
        seed: Of what is made up.
    """

    questions: int = QUESTIONS
    terms: dict[str, object] = field(default_factory=dict)
    seed: int = 0

    def rows(
        self,
        played: list[tuple[str, float, int, float]] = PLAYED,
        totals: tuple[float | None, ...] = (3000.0, None),
        models: tuple[str, ...] = ("small", "large"),
    ) -> pl.DataFrame:
        """Return the rows of every policy under every total on every model."""
        luck = np.random.default_rng(self.seed)
        rates = {
            model: np.round(luck.uniform(-0.2, 1.2, self.questions).clip(0.0, 1.0), 2)
            for model in models
        }
        hardness = luck.uniform(0.5, 2.0, self.questions)
        frames = []
        for policy, gain, tokens, seconds in played:
            for total_s in totals:
                share = 1.0 if total_s is None else 0.5
                cell = sha256(f"{policy} {total_s} {self.terms}".encode()).hexdigest()
                for model in models:
                    chance = np.clip(rates[model] + gain * share, 0.0, 1.0)
                    frames.append(
                        self._frame(cell, policy, total_s, model).with_columns(
                            pass_rate=rates[model],
                            correct=luck.binomial(STREAMS, chance),
                            tokens=np.round(STREAMS * share * tokens * hardness).astype(int),
                            seconds=np.round(STREAMS * share * seconds * hardness),
                        )
                    )
        return pl.concat(frame.select(SCHEMA.names()).cast(SCHEMA) for frame in frames)

    def _frame(self, cell: str, policy: str, total_s: float | None, model: str) -> pl.DataFrame:
        columns = {
            "traces": "a" * 64,
            "profile": "assumed-qwen3-8b",
            "profile_digest": "b" * 64,
            "questions": 10,
            "order": "random",
            "draw": "random",
            "streams": STREAMS,
            "seed": 0,
            **self.terms,
        }
        return pl.DataFrame(
            {"question_id": [f"q{index:02}" for index in range(self.questions)]}
        ).with_columns(
            cell=pl.lit(cell),
            policy=pl.lit(policy),
            total_s=pl.lit(total_s, dtype=pl.Float64),
            model=pl.lit(model),
            plays=pl.lit(STREAMS),
            overruns=pl.lit(0),
            unanswered=pl.lit(3),
            exhausted=pl.lit(17 if policy == "self-consistency" else 0),
            **{name: pl.lit(value) for name, value in columns.items()},
        )


@pytest.fixture
def sweep() -> Callable[..., pl.DataFrame]:
    """Make rows: of which policies, under which totals, on which models, in which context."""

    def make(
        questions: int = QUESTIONS,
        seed: int = 0,
        terms: dict[str, object] | None = None,
        **sides: Any,  # noqa: ANN401 - as `Sweep.rows` takes them
    ) -> pl.DataFrame:
        return Sweep(questions, terms or {}, seed).rows(**sides)

    return make


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Write rows to a file of this name and return its path."""

    def save(rows: pl.DataFrame, name: str = "sweep.parquet") -> Path:
        path = tmp_path / name
        rows.write_parquet(path)
        return path

    return save
