"""The life of a server process and the guard beside it, with a stand-in for vLLM."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from engine.errors import EngineDeadError, MissingPartError
from engine.vllm import process as server_process
from engine.vllm.process import ServerProcess
from engine.vllm.settings import VllmSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Starter = Callable[..., ServerProcess]

pytestmark = pytest.mark.asyncio

FAKE = Path(__file__).with_name("fake_server.py")
SETTINGS = VllmSettings(model="any")
SCRIPT = """
import asyncio, importlib.util, sys
from pathlib import Path
from engine.vllm import process as server_process
from engine.vllm.settings import VllmSettings

fake, log = sys.argv[1:]
importlib.util.find_spec = lambda _: True
server_process.GRACE_S = 0.3
server_process._command = lambda _, port: [sys.executable, fake, "healthy", "--port", str(port)]

async def main():
    await server_process.ServerProcess(VllmSettings(model="any"), Path(log)).start()
    print("up", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def fake_command(how: str) -> Callable[[VllmSettings, int], list[str]]:
    """Return what starts the stand-in."""
    return lambda _, port: [sys.executable, str(FAKE), how, "--port", str(port)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The server's log."""
    return tmp_path / "server.log"


@pytest.fixture
def server(log: Path, monkeypatch: pytest.MonkeyPatch) -> Starter:
    """Make a server process that runs the stand-in."""

    def make(how: str, **options: float) -> ServerProcess:
        monkeypatch.setattr(server_process, "_command", fake_command(how))
        monkeypatch.setattr(server_process, "GRACE_S", 0.3)
        monkeypatch.setattr(server_process.importlib.util, "find_spec", lambda _: True)
        return ServerProcess(SETTINGS, log, **options)

    return make


def running(pids: Sequence[int]) -> list[int]:
    """Return those processes that run."""
    alive = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            alive.append(pid)
    return alive


async def gone(pids: Sequence[int], within_s: float) -> bool:
    """Return whether the processes end soon."""
    end = time.monotonic() + within_s
    while running(pids) and time.monotonic() < end:  # noqa: ASYNC110 - its event is elsewhere
        await asyncio.sleep(0.05)
    return not running(pids)


def answers(url: str) -> bool:
    """Return whether somebody is there and well."""
    return httpx.get(f"{url}/health", trust_env=False).is_success


def children(log: Path) -> list[int]:
    """Return the children of all stand-ins so far."""
    return [int(pid) for pid in re.findall(r"child (\d+)", log.read_text() if log.exists() else "")]


def family(log: Path) -> list[int]:
    """Return the last stand-in and its child."""
    child = children(log)[-1]
    parent = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    return [parent, child]


async def test_it_starts_and_ends_with_all_its_children(server: Starter, log: Path) -> None:
    """Deaf to the polite signal, they are killed; afterwards it starts again elsewhere."""
    process = server("healthy")
    assert not process.alive
    first = await process.start()
    assert process.alive
    assert answers(first)
    pids = family(log)
    assert len(running(pids)) == 2
    await process.stop()
    assert not process.alive
    assert running(pids) == []
    second = await process.start()
    assert answers(second)
    await process.stop()
    await process.stop()


async def test_a_killed_server_is_noticed_and_takes_its_children_along(
    server: Starter, log: Path
) -> None:
    """An engine core that outlived its server would hold the GPU."""
    process = server("healthy")
    await process.start()
    pids = family(log)
    os.kill(pids[0], signal.SIGKILL)
    assert await process.dies(within_s=2)
    assert not process.alive
    assert running(pids) == []
    await process.stop()


async def test_a_server_that_fails_at_its_start_says_why(server: Starter) -> None:
    """At once, with the end of its log."""
    began = time.monotonic()
    with pytest.raises(EngineDeadError, match="no such model"):
        await server("failing").start()
    assert time.monotonic() - began < 5


async def test_a_server_that_is_never_healthy_is_given_up(server: Starter, log: Path) -> None:
    """Then it is ended too."""
    with pytest.raises(EngineDeadError, match="not healthy after 1 s"):
        await server("sick", start_within_s=1).start()
    assert len(children(log)) == 1
    assert running(children(log)) == []


async def test_a_cancelled_start_leaves_nothing(server: Starter, log: Path) -> None:
    """Whoever gives up waiting gets his machine back."""
    process = server("sick")
    start = asyncio.create_task(process.start())
    while not children(log):  # noqa: ASYNC110 - its event is elsewhere
        await asyncio.sleep(0.05)
    pids = family(log)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert await gone(pids, within_s=3)


async def test_our_death_ends_the_server(tmp_path: Path, log: Path) -> None:
    """Even a death that leaves us no time for anything."""
    script = tmp_path / "dies.py"
    script.write_text(SCRIPT)
    dies = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(FAKE), str(log), stdout=PIPE
    )
    assert dies.stdout is not None
    assert await dies.stdout.readline() == b"up\n"
    pids = family(log)
    assert len(running(pids)) == 2
    dies.kill()
    await dies.wait()
    assert await gone(pids, within_s=3)


async def test_without_vllm_it_says_what_brings_it(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started then."""
    monkeypatch.setattr(server_process.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingPartError, match="pip install"):
        await ServerProcess(SETTINGS, log).start()
    assert children(log) == []
