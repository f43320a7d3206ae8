"""Random programs: none hangs the tool, none ends without an answer.

`python tests/python_tool/test_programs.py 10000` runs so many and says how they ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from programs import programs

from engine.python_tool.limits import Limits
from engine.python_tool.tool import Ended, PythonTool

if TYPE_CHECKING:
    from conftest import Bench

    from engine.python_tool.tool import ToolResult

SLACK_S = 2.0


def check(result: ToolResult, took_s: float, limits: Limits) -> None:
    """Check that a program had an end, in time, of a size that can be told."""
    assert took_s < limits.deadline_s + limits.grace_s + SLACK_S
    assert len(result.output) < limits.output_chars + 100
    assert result.lost == (result.ended in {Ended.DIED, Ended.KILLED})
    result.output.encode()


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(source=programs())
def test_every_program_has_an_end(bench: Bench, source: str) -> None:
    """Whatever it is, its session answers the next call."""
    session = bench.tool.session()
    began_s = time.monotonic()
    result = bench.run(session.run(source, 1.0))
    check(result, time.monotonic() - began_s, bench.tool.limits)
    assert bench.run(session.run("6 * 7")).output == "42\n"
    session.close()


def main(count: int) -> None:
    """Run many, sixteen programs a session."""
    limits = Limits(deadline_s=1.0, memory_bytes=2**29, output_chars=4096)
    ends: Counter[Ended] = Counter()
    began_s = time.monotonic()
    with asyncio.Runner() as runner:
        tool = PythonTool(limits)
        runner.run(tool.start())
        session = tool.session()

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(source=programs())
        def play(source: str) -> None:
            nonlocal session
            if sum(ends.values()) % 16 == 0:
                session.close()
                session = tool.session()
            called_s = time.monotonic()
            result = runner.run(session.run(source))
            check(result, time.monotonic() - called_s, limits)
            ends[result.ended] += 1

        play()
        tool.close()
    took_s = time.monotonic() - began_s
    told = ", ".join(f"{end} {number:,}" for end, number in ends.most_common())
    print(f"{sum(ends.values()):,} programs in {took_s:.0f} s: {told}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
