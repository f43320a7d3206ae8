"""Imports bring along nothing heavy: the core starts at once, and `predict` before its engine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

STARTS = 8
"""The quickest counts: a loaded machine is no failure."""

_TIMED = """
import json, sys, time
began_s = time.perf_counter()
import {name}
print(json.dumps([time.perf_counter() - began_s, [*sys.modules]]))
"""


def imported(name: str) -> tuple[float, set[str]]:
    """Import in a new process; return the seconds, and the names of all that came along."""
    code = _TIMED.format(name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    took_s, modules = json.loads(done.stdout)
    return took_s, set(modules)


@pytest.mark.parametrize(
    ("name", "limit_s", "without"),
    [
        ("scheduler", 0.15, {"torch", "vllm", "polars", "sympy", "numpy", "asyncio"}),
        ("engine.kaggle", 1.0, {"torch", "vllm", "sympy", "scipy"}),
    ],
)
def test_an_import_is_light(name: str, limit_s: float, without: set[str]) -> None:
    """What is heavy is imported once it is needed, if ever, and the time stays short."""
    for _ in range(STARTS):
        took_s, modules = imported(name)
        assert not without & modules
        if took_s < limit_s:
            return
    pytest.fail(f"import {name} took {took_s:.3f} s at the {STARTS}th start, not {limit_s} s")
