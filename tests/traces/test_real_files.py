"""The four AIME files import with the figures that their README states."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulations.traces import describe, import_jsonl, read_trace

FILES = Path(__file__).parents[3] / "shared" / "traces" / "autotts-aime24"
FIGURES = [("0.6B", 10.9, 15.7), ("1.7B", 45.9, 16.0), ("4B", 71.8, 13.9), ("8B", 75.7, 14.2)]


@pytest.mark.skipif(not FILES.is_dir(), reason="the AIME files are not part of the project")
@pytest.mark.parametrize(("size", "right_percent", "mean_kilotokens"), FIGURES)
def test_aime_file_has_the_stated_figures(
    tmp_path: Path, size: str, right_percent: float, mean_kilotokens: float
) -> None:
    """Accuracy of one sample and mean tokens are those of an evaluator that shares no code."""
    source = FILES / f"Qwen3-{size}.aime24.jsonl.gz"
    imported = import_jsonl(source, tmp_path / size)
    trace = read_trace(tmp_path / size)
    assert trace.digest == imported.digest
    description = describe(trace)
    assert description["model"] == f"Qwen3-{size}.aime24"
    assert (description["questions"], description["samples"]) == (30, 3840)
    assert description["samples_per_question"] == {"min": 128, "median": 128.0, "max": 128}
    assert 100 * (description["pass_at_1"] or 0) == pytest.approx(right_percent, abs=0.05)
    # Half of the last digit, and a hair more: the 0.6B model's mean is 15,749.76.
    assert description["tokens"]["mean"] / 1000 == pytest.approx(mean_kilotokens, abs=0.0501)
    assert description["known"]["probes"] == description["checkpoints"] > 99_000
    assert description["known"]["entropy"] == 0.0
