"""The latency profile: what it predicts, and which profiles it refuses."""

from __future__ import annotations

from math import fsum, inf, nan
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import CallerError, LatencyProfile, decode_profile, encode_profile
from scheduler.latency import Decode, Prefill, Probe

MEASURED = Decode(width=(1, 4, 8), step_s=(0.01, 0.016, 0.04), context_s_per_token=1e-7)


@pytest.mark.parametrize(
    ("width", "step_s"),
    [(1, 0.01), (2, 0.012), (4, 0.016), (6, 0.028), (8, 0.04), (9, 0.046), (12, 0.064)],
)
def test_steps_between_and_beyond_the_measured_widths(width: int, step_s: float) -> None:
    """Between two points, and beyond the last, the line through the nearest two counts."""
    assert LatencyProfile(name="t", decode=MEASURED).base_step_s(width) == pytest.approx(step_s)


@pytest.mark.parametrize("width", [1, 2, 100])
def test_one_measured_width_counts_for_all(width: int) -> None:
    """With one point nothing is known of the slope, and none is assumed."""
    decode = Decode(width=(1,), step_s=(0.01,))
    assert LatencyProfile(name="t", decode=decode).base_step_s(width) == 0.01


def test_a_step_reads_the_context() -> None:
    """Every token of context costs its part of a step."""
    profile = LatencyProfile(name="t", decode=MEASURED)
    assert profile.step_s(4, 1e5) == pytest.approx(0.026)


@given(
    tokens=st.integers(0, 400),
    width=st.integers(1, 12),
    context=st.integers(0, 10**6),
)
def test_decoding_is_the_sum_of_its_steps(tokens: int, width: int, context: int) -> None:
    """Step by step, with the context read at the middle of each, the sum is the same."""
    profile = LatencyProfile(name="t", decode=MEASURED)
    steps = fsum(profile.step_s(width, context + width * (n + 0.5)) for n in range(tokens))
    assert profile.decode_s(tokens, width, context) == pytest.approx(steps, rel=1e-12, abs=1e-15)


def test_probes_decode_beside_the_samples() -> None:
    """A probe waits, then runs within a batch of twice the width."""
    profile = LatencyProfile(name="t", decode=MEASURED, probe=Probe(base_s=0.5, tokens=10))
    assert profile.probe_s(4, 1000.0) == 0.5 + profile.decode_s(10, 8, 1000.0)
    assert LatencyProfile(name="t", decode=MEASURED).probe_s(4) == 0.0


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("decode.width", {"width": ()}),
        ("decode.width", {"width": (2, 4)}),
        ("decode.width", {"width": (1, 4, 4), "step_s": (1.0, 1.0, 1.0)}),
        ("decode.step_s", {"step_s": (0.1,)}),
        ("decode.step_s", {"step_s": (0.2, 0.1)}),
        ("decode.step_s", {"step_s": (0.0, 0.1)}),
        ("decode.step_s", {"step_s": (-0.1, 0.1)}),
        ("decode.step_s", {"step_s": (0.1, nan)}),
        ("decode.step_s", {"step_s": (0.1, inf)}),
        ("decode.context_s_per_token", {"context_s_per_token": -1e-9}),
        ("decode.context_s_per_token", {"context_s_per_token": nan}),
    ],
)
def test_an_impossible_table_of_steps_is_refused_by_name(
    field: str, fields: dict[str, Any]
) -> None:
    """Each rule of the table names the field it is about."""
    with pytest.raises(CallerError, match=f"^{field} must"):
        Decode(**{"width": (1, 4), "step_s": (0.1, 0.2), **fields})


@pytest.mark.parametrize(
    ("field", "build"),
    [
        ("prefill.base_s", lambda: Prefill(base_s=-1.0)),
        ("prefill.s_per_token", lambda: Prefill(s_per_token=nan)),
        ("prefill.request_s", lambda: Prefill(request_s=inf)),
        ("prefill.stall_s", lambda: Prefill(base_s=0.1, stall_s=0.2)),
        ("probe.base_s", lambda: Probe(base_s=-1.0)),
        ("probe.tokens", lambda: Probe(tokens=-1)),
        ("stop_s", lambda: LatencyProfile(name="t", decode=MEASURED, stop_s=-1.0)),
        ("startup_s", lambda: LatencyProfile(name="t", decode=MEASURED, startup_s=inf)),
        ("max_sequences", lambda: LatencyProfile(name="t", decode=MEASURED, max_sequences=0)),
        ("max_sequences", lambda: LatencyProfile(name="t", decode=MEASURED, max_sequences=-3)),
        ("kv_cache_tokens", lambda: LatencyProfile(name="t", decode=MEASURED, kv_cache_tokens=0)),
        ("format", lambda: LatencyProfile(name="t", decode=MEASURED, format=2)),
    ],
)
def test_an_impossible_profile_is_refused_by_name(field: str, build: Any) -> None:  # noqa: ANN401
    """Each number is checked when the profile is built."""
    with pytest.raises(CallerError, match=field):
        build()


def test_a_profile_comes_back_from_json() -> None:
    """Every field survives the file."""
    profile = LatencyProfile(
        name="t",
        decode=MEASURED,
        description="d",
        model="m",
        gpu="g",
        engine="e",
        prefill=Prefill(base_s=0.1, s_per_token=0.001, request_s=0.002, stall_s=0.05),
        probe=Probe(base_s=0.1, tokens=3),
        stop_s=0.2,
        startup_s=60.0,
        max_sequences=9,
        kv_cache_tokens=1000,
    )
    assert decode_profile(encode_profile(profile)) == profile


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"decode": None}, "decode"),
        ({"stop_seconds": 1.0}, "stop_seconds"),
        ({"stop_s": "long"}, "stop_s"),
        ({"stop_s": -1.0}, "stop_s"),
        ({"decode": {"width": [2], "step_s": [1.0]}}, "decode.width"),
        ({"format": 7}, "format 7"),
    ],
)
def test_a_bad_file_is_refused_by_field(change: dict[str, Any], named: str) -> None:
    """A profile from a file names what is missing, unknown, of a wrong type or impossible."""
    raw = msgspec.json.decode(encode_profile(LatencyProfile(name="t", decode=MEASURED)))
    with pytest.raises(CallerError, match=named):
        decode_profile(msgspec.json.encode({**raw, **change}))


def test_no_json_is_no_profile() -> None:
    """Bytes that are no JSON are refused like any other."""
    with pytest.raises(CallerError):
        decode_profile(b"width: 1")
