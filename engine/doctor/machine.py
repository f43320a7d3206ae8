"""The machine: its processor, memory, disk, limits and clock."""

from __future__ import annotations

import fcntl
import re
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.doctor.check import GIB, gib, missing, ok, one_line, unknown, warning

if TYPE_CHECKING:
    from pathlib import Path

    from engine.doctor.check import Check
    from engine.doctor.child import Ran

CORES = 4
"""vLLM's core, its front end and the answers' workers each keep one busy."""

MEMORY = 8 * GIB
"""Bytes that vLLM's processes take beside the model, roughly."""

DISK = GIB
LEAST_DISK = GIB // 20
"""Bytes for journals: a token of text is some four of them."""

OPEN_FILES = 1024
"""A server's samples and probes are a connection each, and there may be 256 at once."""

SHARED_MEMORY = GIB
"""Bytes through which GPUs that share a model talk."""


def check_system(platform: str) -> Check:
    """Check the operating system, as `sys.platform` names it."""
    if platform == "linux":
        return ok("system", "Linux")
    return missing("system", platform, "vLLM runs on Linux; on Windows in its Linux subsystem")


def check_cores(count: int) -> Check:
    """Check the processor's cores that this process may use."""
    if count >= CORES:
        return ok("processor", f"{count} cores")
    return warning("processor", f"{count} cores", f"take {CORES}: wide runs lag behind otherwise")


def check_memory(meminfo: str, limit: str | None = None) -> Check:
    """Check the machine's memory.

    Args:
        meminfo: What `/proc/meminfo` says.
        limit: What the control group's `memory.max` says; None without one.
    """
    available = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    if available is None:
        return unknown("memory", "the system does not say")
    free = int(available[1]) << 10
    said = f"{gib(free)} available"
    if limit is not None and limit.strip().isdecimal() and int(limit) < free:
        free = int(limit)
        said += f", limited to {gib(free)}"
    if free >= MEMORY:
        return ok("memory", said)
    return warning("memory", said, f"free or add some: vLLM alone takes up to {gib(MEMORY)}")


def check_shared_memory(free: int) -> Check:
    """Check the bytes that are free under `/dev/shm`."""
    if free >= SHARED_MEMORY:
        return ok("shared memory", f"{gib(free)} free in /dev/shm")
    step = "start the container with --ipc=host or --shm-size=8g; one GPU may do without"
    return warning("shared memory", f"{gib(free)} free in /dev/shm", step)


def check_open_files(soft: int, hard: int) -> Check:
    """Check how many files and connections may be open; -1 for any number."""
    if soft < 0 or soft >= OPEN_FILES:
        return ok("open files", "no limit" if soft < 0 else f"{soft} at once")
    wanted = OPEN_FILES if hard < 0 else min(OPEN_FILES, hard)
    step = f"ulimit -n {wanted}" + ("" if wanted == OPEN_FILES else ", and a lower --width")
    return warning("open files", f"{soft} at once; a server's samples take one each", step)


def check_folder(folder: Path) -> Check:
    """Check that a journal can be written and locked here."""
    name = "this folder"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\n")
            file.flush()
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        step = "change to a folder of yours on a local disk, or give such a path with --out"
        return missing(name, f"{folder}: no journal here: {error.strerror or error}", step)
    return ok(name, f"{folder}: can be written")


def check_disk(free: int) -> Check:
    """Check the bytes that are free in this folder."""
    if free >= DISK:
        return ok("disk", f"{gib(free)} free")
    step = "free some, or write the journal elsewhere with --out"
    return (missing if free < LEAST_DISK else warning)("disk", f"{gib(free)} free", step)


def check_clock(now_s: float, newest_s: float) -> Check:
    """Check the clock: a run that goes on reads from it what time has passed.

    Args:
        now_s: Seconds since 1970.
        newest_s: Likewise, of a moment that has surely passed.
    """
    now = datetime.fromtimestamp(now_s, UTC).isoformat(sep=" ", timespec="seconds")
    if now_s < newest_s - 1.0:
        return warning("clock", f"{now}: before this program was written", "set the clock")
    return ok("clock", now)


def check_sandbox(ran: Ran) -> Check:
    """Check bubblewrap, by how `bwrap` ended around a command that does nothing."""
    name = "sandbox"
    if not ran.is_there:
        found = "no bubblewrap; the Python tool's programs are held without it (engine.python_tool)"
        return warning(name, found, "apt install bubblewrap")
    if ran.code != 0:
        said = one_line(ran.err) or "it did not end"
        step = "allow user namespaces; a container or AppArmor may forbid them"
        return warning(name, f"bubblewrap does not work here: {said}", step)
    return ok(name, "bubblewrap")
