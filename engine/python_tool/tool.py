"""The tool as the engine room sees it: sessions that run programs and cannot do harm."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
from loguru import logger

from engine.python_tool.frames import LENGTH, NOTE_CHARS, Call, Hello, Reply, most_bytes
from engine.python_tool.limits import LIBRARIES, Limits
from engine.python_tool.walls import added_paths, library_paths
from engine.python_tool.zygote import NO_FORK, Ready, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_START_S = 60.0
"""Seconds to load the libraries, at most; 1 to 3 are usual."""

_FORK_S = 5.0
"""Seconds to fork a session."""


_THREADS = 256
"""Of a session at most; numpy has one."""

_LOOK_S = 0.05
"""Seconds between two looks at them."""


class ToolError(Exception):
    """The tool does not come up, or is closed."""


class Outer(StrEnum):
    """What stands around all sessions; each is tried in turn."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    NOTHING = "nothing"


class Ended(StrEnum):
    """How a call ended."""

    VALUE = "value"
    """The program ran to its end."""
    RAISED = "raised"
    """An exception ended it."""
    LATE = "late"
    """The deadline did; the session's variables live on."""
    KILLED = "killed"
    """It did not heed the deadline, and was killed with its session."""
    DIED = "died"
    """Its process ended: the program did that, or ran out of memory."""
    REFUSED = "refused"
    """The source is too long."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call.

    Attributes:
        output: What was printed, the value of a last expression, the traceback; the middle left
            out where it is long.
        ended: How.
        seconds: That the program ran; waiting for a turn is not in it.
        lost: Whether the session's variables are gone.
    """

    output: str
    ended: Ended
    seconds: float
    lost: bool


