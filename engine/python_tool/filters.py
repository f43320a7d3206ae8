"""Two filters of Linux that any process may put on for good: Landlock for files, seccomp for calls.

By hand: the packages for them want a library of C beside Python's, and each is a page. Sources: the
kernel's documentation, userspace-api/landlock.rst and userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from ctypes import c_int, c_uint64
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38

# Landlock.

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights on files each version of it knows; the lowest bits."""
_ON_FILES = 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15  # a rule for a file may name no other
_FOLDER_ONLY = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11  # devices, sockets, pipes: never
_RULE = Struct("=Qi")


def landlock_version() -> int:
    """Which version the kernel offers; 0 for none."""
    version: int = libc.syscall(_CREATE_RULESET, None, c_int(0), _VERSION)
    return max(version, 0)


def allow_files(reads: Iterable[str], writes: Iterable[str]) -> None:
    """Allow nothing but reading beneath some paths, and everything useful beneath others.

    Paths that are not there are left out. Needs `PR_SET_NO_NEW_PRIVS`.

    Raises:
        OSError: if the kernel does not do it.
    """
    version = landlock_version()
    if not version:
        raise OSError(errno.ENOSYS, "no Landlock")
    rights = (1 << _RIGHTS[min(version, max(_RIGHTS))]) - 1
    handled = c_uint64(rights)
    ruleset = _checked(libc.syscall(_CREATE_RULESET, ctypes.byref(handled), 8, 0))
    try:
        for path in reads:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in writes:
            _allow(ruleset, path, rights & ~_FOLDER_ONLY)
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - what is open may be a device
            rights &= _ON_FILES
        rule = _RULE.pack(rights, place)
        _checked(libc.syscall(_ADD_RULE, ruleset, _BENEATH, rule, 0))
    finally:
        os.close(place)


_CAPABILITIES = Struct("=Ii")

# Seccomp.

_X86_64 = 0xC000003E
_X32 = 0x40000000
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16
_THREAD = 0x10000
_INSTRUCTION = Struct("=HBBI")

_CLONE, _CLONE3, _KILL_CALL, _TGKILL, _PRLIMIT = 56, 435, 62, 234, 302

