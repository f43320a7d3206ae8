"""The zygote: has everything loaded, and forks a session whenever one is asked for.

`python -m engine.python_tool.zygote SETUP`, with a socket that it inherits. It never sees a
program: what it gets is a session's socket, what it gives is a handle on the process. So a session,
which is a copy of it, holds nothing of another's.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from engine.python_tool import session
from engine.python_tool.filters import libc
from engine.python_tool.limits import Limits
from engine.python_tool.walls import NEW_IPC, NEW_MOUNTS, die_with_parent, put_up

if TYPE_CHECKING:
    from collections.abc import Callable

FORKED, NO_FORK = b".", b"!"
"""Answers on the control socket: with a handle, or without one."""

_SESSION = 3
"""The number of a session's socket, its only file but the three standard ones."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What it is told at its start, as its argument.

    Attributes:
        control: Number of the socket on which it is asked.
        limits: Of each session.
        libraries: To load.
        scratch: A folder to lay each session's scratch over.
        own_namespaces: Whether it has to make namespaces itself.
    """

    control: int
    limits: Limits
    libraries: tuple[str, ...]
    scratch: str | None
    own_namespaces: bool


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What it says once it can fork.

    Attributes:
        loaded_s: Seconds that each library took to load and to be used once.
        namespaces: Whether it stands in some of its own.
    """

    loaded_s: dict[str, float]
    namespaces: bool


def main() -> None:
    """Load, then fork until nobody asks any more."""
    setup = msgspec.json.decode(sys.argv[1], type=Setup)
    namespaces = setup.own_namespaces and _enter_namespaces(setup.control)
    own = os.getpid()
    loaded_s = {name: _load(name) for name in setup.libraries}
    gc.collect()
    gc.freeze()  # what is there now is never looked at again, so it stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's belongs to who called
    with socket.socket(fileno=setup.control) as control:
        ready = Ready(loaded_s=loaded_s, namespaces=namespaces)
        control.sendall(msgspec.json.encode(ready) + b"\n")
        while True:
            _, (file, *_), _, _ = socket.recv_fds(control, 1, 1)
            try:
                child = os.fork()
            except OSError:  # too many processes, threads of programs among them
                os.close(file)
                control.sendall(NO_FORK)
                continue
            if not child:
                control.detach()
                _become_session(file, setup, own)
            handle = os.pidfd_open(child)
            os.close(file)
            socket.send_fds(control, [FORKED], [handle])
            os.close(handle)


def _become_session(file: int, setup: Setup, zygote: int) -> None:
    """Never returns."""
    try:
        die_with_parent(zygote)
        os.dup2(file, _SESSION)
        # Opened anew: what is set on an open file, all who have inherited it can read.
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in range(_SESSION):
            os.dup2(nothing, standard)
        os.closerange(_SESSION + 1, 1024)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        limits = setup.limits
        walls = put_up(setup.scratch, limits.scratch_bytes, limits.memory_bytes)
        session.serve(_SESSION, walls, limits.output_chars)
    finally:
        os._exit(0)


_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_NEW_PROCESSES = 0x20000000


def _enter_namespaces(control: int) -> bool:
    """Leave the network, mounts and processes of the machine, where an ordinary user may.

    Goes on as the first of the new processes, whose end is the end of them all; the one that was
    started only waits for it.
    """
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_USER | NEW_MOUNTS | _NEW_NET | NEW_IPC | _NEW_PROCESSES):
        return False
    with suppress(OSError):
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(text)
    first = os.fork()
    if first:
        os.close(control)  # or nobody would hear of the other's end
        os.waitpid(first, 0)
        os._exit(0)
    die_with_parent(0)  # which stands outside and has no number here
    return True


def _load(name: str) -> float:
    """Import a library and use it once: much of its cost comes with the first use."""
    began_s = time.perf_counter()
    module = importlib.import_module(name)
    used = _USES.get(name)
    if used is not None:
        used(module)
    return time.perf_counter() - began_s


def _use_sympy(sympy: object) -> None:
    space: dict[str, object] = {}
    exec("from sympy import *", space)  # noqa: S102 - as programs do
    x, y = sympy.symbols("x y")  # type: ignore[attr-defined]
    for text in (
        "solve(x**2 - 5*x + 6, x)",
        "solve([x + y - 3, x - y - 1], [x, y])",
        "factor(x**4 - 1)",
        "simplify(sin(x)**2 + cos(x)**2)",
        "integrate(x*exp(x), x)",
        "factorint(360), isprime(97), totient(100), N(sqrt(2), 30), binomial(10, 3)",
        "expand((x + y)**5), Rational(3, 4) + sqrt(8), diff(x**3, x), limit(sin(x)/x, x, 0)",
        "Matrix([[1, 2], [3, 4]]).eigenvals(), summation(x**2, (x, 1, 10)), latex(sqrt(x))",
    ):
        eval(text, space | {"x": x, "y": y})  # noqa: S307 - our own text


def _use_numpy(numpy: object) -> None:
    numpy.linalg.solve(numpy.eye(3), numpy.ones(3))  # type: ignore[attr-defined]


def _use_scipy(_scipy: object) -> None:
    from scipy import integrate, optimize, special  # noqa: PLC0415 - that is what is timed

    optimize.brentq(lambda x: x * x - 2.0, 0.0, 2.0)
    integrate.quad(lambda x: x, 0.0, 1.0)
    special.comb(5, 2)


def _use_networkx(networkx: object) -> None:
    networkx.shortest_path(networkx.path_graph(4), 0, 3)  # type: ignore[attr-defined]


_USES: dict[str, Callable[[object], None]] = {
    "sympy": _use_sympy,
    "numpy": _use_numpy,
    "scipy": _use_scipy,
    "networkx": _use_networkx,
}

if __name__ == "__main__":
    with suppress(KeyboardInterrupt, ValueError, OSError):
        main()  # a closed socket gives no file to unpack