@dataclass(slots=True)
class _Process:
    """A session's process."""

    handle: int  # a pidfd
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    walls: tuple[str, ...]
    looking: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Kill it if it has too many threads, which no limit of the kernel counts for each.

        Looks again and again, until `rest`.
        """
        if _threads(self.handle) > _THREADS:
            self.send(signal.SIGKILL)
        self.looking = asyncio.get_running_loop().call_later(_LOOK_S, self.watch)

    def rest(self) -> None:
        """Stand still, threads and all."""
        self._look_away()
        self.send(signal.SIGSTOP)

    def _look_away(self) -> None:
        if self.looking is not None:
            self.looking.cancel()

    def send(self, number: int) -> None:
        with suppress(OSError):
            signal.pidfd_send_signal(self.handle, number)

    def end(self) -> None:
        self._look_away()
        self.send(signal.SIGKILL)
        os.close(self.handle)
        self.writer.close()


class PythonTool:
    """Runs programs of models, each sample's in a session of its own.

    A warm process forks each session, which then walls itself in (`engine.python_tool.walls`);
    around all of them stands bubblewrap where the machine has it. What stands is in `walls`.

    Args:
        limits: Of each session.
        libraries: To load, and to use once, beforehand.
        at_once: Calls that run at one time, the others wait in order; None for one a core.
        outer: What may stand around all sessions: the first that works here.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        libraries: Sequence[str] = LIBRARIES,
        at_once: int | None = None,
        outer: Sequence[Outer] = tuple(Outer),
    ) -> None:
        self.limits = limits or Limits()
        self._libraries = tuple(libraries)
        self._turns = asyncio.Semaphore(at_once or len(os.sched_getaffinity(0)))
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._forking = asyncio.Lock()
        self._may_be = tuple(outer)
        self._outer = Outer.NOTHING
        self._sessions: set[ToolSession] = set()
        self._inner: tuple[str, ...] = ()  # walls of each session
        self.walls: tuple[str, ...] = ()
        """What stands between programs and the machine; known once started."""
        self.loaded_s: dict[str, float] = {}
        """Seconds that each library took; known once started."""

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it and all sessions."""
        self.close()

    async def start(self) -> None:
        """Load the libraries and find out which walls can stand.

        Raises:
            ToolError: if it does not come up.
        """
        for outer in self._may_be:
            self._outer = outer
            ready = await asyncio.to_thread(self._start)
            if ready is None:
                continue
            try:
                process = await self._fork()
            except ToolError:
                self._end_zygote()
                continue
            process.end()
            self._inner = process.walls
            around = (outer,) if outer is Outer.BUBBLEWRAP or ready.namespaces else ()
            self.loaded_s, self.walls = ready.loaded_s, (*around, *process.walls)
            logger.info("Python tool: walls {}", ", ".join(self.walls))
            if lacking := {"files", "calls"} - set(self.walls):
                logger.warning(
                    "Python tool: this machine has no wall of {}; a program of the model is "
                    "held by less",
                    " and ".join(sorted(lacking)),
                )
            return
        tried = ", ".join(self._may_be) or "nothing at all"
        raise ToolError(f"the Python tool does not come up: tried {tried}")

    def kill(self) -> None:
        """Kill the process that forks and all sessions, as a machine short of memory may."""
        if self._zygote is not None:
            os.killpg(self._zygote.pid, signal.SIGKILL)
            self._zygote.wait()

    def close(self) -> None:
        """End all sessions and the process that forks them."""
        for session in tuple(self._sessions):
            session.close()
        self._end_zygote()

    def session(self) -> ToolSession:
        """Give a session; its process comes with its first call."""
        session = ToolSession(self)
        self._sessions.add(session)
        return session

    # The process that forks.

    def _start(self) -> Ready | None:
        """Start it; None where that way does not work here."""
        outer = self._outer
        command = [sys.executable, "-s", "-P", "-m", "engine.python_tool.zygote"]
        self._folder = tempfile.TemporaryDirectory(prefix="python-tool-")
        scratch: str | None = self._folder.name
        if outer is Outer.BUBBLEWRAP:
            if (bubblewrap := shutil.which("bwrap")) is None:
                self._end_zygote()
                return None
            scratch = "/scratch"
            command = [*_wrapped(bubblewrap), *command]
        ours, theirs = socket.socketpair()
        with theirs:
            setup = Setup(
                control=theirs.fileno(),
                limits=self.limits,
                libraries=self._libraries,
                scratch=scratch,
                own_namespaces=outer is Outer.NAMESPACES,
            )
            self._zygote = subprocess.Popen(  # noqa: S603 - our own words
                [*command, msgspec.json.encode(setup).decode()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control = ours
        ours.settimeout(_START_S)
        try:
            return msgspec.json.decode(_line(ours), type=Ready)
        except (OSError, EOFError, msgspec.MsgspecError):
            self._end_zygote()
            return None

    def _end_zygote(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._zygote is not None:
            self._zygote.kill()
            self._zygote.wait()
        if self._folder is not None:
            self._folder.cleanup()
        self._control = self._zygote = self._folder = None

    async def _fork(self) -> _Process:
        """Fork a session; starts the forking process anew if that has died.

        Raises:
            ToolError: if none comes.
        """
        # Whoever waits may be cancelled, but an answer must not be left to the next who asks.
        forking = asyncio.create_task(self._fork_one())
        try:
            return await asyncio.shield(forking)
        except asyncio.CancelledError:
            forking.add_done_callback(_end_unwanted)
            raise

    async def _fork_one(self) -> _Process:
        async with self._forking:
            if self._control is None:
                raise ToolError("the Python tool is not started, or closed")
            try:
                ours, handle = await asyncio.to_thread(_ask_for_fork, self._control)
            except OSError:
                # Nothing inside can reach it, but the machine may have killed it for memory.
                logger.warning("Python tool: the process that forks sessions is gone, a new one")
                self._end_zygote()
                if await asyncio.to_thread(self._start) is None or self._control is None:
                    raise ToolError("the Python tool does not come up again") from None
                ours, handle = await asyncio.to_thread(_ask_for_fork, self._control)
        reader, writer = await asyncio.open_connection(sock=ours)
        process = _Process(handle, reader, writer, ())
        most = most_bytes(self.limits.output_chars)
        try:
            body = await asyncio.wait_for(_body(reader, most), _FORK_S)
            hello = msgspec.json.decode(body, type=Hello)
        except (TimeoutError, EOFError, OSError, msgspec.MsgspecError) as error:
            process.end()
            raise ToolError("a session of the Python tool does not come up") from error
        process.walls = hello.walls
        if lacking := set(self._inner) - set(hello.walls):
            process.end()
            raise ToolError(f"a session of the Python tool lacks {' and '.join(sorted(lacking))}")
        return process


@dataclass(slots=True, eq=False)
class ToolSession:
    """Programs of one sample: variables survive from call to call.

    Calls of one session come one after another. If its process is gone, the next call has a new
    one. Between calls the process stands still, threads and all.
    """

    _tool: PythonTool
    _process: _Process | None = None
    _calling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closed: bool = False
    _calls: int = 0

    async def run(self, source: str, deadline_s: float | None = None) -> ToolResult:
        """Run a program.

        Args:
            source: Its text.
            deadline_s: Seconds that it has; None for the tool's limit.

        Raises:
            ToolError: if the tool is closed or has broken down.
        """
        limits = self._tool.limits
        if len(source) > limits.source_chars:
            text = f"the program has {len(source):,} characters, {limits.source_chars:,} may be\n"
            return ToolResult(text, Ended.REFUSED, 0.0, lost=False)
        deadline_s = limits.deadline_s if deadline_s is None else deadline_s
        async with self._calling, self._tool._turns:  # noqa: SLF001
            if self._closed:
                raise ToolError("the session is closed")
            process = self._process
            if process is None:
                process = self._process = await self._tool._fork()  # noqa: SLF001
            began_s = time.perf_counter()
            reply = await self._ask(process, source, deadline_s)
            seconds = time.perf_counter() - began_s
            if isinstance(reply, Reply):
                if self._process is process:  # not closed meanwhile
                    process.rest()
                ended = Ended.RAISED if reply.raised else Ended.VALUE
                text = _cut(reply.output, limits.output_chars)
                if reply.late:
                    ended, text = Ended.LATE, f"{text}Stopped after {deadline_s:g} seconds.\n"
                return ToolResult(text, ended, seconds, lost=False)
            self._drop()
            return ToolResult(_GONE[reply], reply, seconds, lost=True)

    async def _ask(self, process: _Process, source: str, deadline_s: float) -> Reply | Ended:
        limits = self._tool.limits
        self._calls += 1
        encodable = source.encode(errors="replace").decode()
        call = Call(number=self._calls, source=encodable, deadline_s=deadline_s)
        body = msgspec.json.encode(call)
        process.send(signal.SIGCONT)
        process.looking = asyncio.get_running_loop().call_later(_LOOK_S, process.watch)
        try:
            async with asyncio.timeout(deadline_s + limits.grace_s):
                process.writer.write(LENGTH.pack(len(body)) + body)
                await process.writer.drain()
                answer = await _body(process.reader, most_bytes(limits.output_chars))
                reply = msgspec.json.decode(answer, type=Reply)
        except TimeoutError:
            return Ended.KILLED
        except (EOFError, OSError, msgspec.MsgspecError):
            return Ended.DIED
        except asyncio.CancelledError:
            self._drop()  # what it would still say belongs to nobody
            raise
        return reply if reply.number == call.number else Ended.DIED  # a program has answered

    def close(self) -> None:
        """End it, whatever runs."""
        self._closed = True
        self._drop()
        self._tool._sessions.discard(self)  # noqa: SLF001

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


_PROJECT = Path(__file__).resolve().parents[2]

_GONE = {
    Ended.KILLED: "Killed: it went on past its deadline. Variables are lost.\n",
    Ended.DIED: "The interpreter ended. Variables are lost.\n",
}


def _wrapped(bubblewrap: str) -> list[str]:
    """Give the command that shows nothing but the libraries and leaves everything else."""
    command = [bubblewrap, "--unshare-all", "--unshare-user"]
    command += ["--uid", "1000", "--gid", "1000", "--cap-add", "CAP_SYS_ADMIN"]
    rooms = (str(_PROJECT / name) for name in ("engine", "scheduler"))
    for path in (*library_paths(), sys.prefix, sys.base_prefix, *rooms):
        command += ["--ro-bind", path, path]
    for name in ("/bin", "/lib", "/lib64"):
        if Path(name).is_symlink():
            command += ["--symlink", str(Path(name).readlink()), name]
    command += ["--dev", "/dev", "--proc", "/proc", "--dir", "/scratch"]
    return [*command, "--remount-ro", "/", "--chdir", "/"]


def _environment() -> dict[str, str]:
    """Give the variables that programs may see: none of ours."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    return {
        "PYTHONPATH": os.pathsep.join((str(_PROJECT), *added_paths())),
        "PATH": "/nowhere",
        "LANG": "C.UTF-8",
        "HOME": "/",
    } | threads


