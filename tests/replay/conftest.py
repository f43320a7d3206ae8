"""Small traces to replay, and the real ones where they lie beside the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulations.traces import import_jsonl

BESIDE = Path(__file__).parents[3] / "shared" / "traces" / "autotts-aime24"


def write_log(path: Path, *, questions: int = 4, samples: int = 12, gold: str = "7") -> Path:
    """Write an import file: the right answer comes from every second sample, sooner or later."""
    lines = [
        {
            "question_id": f"q{question}",
            "sample": sample,
            "gold": gold,
            "answer": gold if (sample + question) % 2 else str(sample % 3),
            "tokens": 100 + 40 * question + 17 * sample,
        }
        for question in range(questions)
        for sample in range(samples)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace of four questions and twelve samples each."""
    import_jsonl(write_log(tmp_path / "tiny.jsonl"), tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture(scope="session")
def aime(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The AIME24 traces by model; the test is skipped where they are missing."""
    if not BESIDE.is_dir():
        pytest.skip("the AIME24 traces are not beside the project")
    folder = tmp_path_factory.mktemp("aime")
    models = ("Qwen3-0.6B", "Qwen3-1.7B", "Qwen3-4B", "Qwen3-8B")
    for model in models:
        import_jsonl(BESIDE / f"{model}.aime24.jsonl.gz", folder / model, model)
    return {model: folder / model for model in models}
