"""How long an engine takes: the latency profile that both worlds plan with.

The model of one decoding step, for n sequences whose contexts sum to K tokens, is

    step_s(n, K) = base_s(n) + context_s_per_token · K

where `base_s` is read off a measured table (linear between its points and beyond them) and the
second term is the reading of the KV cache. Every running sequence gains one token a step.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from scheduler.checks import require_finite, require_number
from scheduler.errors import CallerError

FORMAT = 1


class Decode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds of one decoding step by width.

    Attributes:
        width: Numbers of running sequences that were measured, strictly ascending, from 1.
        step_s: Seconds a step at each width, shape of `width`.
        context_s_per_token: Seconds a step for each token of context, summed over sequences.
    """

    width: tuple[int, ...]
    step_s: tuple[float, ...]
    context_s_per_token: float = 0.0

    def __post_init__(self) -> None:
        if not self.width or self.width[0] != 1:
            raise CallerError(f"decode.width must begin with 1, got {self.width!r}")
        if len(self.width) != len(self.step_s):
            raise CallerError(
                f"decode.step_s must have {len(self.width)} values as decode.width has, "
                f"got {len(self.step_s)}"
            )
        if any(b <= a for a, b in zip(self.width, self.width[1:], strict=False)):
            raise CallerError(f"decode.width must ascend, got {self.width!r}")
        for value in self.step_s:
            require_finite("decode.step_s", value, 0.0)
        if any(b < a for a, b in zip(self.step_s, self.step_s[1:], strict=False)):
            raise CallerError(f"decode.step_s must not fall with width, got {self.step_s!r}")
        if self.step_s[0] <= 0.0:
            raise CallerError(f"decode.step_s must be above 0, got {self.step_s[0]!r}")
        require_finite("decode.context_s_per_token", self.context_s_per_token, 0.0)


class Prefill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds from asking for a sample to its first token.

    A sample waits `base_s`, plus `s_per_token` for each prompt token that is not cached (only
    the first sample of a question pays that), plus `request_s` for each request handed to the
    engine before it and not yet taken up: the front end takes them one by one. For the last
    `stall_s` of that wait nothing else decodes; the stalls of several arrivals may overlap.
    Its first token is gained in the step after the wait.
    """

    base_s: float = 0.0
    s_per_token: float = 0.0
    request_s: float = 0.0
    stall_s: float = 0.0

    def __post_init__(self) -> None:
        require_finite("prefill.base_s", self.base_s, 0.0)
        require_finite("prefill.s_per_token", self.s_per_token, 0.0)
        require_finite("prefill.request_s", self.request_s, 0.0)
        require_number("prefill.stall_s", self.stall_s, 0.0, self.base_s)


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cost of a probe or forced answer: `base_s`, then `tokens` decoded within the batch."""

    base_s: float = 0.0
    tokens: int = 0

    def __post_init__(self) -> None:
        require_finite("probe.base_s", self.base_s, 0.0)
        require_finite("probe.tokens", self.tokens, 0)


class LatencyProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an engine on a machine costs, in seconds.

    Attributes:
        name: A word for tables.
        description: What was measured, where and how; or what is assumed.
        model: The model, where the profile belongs to one.
        gpu: The accelerator.
        engine: Name and version of the engine.
        decode: Steps by width and context.
        prefill: Seconds to the first token.
        probe: Cost of a probe.
        opening_s: Seconds from a question's coming until its prompt is made and read; its first
            decision is carried out then.
        stop_s: Seconds from a stop until the engine has dropped the sample.
        startup_s: Seconds until the engine takes its first request.
        max_sequences: Sequences that run at once; more wait. None: no limit.
        kv_cache_tokens: Tokens of context the engine holds; beyond it samples wait or are
            preempted. None: no limit.
        format: Version of this layout.
    """

    name: str
    decode: Decode
    description: str = ""
    model: str | None = None
    gpu: str | None = None
    engine: str | None = None
    prefill: Prefill = Prefill()
    probe: Probe = Probe()
    opening_s: float = 0.0
    stop_s: float = 0.0
    startup_s: float = 0.0
    max_sequences: int | None = None
    kv_cache_tokens: int | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise CallerError(f"latency profile format {self.format!r} is unknown, need {FORMAT}")
        require_finite("opening_s", self.opening_s, 0.0)
        require_finite("stop_s", self.stop_s, 0.0)
        require_finite("startup_s", self.startup_s, 0.0)
        require_finite("max_sequences", self.max_sequences or 1, 1)
        require_finite("kv_cache_tokens", self.kv_cache_tokens or 1, 1)
        if self.max_sequences == 0 or self.kv_cache_tokens == 0:
            raise CallerError("max_sequences and kv_cache_tokens must be at least 1, or null")

    def base_step_s(self, width: int) -> float:
        """Seconds of one step of `width` sequences, before the cost of their context."""
        widths, steps = self.decode.width, self.decode.step_s
        if len(widths) == 1:
            return steps[0]
        right = min(max(bisect_right(widths, width), 1), len(widths) - 1)
        w0, w1, s0, s1 = widths[right - 1], widths[right], steps[right - 1], steps[right]
        return s0 + (s1 - s0) * (width - w0) / (w1 - w0)

    def step_s(self, width: int, context_tokens: float = 0.0) -> float:
        """Seconds of one step of `width` sequences whose contexts sum to `context_tokens`."""
        return self.base_step_s(width) + self.decode.context_s_per_token * context_tokens

    def decode_s(self, tokens: float, width: int, context_tokens: float = 0.0) -> float:
        """Seconds in which each of `width` sequences gains `tokens` tokens.

        `context_tokens` is the sum of contexts at the beginning; it grows by `width` a step.
        """
        mean_context = context_tokens + width * tokens / 2.0
        return tokens * self.step_s(width, mean_context)

    def probe_s(self, width: int, context_tokens: float = 0.0) -> float:
        """Seconds until `width` probes asked at once are answered while `width` samples run."""
        return self.probe.base_s + self.decode_s(self.probe.tokens, 2 * width, context_tokens)


def decode_profile(raw: bytes) -> LatencyProfile:
    """Read a profile from JSON.

    Raises:
        CallerError: if a field is missing, unknown, of the wrong type or impossible.
    """
    try:
        return msgspec.json.decode(raw, type=LatencyProfile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(str(error)) from error


def encode_profile(profile: LatencyProfile) -> bytes:
    """Write a profile as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n"
