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

from engine.python_tool import calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38

# Landlock.

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _BENEATH = 1, 1
_KNOWS_NETWORK, _KNOWS_SCOPES = 4, 6
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights on files each version of it knows; the lowest bits."""
_ON_FILES = 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15  # a rule for a file may name no other
_NEVER = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11  # making devices, sockets, pipes
_ON_NETWORK = 1 << 0 | 1 << 1  # binding and connecting of TCP, from version 4
_SCOPES = 1 << 0 | 1 << 1  # abstract sockets and signals stay within, from version 6
_RULE = Struct("=Qi")


def landlock_version() -> int:
    """Which version the kernel offers; 0 for none."""
    version: int = libc.syscall(_CREATE_RULESET, None, c_int(0), _VERSION)
    return max(version, 0)


def allow_files(reads: Iterable[str], writes: Iterable[str]) -> None:
    """Allow nothing but reading beneath some paths, and everything useful beneath others.

    Where the kernel knows how to, also forbid TCP, and signals to whoever is not this process.
    Paths that are not there are left out. Needs `PR_SET_NO_NEW_PRIVS`.

    Raises:
        OSError: if the kernel does not do it.
    """
    version = landlock_version()
    if not version:
        raise OSError(errno.ENOSYS, "no Landlock")
    rights = (1 << _RIGHTS[min(version, max(_RIGHTS))]) - 1
    fields = [rights]
    if version >= _KNOWS_NETWORK:
        fields.append(_ON_NETWORK)
    if version >= _KNOWS_SCOPES:
        fields.append(_SCOPES)
    handled = (c_uint64 * len(fields))(*fields)
    ruleset = _checked(libc.syscall(_CREATE_RULESET, handled, ctypes.sizeof(handled), 0))
    try:
        for path in reads:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in writes:
            _allow(ruleset, path, rights & ~_NEVER)
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
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_THREAD = 0x10000
_NEW_NAMESPACES = 0x7E020000
_HUGE_PAGES = 0x40000
_INSTRUCTION = Struct("=HBBI")

_WORKED, _REFUSED = _ERRNO, _ERRNO | errno.EPERM
_UNKNOWN = _ERRNO | errno.ENOSYS


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict_calls() -> None:
    """Allow the calls of `engine.python_tool.calls` and no others, from here on.

    Threads may be made, and signals sent to this process. Needs `PR_SET_NO_NEW_PRIVS`.

    Raises:
        OSError: if the kernel does not do it, or the processor is none of x86-64.
    """
    if platform.machine() != "x86_64":
        raise OSError(errno.ENOSYS, "no filter of calls for this processor")
    code = b"".join(_filter(os.getpid()))
    program = _Program(len(code) // _INSTRUCTION.size, code)
    _checked(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0))


def _filter(own: int) -> Iterator[bytes]:
    """Assemble it: classic BPF over the call's architecture, number and arguments."""
    yield _do(_LOAD, _ARCHITECTURE)
    yield _jump(_EQUAL, _X86_64, 1, 0)
    yield _do(_RETURN, _KILL)  # calls of 32 bits have other numbers
    yield _do(_LOAD, _NUMBER)
    for numbers, answer in (
        (calls.ALLOWED, _ALLOW),
        (calls.PRETENDED, _WORKED),
        (calls.UNKNOWN_NOTES, _ERRNO | errno.EOPNOTSUPP),
    ):
        for number in numbers.values():
            yield from _if(_EQUAL, number, answer)
    yield from _if(_EQUAL, calls.CLONE3, _UNKNOWN)  # for `clone`, whose flags can be seen
    yield from _by_argument(
        calls.CLONE,
        calls.FIRST,
        [(_ANY_BIT, _NEW_NAMESPACES, _REFUSED), (_ANY_BIT, _THREAD, _ALLOW)],
    )
    yield from _by_argument(
        calls.MMAP, calls.FOURTH, [(_ANY_BIT, _HUGE_PAGES, _REFUSED)], otherwise=_ALLOW
    )
    # Times are pretended like modes, but not the present one, which is none: `Path.touch` makes a
    # file where it can't be set.
    yield from _by_argument(
        calls.UTIMENSAT, calls.THIRD, [(_EQUAL, 0, _REFUSED)], otherwise=_WORKED
    )
    yield from _by_argument(
        calls.FCNTL,
        calls.SECOND,
        [
            *_each(calls.FCNTL_ALLOWED.values(), _ALLOW),
            *_each(calls.FCNTL_PRETENDED.values(), _WORKED),
        ],
    )
    yield from _by_argument(
        calls.IOCTL,
        calls.SECOND,
        _each(calls.IOCTL_ALLOWED.values(), _ALLOW),
        otherwise=_ERRNO | errno.ENOTTY,
    )
    for number, values in (
        (calls.PRCTL, calls.PRCTL_ALLOWED.values()),
        (calls.KILL, (own,)),
        (calls.TGKILL, (own,)),
        (calls.PRLIMIT, (0, own)),
    ):
        yield from _by_argument(number, calls.FIRST, _each(values, _ALLOW))
    yield from _if(_AT_LEAST, calls.YOUNG, _UNKNOWN)
    yield _do(_RETURN, _REFUSED)


def _each(values: Iterable[int], answer: int) -> list[tuple[int, int, int]]:
    return [(_EQUAL, value, answer) for value in values]


def _by_argument(
    number: int, argument: int, tests: Sequence[tuple[int, int, int]], otherwise: int = _REFUSED
) -> Iterator[bytes]:
    """Answer a call by the first test that the lower half of one of its arguments passes."""
    yield _jump(_EQUAL, number, 0, 2 * len(tests) + 2)
    yield _do(_LOAD, _ARGUMENTS + 8 * argument)
    for test, value, answer in tests:
        yield from _if(test, value, answer)
    yield _do(_RETURN, otherwise)


def _if(test: int, value: int, answer: int) -> Iterator[bytes]:
    yield _jump(test, value, 0, 1)
    yield _do(_RETURN, answer)


def _do(operation: int, value: int) -> bytes:
    return _INSTRUCTION.pack(operation, 0, 0, value)


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
