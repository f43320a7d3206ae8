"""Hostile and broken programs: each is contained, and nobody else notices.

The suite runs all of them behind the best walls of this machine, and behind weaker ones those that
the system has to refuse. `python tests/python_tool/test_abuses.py nothing` runs all behind one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from abuses import ABUSES
from abuses.schema import Abuse, After, Wants
from conftest import LIMITS, Bench

from engine.python_tool.tool import Ended, Outer, PythonTool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.python_tool.tool import ToolSession

SLACK_S = 1.0
"""A busy machine may be so much late."""

AGAIN_S = 0.2
"""A tool is usable again within so long."""

SOON_S = 0.7
"""The deadline of programs that run into it."""

_LATE = {Wants.LATE, Wants.CATCHES, Wants.ENDS, Wants.STOPS}
_ENDS = {
    Wants.RAISES: {Ended.RAISED},
    Wants.REFUSED: {Ended.VALUE},
    Wants.HARMLESS: {Ended.VALUE},
    Wants.LATE: {Ended.LATE},
    Wants.CATCHES: {Ended.VALUE},
    Wants.ENDS: {Ended.DIED, Ended.KILLED},
    Wants.STOPS: {Ended.LATE, Ended.DIED, Ended.KILLED, Ended.RAISED},
}
_REFUSED = [abuse for abuse in ABUSES if abuse.wants is Wants.REFUSED]


def contain(abuse: Abuse, bench: Bench, neighbour: ToolSession, canary: Path) -> None:
    """Run one; check how it ends, what is left of its session, and that nobody has noticed."""
    limits = bench.tool.limits
    zygote = bench.tool._zygote
    device = os.stat(os.devnull)  # noqa: PTH116 - no file of a folder
    was = canary.stat()
    session = bench.tool.session()
    bench.run(session.run("kept = 41"))
    source = abuse.code.replace("CANARY_PATH", str(canary)).replace("HOST_PID", str(os.getpid()))
    deadline_s = SOON_S if abuse.wants in _LATE else limits.deadline_s
    began_s = time.monotonic()
    result = bench.run(session.run(source, deadline_s))
    assert time.monotonic() - began_s < deadline_s + limits.grace_s + SLACK_S
    assert result.ended in _ENDS[abuse.wants], result
    if abuse.wants is Wants.REFUSED:
        assert result.output == "refused\n", result
    if abuse.prints is not None:
        assert abuse.prints in result.output, result
    assert len(result.output) < limits.output_chars + 100
    began_s = time.monotonic()
    again = bench.run(session.run("print(kept + 1)" if abuse.after is After.KEEPS else "print(42)"))
    assert time.monotonic() - began_s < AGAIN_S + SLACK_S
    if abuse.after is After.KEEPS:
        assert not result.lost
    if abuse.after is not After.SPOILS:
        assert again.output == "42\n", again
    session.close()
    assert bench.run(neighbour.run("mine")).output == "[1, 2, 3]\n"
    assert bench.tool._zygote is zygote
    assert canary.read_text() == "alive"
    assert list(canary.parent.iterdir()) == [canary]
    assert canary.stat().st_ctime_ns == was.st_ctime_ns
    assert os.stat(os.devnull).st_mode == device.st_mode  # noqa: PTH116 - likewise


def settle(bench: Bench) -> ToolSession:
    """Give a session of somebody else, open all the while."""
    session = bench.tool.session()
    bench.run(session.run("mine = [1, 2, 3]"))
    return session


@pytest.fixture(scope="module")
def neighbour(bench: Bench) -> Iterator[ToolSession]:
    """Somebody behind the best walls."""
    session = settle(bench)
    yield session
    session.close()


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the machine's that must stay as it is."""
    path = tmp_path_factory.mktemp("canary") / "canary.txt"
    path.write_text("alive")
    return path


@pytest.fixture(scope="module", params=[Outer.NAMESPACES, Outer.NOTHING])
def weaker(request: pytest.FixtureRequest) -> Iterator[tuple[Bench, ToolSession]]:
    """A tool without bubblewrap, and somebody else there."""
    with asyncio.Runner() as runner:
        bench = Bench(PythonTool(LIMITS, libraries=("sympy",), outer=(request.param,)), runner)
        runner.run(bench.tool.start())
        yield bench, settle(bench)
        bench.tool.close()


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda abuse: abuse.name)
def test_it_is_contained(abuse: Abuse, bench: Bench, neighbour: ToolSession, canary: Path) -> None:
    """It ends as said and in time; its session answers at once, others have noticed nothing."""
    contain(abuse, bench, neighbour, canary)


@pytest.mark.parametrize("abuse", _REFUSED, ids=lambda abuse: abuse.name)
def test_what_is_refused_is_refused_without_bubblewrap(
    abuse: Abuse, weaker: tuple[Bench, ToolSession], canary: Path
) -> None:
    """The kernel's filters alone hold it."""
    contain(abuse, *weaker, canary)


def main(outer: Outer) -> int:
    """Run all behind some walls; say which are not contained."""
    escaped = 0
    began_s = time.monotonic()
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        canary = Path(folder, "canary.txt")
        canary.write_text("alive")
        bench = Bench(PythonTool(LIMITS, outer=(outer,)), runner)
        runner.run(bench.tool.start())
        neighbour = settle(bench)
        for abuse in ABUSES:
            try:
                contain(abuse, bench, neighbour, canary)
            except AssertionError as error:
                escaped += 1
                print(f"{abuse.name}: {error}")
        print(f"walls: {', '.join(bench.tool.walls)}")
        bench.tool.close()
    took_s = time.monotonic() - began_s
    print(f"{len(ABUSES) - escaped} of {len(ABUSES)} contained, in {took_s:.0f} s")
    return escaped


if __name__ == "__main__":
    sys.exit(bool(main(Outer(sys.argv[1]))))