DENIED = (
    # Other processes: making, entering, watching, hurting.
    *(57, 58, 59, 322, 101, 310, 311, 312, 200, 129, 297, 424, 434, 438, 440, 141, 203, 144, 142),
    *(314, 251),
    # Talking to anybody.
    *(41, 42, 43, 44, 45, 46, 47, 288, 49, 50, 53, 299, 307, 240),
    # Memory that its limit does not count, or that others share.
    *(319, 447, 29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220, 237, 238, 256, 279),
    # The system: mounts, namespaces, keys, modules, time, limits of the machine.
    *(
        165,
        166,
        155,
        161,
        272,
        308,
        428,
        429,
        430,
        431,
        432,
        433,
        442,
        248,
        249,
        250,
        175,
        313,
        176,
    ),
    *(246, 320, 169, 167, 168, 164, 227, 159, 305, 170, 171, 179, 163, 172, 173, 135, 103, 153),
    # Wide and young parts of the kernel.
    *(321, 298, 323, 425, 426, 427, 303, 304, 300, 301, 253, 254, 294, 206, 209),
)
"""Numbers of calls on x86-64, in the order of: fork, vfork, execve, execveat, ptrace,
process_vm_readv, process_vm_writev, kcmp, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo,
pidfd_send_signal, pidfd_open, pidfd_getfd, process_madvise, setpriority, sched_setaffinity,
sched_setscheduler, sched_setparam, sched_setattr, ioprio_set; socket, connect, accept, sendto,
recvfrom, sendmsg, recvmsg, accept4, bind, listen, socketpair, recvmmsg, sendmmsg, mq_open;
memfd_create, memfd_secret, shmget, shmat, shmctl, semget, semop, semctl, shmdt, msgget, msgsnd,
msgrcv, msgctl, semtimedop, mbind, set_mempolicy, migrate_pages, move_pages; mount, umount2,
pivot_root, chroot, unshare, setns, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick,
mount_setattr, add_key, request_key, keyctl, init_module, finit_module, delete_module, kexec_load,
kexec_file_load, reboot, swapon, swapoff, settimeofday, clock_settime, adjtimex, clock_adjtime,
sethostname, setdomainname, quotactl, acct, iopl, ioperm, personality, syslog, vhangup; bpf,
perf_event_open, userfaultfd, io_uring_setup, io_uring_enter, io_uring_register, name_to_handle_at,
open_by_handle_at, fanotify_init, fanotify_mark, inotify_init, inotify_add_watch, inotify_init1,
io_setup, io_submit."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def deny_calls() -> None:
    """Deny what `DENIED` names, new processes, and signals and limits of others, from here on.

    Threads go on being allowed. Needs `PR_SET_NO_NEW_PRIVS`.

    Raises:
        OSError: if the kernel does not do it, or the processor is none of x86-64.
    """
    if platform.machine() != "x86_64":
        raise OSError(errno.ENOSYS, "no filter of calls for this processor")
    code = b"".join(_filter(os.getpid()))
    program = _Program(len(code) // _INSTRUCTION.size, code)
    _checked(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0))


def _filter(own: int) -> Iterator[bytes]:
    """Assemble it: classic BPF over the call's number, architecture and first argument."""
    denied = _ERRNO | errno.EPERM
    yield from _when(_load(_ARCHITECTURE), _EQUAL, _X86_64, [_do(_RETURN, _KILL)], unless=True)
    yield from _when(_load(_NUMBER), _AT_LEAST, _X32, [_do(_RETURN, denied)])
    for number in DENIED:
        yield _jump(_EQUAL, number, 0, 1)
        yield _do(_RETURN, denied)
    # The C library falls back on the older call, whose flags can be seen.
    yield _jump(_EQUAL, _CLONE3, 0, 1)
    yield _do(_RETURN, _ERRNO | errno.ENOSYS)
    yield _jump(_EQUAL, _CLONE, 0, 4)
    yield _load(_FIRST)
    yield _jump(_ANY_BIT, _THREAD, 0, 1)
    yield _do(_RETURN, _ALLOW)
    yield _do(_RETURN, denied)
    for number, allowed in ((_KILL_CALL, (own,)), (_TGKILL, (own,)), (_PRLIMIT, (0, own))):
        yield _jump(_EQUAL, number, 0, 2 * len(allowed) + 2)
        yield _load(_FIRST)
        for value in allowed:
            yield _jump(_EQUAL, value, 0, 1)
            yield _do(_RETURN, _ALLOW)
        yield _do(_RETURN, denied)
    yield _do(_RETURN, _ALLOW)


def _when(
    load: bytes, test: int, value: int, then: Sequence[bytes], *, unless: bool = False
) -> Iterator[bytes]:
    """Do something if a test of a field holds, or unless it does; else go on after it."""
    yield load
    skip = len(then)
    yield _jump(test, value, skip, 0) if unless else _jump(test, value, 0, skip)
    yield from then


def _do(operation: int, value: int) -> bytes:
    return _INSTRUCTION.pack(operation, 0, 0, value)


def _load(offset: int) -> bytes:
    return _do(_LOAD, offset)


def _jump(test: int, value: int, then: int, otherwise: int) -> bytes:
    return _INSTRUCTION.pack(test, then, otherwise, value)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, value: int) -> None:
    """Set an option of this process.

    Raises:
        OSError: if the kernel refuses.
    """
    _checked(libc.prctl(option, value, 0, 0, 0))


def drop_capabilities() -> None:
    """Give all of a superuser's powers up.

    Raises:
        OSError: if the kernel refuses.
    """
    header = _CAPABILITIES.pack(0x20080522, 0)
    _checked(libc.capset(header, bytes(24)))
