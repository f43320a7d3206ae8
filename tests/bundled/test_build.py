"""What ships is what the build makes of the measurement, and bad input fails with one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from simulations.bundled import DEFAULT_PROFILE, default_traces, read_profile
from simulations.bundled.build import build, build_profile, main
from simulations.bundled.cut_traces import cut_traces
from simulations.bundled.engine_steps import Steps
from simulations.bundled.fit_profile import WIDTHS, fit_decode
from simulations.traces.read import read_trace

SOURCE = Path(__file__).parents[3] / "shared" / "traces" / "qwen2.5-coder-1.5b"
needs_source = pytest.mark.skipif(
    not (SOURCE / "timings.json").exists(), reason="the measurement folder is not here"
)


@needs_source
def test_build_gives_what_ships(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Building from the measurement gives the shipped profile and the shipped trace."""
    build(SOURCE, tmp_path)
    built = read_profile(str(tmp_path / "profiles" / f"{DEFAULT_PROFILE}.json"))
    assert built == read_profile(DEFAULT_PROFILE)
    trace = read_trace(tmp_path / "traces" / default_traces().name)
    assert trace.digest == read_trace(default_traces()).digest
    assert "12800 samples" in capsys.readouterr().out


@needs_source
def test_fit_holds_on_the_other_run() -> None:
    """Fitted to one engine start, the table is within a quarter of what both give."""
    one, both = build_profile(SOURCE, ("run1",)), read_profile(DEFAULT_PROFILE)
    assert one.decode.step_s == pytest.approx(both.decode.step_s, rel=0.25)


@needs_source
def test_cut_agrees_with_plain_sums() -> None:
    """Checkpoints and tails of some samples are the means of their windows, summed one by one."""
    cut = cut_traces(SOURCE)
    logged = pl.read_parquet(SOURCE / "checkpoints.parquet").filter(pl.col("arm") == "cot")
    for row in logged.sample(20, seed=1).iter_rows(named=True):
        entropy = np.repeat(row["win_entropy"], 32)[: row["completion_tokens"]]
        mine = (pl.col("question_id") == row["question_id"]) & (pl.col("sample") == row["sample"])
        sample = cut.samples.filter(mine).row(0, named=True)
        assert sample["tail_entropy"] == pytest.approx(entropy[-128:].mean(), abs=1e-4)
        points = cut.checkpoints.filter(mine)
        assert points["tokens"].to_list() == list(range(128, row["completion_tokens"], 128))
        for point in points.iter_rows(named=True):
            seen = entropy[: point["tokens"]]
            assert point["mean_entropy"] == pytest.approx(seen.mean(), abs=1e-4)
            assert point["tail_entropy"] == pytest.approx(seen[-128:].mean(), abs=1e-4)


def test_cut_weighs_the_short_window(tmp_path: Path) -> None:
    """A tail over a short last window takes the missing tokens from the window further back."""
    key = {"question_id": ["q"], "arm": ["cot"], "sample": [0], "completion_tokens": [168]}
    pl.DataFrame(
        {**key, "win_entropy": [[9.0, 8.0, 1.0, 1.0, 1.0, 2.0]], "win_conf": [[1.0] * 6]}
    ).write_parquet(tmp_path / "checkpoints.parquet")
    pl.DataFrame(
        {
            **key,
            "level": [0],
            "gold": [7],
            "answer": [""],
            "finish_reason": ["stop"],
            "prompt_tokens": [80],
            "mean_entropy": [3.0],
        }
    ).write_parquet(tmp_path / "samples.parquet")
    cut = cut_traces(tmp_path)
    sample = cut.samples.row(0, named=True)
    assert sample["tail_entropy"] == pytest.approx((24 * 8 + 96 * 1 + 8 * 2) / 128, abs=1e-4)
    assert sample["answer"] is None
    assert cut.questions.row(0, named=True)["feature_level"] is None
    assert cut.checkpoints["tail_entropy"].to_list() == [(9 + 8 + 1 + 1) / 4]


def test_fit_decode_finds_the_table() -> None:
    """From steps that follow a table and a context cost exactly, the fit finds both again."""
    rng = np.random.default_rng(5)
    width = rng.integers(1, 513, 4000)
    context = width * rng.uniform(100.0, 2000.0, 4000)
    table = np.linspace(0.003, 0.03, len(WIDTHS))
    seconds = np.interp(width, WIDTHS, table) + 2e-8 * context
    steps = Steps(
        stage="made up",
        width=width,
        context=context,
        engine_s=seconds,
        client_s=seconds,
        arrivals=np.zeros_like(width),
        quiet=np.ones(4000, dtype=np.bool_),
    )
    base_s, context_s_per_token = fit_decode([steps])
    assert base_s == pytest.approx(table, rel=1e-6)
    assert context_s_per_token == pytest.approx(2e-8, rel=1e-6)


def test_bad_source_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without the files ends the command with status 2 and one line naming the file."""
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "timings.json: cannot be read" in error


def test_bad_timings_name_the_field(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Timings that lack a field are refused naming it."""
    (tmp_path / "timings.json").write_text('{"run1": {}, "run2": {}}')
    assert main([str(tmp_path)]) == 2
    assert "engine_start_s" in capsys.readouterr().err
