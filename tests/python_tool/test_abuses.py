"""Hostile and broken programs: each is contained, and nobody else notices."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from abuses import ABUSES, Abuse, Wants

from engine.python_tool.tool import Ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Bench

    from engine.python_tool.tool import ToolSession

SLACK_S = 1.0
"""A busy machine may be so much late."""

AGAIN_S = 0.2
"""A tool is usable again within so long."""

SOON_S = 0.7
"""The deadline of programs that run into it."""

_LATE = {Wants.LATE, Wants.ENDS, Wants.STOPS}
_ENDS = {
    Wants.RAISES: {Ended.RAISED},
    Wants.REFUSED: {Ended.VALUE},
    Wants.HARMLESS: {Ended.VALUE},
    Wants.LATE: {Ended.LATE},
    Wants.ENDS: {Ended.DIED, Ended.KILLED},
    Wants.STOPS: {Ended.LATE, Ended.DIED, Ended.KILLED, Ended.RAISED},
}


@pytest.fixture(scope="module")
def neighbour(bench: Bench) -> Iterator[ToolSession]:
    """A session of somebody else, open all the while."""
    session = bench.tool.session()
    bench.run(session.run("mine = [1, 2, 3]"))
    yield session
    session.close()


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the machine's that must stay as it is."""
    path = tmp_path_factory.mktemp("canary") / "canary.txt"
    path.write_text("alive")
    return path


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda abuse: abuse.name)
def test_it_is_contained(
    abuse: Abuse, bench: Bench, session: ToolSession, neighbour: ToolSession, canary: Path
) -> None:
    """It ends as said and in time; its session answers at once, others have noticed nothing."""
    bench.run(session.run("kept = 41"))
    source = abuse.code.replace("CANARY_PATH", str(canary)).replace("HOST_PID", str(os.getpid()))
    began_s = time.monotonic()
    deadline_s = SOON_S if abuse.wants in _LATE else bench.tool.limits.deadline_s
    result = bench.run(session.run(source, deadline_s))
    took_s = time.monotonic() - began_s
    limits = bench.tool.limits
    assert took_s < deadline_s + limits.grace_s + SLACK_S
    assert result.ended in _ENDS[abuse.wants], result
    if abuse.wants is Wants.REFUSED:
        assert result.output == "refused\n", result
    if abuse.prints is not None:
        assert abuse.prints in result.output, result
    assert len(result.output) < limits.output_chars + 100
    began_s = time.monotonic()
    again = bench.run(session.run("print(kept + 1)" if abuse.keeps else "print(42)"))
    assert time.monotonic() - began_s < AGAIN_S + SLACK_S
    if abuse.keeps:
        assert (again.output, result.lost) == ("42\n", False)
    assert bench.run(neighbour.run("mine")).output == "[1, 2, 3]\n"
    assert canary.read_text() == "alive"
    assert list(canary.parent.iterdir()) == [canary]
