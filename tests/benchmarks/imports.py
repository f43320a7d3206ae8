"""How long imports take, each in a process of its own: `python tests/benchmarks/imports.py`.

The least of some runs counts: the files are in memory then, as they are after a first start.
A library that is not installed is passed over.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys

RUNS = 3
NAMES = (
    *("scheduler", "policies", "engine.kaggle", "simulations.tournament"),
    *("msgspec", "loguru", "numpy", "polars", "httpx", "rich", "scipy.optimize", "sympy"),
    *("math_verify", "sklearn", "altair", "torch", "vllm"),
)

_TIMED = """
import sys, time
began_s = time.perf_counter()
import {name}
print(time.perf_counter() - began_s, "torch" in sys.modules)
"""


def import_s(name: str) -> tuple[float, bool]:
    """Import in new processes; return the least seconds, and whether torch came along."""
    code = _TIMED.format(name=name)
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
        for _ in range(RUNS)
    ]
    words = [one.stdout.split()[-2:] for one in said]
    return min(float(took_s) for took_s, _ in words), words[0][1] == "True"


def main() -> None:
    """Print a line an import."""
    for name in NAMES:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            print(f"{name:<24}not installed")
            continue
        took_s, with_torch = import_s(name)
        print(f"{name:<24}{took_s:8.3f} s{'  with torch' if with_torch else ''}")


if __name__ == "__main__":
    main()
