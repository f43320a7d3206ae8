"""What stands around programs on this machine, and how long calls take."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.python_tool.limits import Limits
from engine.python_tool.tool import PythonTool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from engine.python_tool.tool import Outer

PROTECTS = {
    "bubblewrap": "only the libraries are there at all; no network, no process of others",
    "namespaces": "no network, no process of others; mounts of its own",
    "scratch": "files of a limited size in memory, gone with the session",
    "limits": "memory, open files, threads, size of a file; ends with whoever started it",
    "files": "reads beneath Python's libraries only, writes in the scratch folder only (Landlock)",
    "calls": "some calls of the kernel; no process, socket, signal to others (seccomp)",
}
"""Each wall, and what it keeps programs from, whatever the others do."""

_OPEN = 16
_PRINT = "print(1)"
_SOLVE = "x = symbols('x')\nsolve(x**2 - {}*x + {}, x)"  # of whole numbers, a new one each time
_STUBBORN = "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of one kind of call.

    Attributes:
        name: What was done.
        count: How often.
        median_s: Seconds, from asking to the answer.
        p95_s: Of one in twenty, at least.
    """

    name: str
    count: int
    median_s: float
    p95_s: float


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything found out.

    Attributes:
        walls: Those that stand.
        missing: Those that don't.
        loaded_s: Seconds to load each library and use it once.
        timings: Of calls.
    """

    walls: list[str]
    missing: list[str]
    loaded_s: dict[str, float]
    timings: list[Timing]


async def examine(outer: Sequence[Outer]) -> Examination:
    """Start the tool and try it.

    Raises:
        ToolError: if it does not come up.
    """
    async with PythonTool(Limits(deadline_s=5.0, grace_s=0.1), outer=outer) as tool:
        sessions = [tool.session() for _ in range(_OPEN)]
        timings = [
            await _timed("first call of a session", _OPEN, lambda n: sessions[n].run(_PRINT)),
            await _timed(
                f"a print, {_OPEN} sessions open", 200, lambda n: sessions[n % _OPEN].run(_PRINT)
            ),
        ]
        await asyncio.gather(*(one.run("from sympy import *\nsolve(1)") for one in sessions))
        timings += [
            await _timed(
                "a quadratic in sympy",
                4 * _OPEN,
                lambda n: sessions[n % _OPEN].run(_SOLVE.format(n + 5, 3 * n + 6)),
            ),
            await _timed(
                f"{_OPEN} prints at once",
                20,
                lambda _: asyncio.gather(*(one.run(_PRINT) for one in sessions)),
            ),
        ]
        for session in sessions[:4]:
            await session.run(_STUBBORN, 0.05)
        timings.append(await _timed("the call after a kill", 4, lambda n: sessions[n].run(_PRINT)))
        return Examination(
            walls=list(tool.walls),
            missing=[wall for wall in PROTECTS if wall not in tool.walls],
            loaded_s=tool.loaded_s,
            timings=timings,
        )


async def _timed(name: str, count: int, call: Callable[[int], Awaitable[object]]) -> Timing:
    taken = []
    for number in range(count):
        began_s = time.perf_counter()
        await call(number)
        taken.append(time.perf_counter() - began_s)
    p95_s = float(np.quantile(taken, 0.95))
    return Timing(name=name, count=count, median_s=median(taken), p95_s=p95_s)
