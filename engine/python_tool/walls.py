"""The walls that a process puts up around itself before it runs a program, as many as it can.

Each is tried; what the machine refuses is left out, and what stands is said. In order:

- `scratch`: a file system of its own in memory, of limited size, as its current folder; gone with
  the process. Needs a mount namespace that allows it.
- `limits`: address space, open files, size of a file, no core dump; dies with its parent.
- `files` (Landlock): reads beneath the libraries only, writes in the scratch folder only; by
  younger kernels also no TCP and no signal to others.
- `calls` (seccomp): those of `engine.python_tool.calls` only.
"""

from __future__ import annotations

import os
import resource
import signal
import site
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

from engine.python_tool.filters import (
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    allow_files,
    drop_capabilities,
    libc,
    prctl,
    restrict_calls,
)

NEW_MOUNTS, NEW_IPC = 0x00020000, 0x08000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_PRIVATE, _MS_RECURSIVE = 1 << 18, 1 << 14
_FILES = 64
_SIGNALS = 64
_INODES = 1024
_RLIMIT_SIGPENDING = 11
_PAGE = resource.getpagesize()


def library_paths() -> tuple[str, ...]:
    """Folders and files that Python and its libraries are read from."""
    scheme = sysconfig.get_paths()
    own = {scheme["stdlib"], scheme["platstdlib"], scheme["purelib"], scheme["platlib"]}
    own |= {path for path in sys.path if path.endswith(("-packages", "lib-dynload", ".zip"))}
    own.update(added_paths())
    system = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache")
    there = {str(Path(path).resolve()) for path in (*own, *system) if Path(path).exists()}
    return tuple(sorted(there))


def added_paths() -> tuple[str, ...]:
    """Folders of packages that whoever started this process has added, in the path's order."""
    usual = {*site.getsitepackages(), *sysconfig.get_paths().values()}
    return tuple(
        path
        for path in dict.fromkeys(sys.path)
        if path not in usual and any(Path(path).glob("*.dist-info"))
    )


def put_up(scratch: str | None, scratch_bytes: int, memory_bytes: int) -> tuple[str, ...]:
    """Put the walls up around this process, which has one thread, and say which stand.

    Args:
        scratch: A folder to lay the scratch over; None for none.
        scratch_bytes: How much that holds.
        memory_bytes: Address space beyond what there is already.
    """
    standing = []
    writes: tuple[str, ...] = ()
    if scratch is not None and _mount_scratch(scratch, scratch_bytes):
        standing.append("scratch")
        writes = (scratch,)
    with suppress(OSError):
        drop_capabilities()
    with suppress(OSError):
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    _limit(memory_bytes, scratch_bytes)
    standing.append("limits")
    devices = ("/dev/zero", "/dev/random", "/dev/urandom")
    with suppress(OSError):
        allow_files((*library_paths(), *devices), (*writes, "/dev/null"))
        standing.append("files")
    with suppress(OSError):
        restrict_calls()
        standing.append("calls")
    return tuple(standing)


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, also if it has already."""
    with suppress(OSError):
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        prctl(PR_SET_DUMPABLE, 0)  # nobody of the same user may look into it
    if os.getppid() != parent:
        os._exit(1)


def _mount_scratch(scratch: str, size: int) -> bool:
    """Lay an empty file system over a folder, for this process alone."""
    if libc.unshare(NEW_MOUNTS | NEW_IPC):
        return False
    # Else it would come up outside too, where mounts are shared.
    if libc.mount(b"none", b"/", None, _MS_PRIVATE | _MS_RECURSIVE, None):
        return False
    options = f"size={size},nr_inodes={_INODES},mode=0700".encode()
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    if libc.mount(b"tmpfs", scratch.encode(), b"tmpfs", flags, options):
        return False
    os.chdir(scratch)
    return True


def _limit(memory_bytes: int, file_bytes: int) -> None:
    space = _address_space() + memory_bytes
    limits = {
        resource.RLIMIT_AS: space,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: _FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        _RLIMIT_SIGPENDING: _SIGNALS,  # of the whole user, so that no program takes them all
    }
    for kind, most in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))


def _address_space() -> int:
    """Bytes of address space that are taken already; a guess where nobody tells."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    except OSError:
        return 2**31
