"""Small traces to fit to, and runs made of numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from policies.evidence import FEATURES
from policies.pricing import Parameters, Rule
from simulations.bundled import read_profile
from simulations.fitting.recording import Run
from simulations.fitting.stopping import Runs
from simulations.pools import pools_of
from simulations.traces import import_jsonl, read_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scheduler import LatencyProfile
    from simulations.pool import Pool

QUESTIONS = 6
SAMPLES = 12
QUICK = (
    *("--width", "1", "--width", "3", "--draws", "2", "--folds", "3"),
    *("--jobs", "1", "--profile", "assumed-qwen3-8b"),
)


def write_trace(
    folder: Path,
    model: str,
    *,
    questions: int = QUESTIONS,
    probes: bool = True,
    shift: int = 0,
    wrong: Sequence[str] = (),
) -> Path:
    """Write a trace: votes are right more often than not, and probes from half the length on.

    Args:
        folder: Where.
        model: Name of the model and of the trace.
        questions: How many.
        probes: Whether samples were asked each 50 tokens.
        shift: Makes another trace of it.
        wrong: Questions whose gold nobody finds.
    """
    lines = []
    for question in range(questions):
        name = f"q{question}"
        for sample in range(SAMPLES):
            tokens = 200 + 60 * question + 37 * ((5 * sample + shift) % SAMPLES)
            right = (sample * (question + 3) + shift) % 5 < 3
            answer = "7" if right else str(sample % 3)
            told = [
                {"tokens": at, "answer": answer if 2 * at > tokens else str(at // 100)}
                for at in range(50, tokens, 50)
            ]
            lines.append(
                {
                    "question_id": name,
                    "sample": sample,
                    "gold": "none" if name in wrong else "7",
                    "answer": answer,
                    "tokens": tokens,
                    "features": {"level": float(question), "even": 3.0},
                    "checkpoints": told if probes else [],
                }
            )
    folder.mkdir(exist_ok=True)
    log = folder / f"{model}.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    import_jsonl(log, folder / model, model)
    return folder / model


def blank(width: int, *, cap: int = 12, **changes: Any) -> Parameters:  # noqa: ANN401 - fields of two structs
    """Return parameters with one rule that stops by the clock alone, where it is asked at all."""
    level = [0.0] * len(FEATURES)
    level[FEATURES.index("age")] = 1.0
    rule = Rule(
        width=width,
        cap=cap,
        constant=changes.pop("constant", 0.0),
        level=tuple(level),
        slope_constant=0.0,
        slope=(0.0,) * len(FEATURES),
        bend=0.0,
        price=(0.01, 1.0),
        units=(2.0, 1.0),
        accuracy=(0.9, 0.5),
    )
    fields = {"unit_tokens": 400.0, "probe_every_tokens": 50, "cut_tokens": 600, **changes}
    return Parameters(name="t", features=FEATURES, rules=(rule,), levels={}, **fields)


def run_of(
    features: object, right: object, *, model: int = 0, question: str = "q0", unit: float = 1.0
) -> Run:
    """Return a run by what was seen and whether the leader was right, one unit a decision."""
    table = np.array(features, dtype=np.float64)
    count = len(table)
    return Run(
        model=model,
        question_id=question,
        features=table if table.ndim > 1 else table[:, None],
        right=np.array(right, dtype=np.float64),
        units=unit * np.arange(1, count + 1),
        tokens=100.0 * np.arange(1, count + 1),
        ended=np.arange(1, count + 1),
    )


def random_runs(count: int = 40, features: int = 3, longest: int = 6, seed: int = 0) -> Runs:
    """Return runs of chance, of two models and four questions."""
    luck = np.random.default_rng(seed)
    runs = []
    for number in range(count):
        length = int(luck.integers(2, longest + 1))
        runs.append(
            run_of(
                luck.normal(size=(length, features)) * 10.0 ** (np.arange(features) % 3) + 2.0,
                luck.random(length) < 0.5,
                model=int(number % 3 == 0),
                question=f"q{number % 4}",
                unit=float(luck.uniform(0.1, 1.0)),
            )
        )
    return Runs(runs)


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """Write a trace of a model into a folder."""
    return write_trace


@pytest.fixture(scope="session")
def pools(tmp_path_factory: pytest.TempPathFactory) -> list[Pool]:
    """Two models that answered the same six questions."""
    folder = tmp_path_factory.mktemp("fitting")
    paths = [write_trace(folder, "one"), write_trace(folder, "two", shift=2)]
    return pools_of([read_trace(path) for path in paths])


@pytest.fixture(scope="session")
def profile() -> LatencyProfile:
    """A bundled profile."""
    return read_profile("assumed-qwen3-8b")


@pytest.fixture(scope="session")
def stopping_by_clock() -> Callable[..., Parameters]:
    """Make parameters of one rule that looks at the clock alone."""
    return blank


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """Make a run of numbers."""
    return run_of


@pytest.fixture(scope="session")
def make_runs() -> Callable[..., Runs]:
    """Make many runs of chance."""
    return random_runs


@pytest.fixture
def quick() -> tuple[str, ...]:
    """Arguments that make a fit short."""
    return QUICK
