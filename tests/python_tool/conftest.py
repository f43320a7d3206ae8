"""A tool that many tests share: loading its libraries takes seconds."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

from engine.python_tool.limits import Limits
from engine.python_tool.tool import PythonTool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from engine.python_tool.tool import ToolSession

sys.path.insert(0, str(Path(__file__).parent))  # for what this suite shares

T = TypeVar("T")

LIMITS = Limits(deadline_s=20.0, memory_bytes=2**29, output_chars=4096)
"""A busy machine is slow: tests of deadlines name shorter ones."""


class Bench(NamedTuple):
    """A tool and the loop that it runs in."""

    tool: PythonTool
    runner: asyncio.Runner

    def run(self, awaitable: Awaitable[T]) -> T:
        """Wait for something."""

        async def wait() -> T:
            return await awaitable

        return self.runner.run(wait())


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Everything loaded."""
    with asyncio.Runner() as runner:
        tool = PythonTool(LIMITS)
        runner.run(tool.start())
        yield Bench(tool, runner)
        tool.close()


@pytest.fixture
def session(bench: Bench) -> Iterator[ToolSession]:
    """A session of its own for each test."""
    session = bench.tool.session()
    yield session
    session.close()
