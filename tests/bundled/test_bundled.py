"""What ships with the package can be read, and says what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from simulations.bundled import (
    DEFAULT_PROFILE,
    bundled_traces,
    default_traces,
    profile_names,
    read_profile,
)
from simulations.traces.read import read_trace

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_BYTES = 3_000_000


def test_profiles_load() -> None:
    """Every bundled profile can be read and bears its file's name."""
    assert profile_names() == ("assumed-qwen3-8b", DEFAULT_PROFILE)
    for name in profile_names():
        assert read_profile(name).name == name


def test_assumed_rates() -> None:
    """The assumed profile decodes 95 tok/s alone and 45 tok/s beside 31 others."""
    profile = read_profile("assumed-qwen3-8b")
    assert 1.0 / profile.step_s(1) == 95.0
    assert 1.0 / profile.step_s(32, context_tokens=1e6) == 45.0


@pytest.mark.parametrize("n", [2, 16, 31, 64, 500])
def test_assumed_formula(n: int) -> None:
    """The assumed rate is 95/(1 + c(n - 1)) at every width, beyond 32 too."""
    c = (95.0 / 45.0 - 1.0) / 31.0
    rate = 1.0 / read_profile("assumed-qwen3-8b").step_s(n)
    assert rate == pytest.approx(95.0 / (1.0 + c * (n - 1)))


def test_assumed_forced_answers() -> None:
    """The assumed profile charges half a second for forced answers, however many they are."""
    profile = read_profile("assumed-qwen3-8b")
    assert profile.probe_s(1) == profile.probe_s(64) == 0.5
    assert profile.stop_s == profile.prefill.base_s == 0.0
    assert profile.max_sequences is None
    assert profile.kv_cache_tokens is None


def test_measured_throughput() -> None:
    """The measured profile gives the rates that were measured with slots kept full."""
    profile = read_profile(DEFAULT_PROFILE)
    assert 16 / profile.step_s(16, 16 * 700) == pytest.approx(3400, rel=0.15)
    assert 64 / profile.step_s(64, 64 * 700) == pytest.approx(7600, rel=0.25)
    assert profile.max_sequences == 512


def test_unknown_name() -> None:
    """An unknown name is refused with the nearest one and the list of all."""
    with pytest.raises(ValueError, match="no profile is named") as caught:
        read_profile("asumed-qwen3")
    assert "Did you mean assumed-qwen3-8b?" in str(caught.value)
    assert DEFAULT_PROFILE in str(caught.value)
    assert "\n" not in str(caught.value)


def test_profile_file(tmp_path: Path) -> None:
    """A path to a JSON file is read as a profile."""
    path = tmp_path / "own.json"
    path.write_text('{"name": "own", "decode": {"width": [1], "step_s": [0.5]}}')
    assert read_profile(str(path)).step_s(9) == 0.5


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is named in the error."""
    with pytest.raises(ValueError, match=r"none\.json: cannot be read"):
        read_profile(str(tmp_path / "none.json"))


def test_bad_file(tmp_path: Path) -> None:
    """A profile with a wrong field is refused naming the file and the field."""
    path = tmp_path / "bad.json"
    path.write_text('{"name": "bad", "decode": {"width": [1], "step_s": ["fast"]}}')
    with pytest.raises(ValueError, match=r"bad\.json: .*decode\.step_s"):
        read_profile(str(path))


def test_traces_hold_the_pool() -> None:
    """The bundled trace holds 64 samples of one arm on each of 200 questions."""
    trace = read_trace(default_traces())
    assert trace.questions.height == 200
    counts = trace.samples.group_by("question_id", "arm").len()
    assert counts.height == 200
    assert set(counts["len"]) == {64}
    assert trace.profile == read_profile(DEFAULT_PROFILE)


def test_every_bundled_trace_is_listed() -> None:
    """By name, the default first, each in a folder that can be read."""
    listed = bundled_traces()
    assert list(listed) == ["qwen2.5-coder-1.5b", "arms", "problems"]
    assert listed["qwen2.5-coder-1.5b"] == default_traces()
    assert {name: read_trace(path).name for name, path in listed.items()} == {
        name: name for name in listed
    }


def test_traces_hide_what_they_must() -> None:
    """No question text ships, nothing was probed, and no checkpoint stands at a sample's end."""
    trace = read_trace(default_traces())
    assert trace.questions["question"].null_count() == 200
    assert not trace.checkpoints["probed"].any()
    ends = trace.checkpoints.join(
        trace.samples.select("question_id", "arm", "sample", end="tokens"),
        on=["question_id", "arm", "sample"],
    )
    assert (ends["tokens"] < ends["end"]).all()
    assert (ends["tokens"] % 128 == 0).all()


def test_problems_hold_probes() -> None:
    """The second trace holds 32 samples on 240 problems of ours, probed each 128 tokens."""
    trace = read_trace(bundled_traces()["problems"])
    assert trace.samples.height == 240 * 32
    assert set(trace.questions["feature_level"]) == {1.0, 2.0, 3.0}
    assert trace.questions["question"].null_count() == 240
    probed = trace.checkpoints.filter("probed")
    assert probed.height > 30_000
    assert (probed["tokens"] % 128 == 0).all()


def test_arms_hold_tool_times() -> None:
    """The third trace holds 16 samples of each of four arms; one of them has used Python."""
    trace = read_trace(default_traces().parent / "arms")
    alone = trace.samples.filter(pl.col("candidate_first").is_null())
    counts = alone.group_by("question_id", "arm").len()
    assert counts.height == 240 * 4
    assert set(counts["len"]) == {16}
    assert trace.questions["question"].null_count() == 240
    assert trace.segments is not None
    tools = trace.segments.filter(kind="tool")
    assert set(tools["arm"]) == {"code"}
    assert tools["duration_s"].min() > 0.0
    assert tools["tokens"].sum() > tools.height


def test_arms_hold_judgements() -> None:
    """Its fifth arm judged at least four times each ordered pair that it was asked about."""
    trace = read_trace(default_traces().parent / "arms")
    judged = trace.samples.filter(arm="verifier")
    pairs = judged.group_by("question_id", "candidate_first", "candidate_second").len()
    assert pairs["question_id"].n_unique() == 234
    assert pairs["len"].min() >= 4
    turned = pairs.select("question_id", candidate_first="candidate_second", other=1)
    assert pairs.join(turned, on=["question_id", "candidate_first"], how="anti").is_empty()


def test_package_is_small() -> None:
    """The bundled files take no more than 3 MB."""
    files = [path for path in default_traces().parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LARGEST_BYTES
