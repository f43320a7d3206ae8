"""Small traces to tune on, and a short command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from simulations.traces import import_jsonl
from simulations.tune import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUESTIONS = 6
QUICK = ("--streams", "8", "--jobs", "1", "--profile", "assumed-qwen3-8b")


def write_trace(folder: Path, model: str, *, shift: int = 0) -> Path:
    """Write a trace of six questions: the more votes, the more often they are right."""
    lines = [
        {
            "question_id": f"q{question}",
            "sample": sample,
            "gold": "7",
            "answer": "7" if (sample * (question + 3) + shift) % 5 < 3 else str(sample % 3),
            "tokens": 100 + 30 * question + 23 * sample,
        }
        for question in range(QUESTIONS)
        for sample in range(12)
    ]
    log = folder / f"{model}.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    import_jsonl(log, folder / model, model)
    return folder / model


@pytest.fixture
def write() -> Callable[..., Path]:
    """Write a trace of a model into a folder."""
    return write_trace


@pytest.fixture
def quick() -> tuple[str, ...]:
    """Arguments that make tuning short."""
    return QUICK


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace of six questions with twelve samples each."""
    return write_trace(tmp_path, "tiny")


@pytest.fixture
def tune(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[dict[str, object], str]]:
    """Tune on the small trace; return the JSON and what was printed."""

    def run(*arguments: str, traces: tuple[Path, ...] = ()) -> tuple[dict[str, object], str]:
        target = tmp_path / "out.json"
        paths = [str(path) for path in traces or (trace,)]
        storage = [] if "--storage" in arguments else ["--storage", str(tmp_path / "tune.db")]
        assert main([*paths, *QUICK, *storage, *arguments, "--json", str(target)]) == 0
        found: dict[str, object] = json.loads(target.read_bytes())
        return found, capsys.readouterr().out

    return run
