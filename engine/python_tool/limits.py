"""What a program may use."""

from __future__ import annotations

import msgspec

from scheduler.checks import require_finite

LIBRARIES = ("sympy", "numpy", "scipy", "networkx")
"""What is loaded, and used once, before the first program comes."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each session's programs may use.

    Attributes:
        deadline_s: Seconds of a call, from when it gets its turn.
        grace_s: Seconds after which a program that goes on past its deadline is killed.
        memory_bytes: Address space beyond what the loaded libraries take.
        output_chars: Characters of output that are kept.
        scratch_bytes: What its files may hold, where it has a scratch folder at all.
        source_chars: Characters of a program.
    """

    deadline_s: float = 10.0
    grace_s: float = 0.25
    memory_bytes: int = 2**30
    output_chars: int = 8192
    scratch_bytes: int = 2**24
    source_chars: int = 2**18

    def __post_init__(self) -> None:
        require_finite("deadline_s", self.deadline_s, 0.001)
        require_finite("grace_s", self.grace_s, 0.0)
        require_finite("memory_bytes", self.memory_bytes, 2**24)
        require_finite("output_chars", self.output_chars, 64)
        require_finite("scratch_bytes", self.scratch_bytes, 2**12)
        require_finite("source_chars", self.source_chars, 1)
