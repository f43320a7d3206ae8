"""Keeps a server from outliving the program that started it, however that program ends.

Run as a script between the two. Its standard input is a pipe that its parent holds open: once the
parent closes it, or dies and so closes it, the server is told to end, and after a grace period
its whole process group is killed. When the server ends by itself, what is left of its group is
killed. The guard ends after all of them, with the server's exit code: then what they held, such
as memory of a GPU, is free. Unlike the kernel's parent-death signal that needs no code between
fork and exec, minds no threads, and reaches the server's own children.

    python -I guard.py GRACE_S COMMAND...
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

CLEAN_UP_S = 10.0
PR_SET_CHILD_SUBREAPER = 36


def guard(command: list[str], grace_s: float) -> int:
    """Run the command until it ends or the parent does; returns its exit code."""
    # The guard itself ends last: a signal meant for all must not take it first.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    if sys.platform == "linux":
        # What the server leaves behind becomes ours, so that we see it end.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our parent's command
    threading.Thread(target=_end_with_parent, args=(server.pid, grace_s), daemon=True).start()
    # Not yet reaped, the server still holds its group's number: no stranger is hit.
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    code = server.wait()
    _await_the_rest()
    return code if code >= 0 else 128 - code


def _end_with_parent(server: int, grace_s: float) -> None:
    sys.stdin.buffer.read()
    with suppress(ProcessLookupError):
        # Only the first process: it ends its children in order.
        os.kill(server, signal.SIGTERM)
        time.sleep(grace_s)
        os.killpg(server, signal.SIGKILL)


def _await_the_rest() -> None:
    """Wait for the killed ones, not for ever: one may have left the group."""
    end = time.monotonic() + CLEAN_UP_S
    with suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(guard(sys.argv[2:], float(sys.argv[1])))