def _end_unwanted(forking: asyncio.Task[_Process]) -> None:
    if not forking.cancelled() and forking.exception() is None:
        forking.result().end()


def _ask_for_fork(control: socket.socket) -> tuple[socket.socket, int]:
    """Have a session forked; give its socket and the handle on its process.

    Raises:
        OSError: if nobody is there who forks.
        ToolError: if there is, but no process can be made.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            control.settimeout(_FORK_S)
            socket.send_fds(control, [b"."], [theirs.fileno()])
            answer, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not answer:
            raise ConnectionResetError("it has ended")
    except OSError:
        ours.close()
        raise
    if answer == NO_FORK:
        ours.close()
        raise ToolError("the machine has no room for a session of the Python tool")
    return ours, handles[0]


def _threads(handle: int) -> int:
    """Count the threads of a process; 0 if it has ended."""
    try:
        told = Path(f"/proc/self/fdinfo/{handle}").read_text()
        pid = int(told.partition("\nPid:")[2].split()[0])
        return Path(f"/proc/{pid}/task").stat().st_nlink - 2 if pid > 0 else 0
    except (OSError, IndexError):
        return 0


def _line(control: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = control.recv(4096)
        if not part:
            raise EOFError
        line += part
    return line


def _cut(output: str, output_chars: int) -> str:
    """Cut an output that the session should have cut: programs can reach what counts there."""
    if len(output) <= output_chars + NOTE_CHARS:
        return output
    return f"{output[:output_chars]}\n[… the rest is left out …]\n"


async def _body(reader: asyncio.StreamReader, most: int) -> bytes:
    """Read one message.

    Raises:
        EOFError: if the other side ends, or claims to have more than any message has.
    """
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if length > most:
        raise EOFError
    return await reader.readexactly(length)
