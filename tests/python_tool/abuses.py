"""Programs that a sandbox must survive, each with how it has to end."""

from __future__ import annotations

from enum import StrEnum
from textwrap import dedent
from typing import NamedTuple


class Wants(StrEnum):
    """How a program has to end."""

    RAISES = "raises"
    """With an exception of its own."""
    REFUSED = "refused"
    """The system refuses each of its attempts; it prints `refused` then, else what it got."""
    HARMLESS = "harmless"
    """As any other program."""
    LATE = "late"
    """At the deadline, which it heeds."""
    ENDS = "ends"
    """Its process is gone."""
    STOPS = "stops"
    """In time, in whatever way."""


class Abuse(NamedTuple):
    """A program.

    Attributes:
        name: What it tries.
        code: CANARY_PATH is a file outside, HOST_PID the process that uses the tool.
        wants: How it has to end.
        prints: What stands in its output; None for anything.
        keeps: Whether the session still answers afterwards with its variables.
    """

    name: str
    code: str
    wants: Wants
    prints: str | None = None
    keeps: bool = True


def _attempt(name: str, *attempts: str, before: str = "") -> Abuse:
    """Try things that the system has to refuse, one by one."""
    lines = [before] if before else []
    lines.append("got = []")
    for attempt in attempts:
        lines += [
            "try:",
            f"    got.append(repr({attempt})[:80])",
            "except (OSError, MemoryError) as error:",
            "    pass",
        ]
    lines.append("print(got or 'refused')")
    return Abuse(name, "\n".join(lines), Wants.REFUSED)


_RAW = dedent(
    """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    def raw(number, *arguments):
        result = libc.syscall(number, *arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), 'refused')
        return result
    """
)


def _call(name: str, *calls: str) -> Abuse:
    """Try system calls by their numbers."""
    return _attempt(name, *(f"raw({call})" for call in calls), before=_RAW)


def _text(code: str) -> str:
    return dedent(code).strip()


_ESCAPES = [
    # Other processes.
    _attempt("fork", "os.fork()", "os.forkpty()", before="import os"),
    Abuse("fork bomb", "import os\nwhile True: os.fork()", Wants.RAISES, "PermissionError"),
    _attempt(
        "subprocess",
        "subprocess.run(['/bin/sh', '-c', 'id'])",
        "subprocess.check_output('id', shell=True)",
        "os.posix_spawn('/bin/sh', ['sh'], {})",
        before="import os, subprocess",
    ),
    Abuse("os.system", "import os; print(os.system('id'))", Wants.HARMLESS, "32512"),
    _attempt(
        "exec",
        "os.execv('/bin/sh', ['sh'])",
        "os.execv(sys.executable, ['x'])",
        before="import os, sys",
    ),
    _attempt(
        "multiprocessing",
        "multiprocessing.get_context('fork').Process(target=print).start()",
        "multiprocessing.get_context('spawn').Process(target=print).start()",
        before="import multiprocessing",
    ),
    _call("raw fork, vfork, clone", "57", "58", "56, 17, 0, 0, 0, 0"),
    _call("raw clone3", "435, bytes(88), 88"),
    _call("raw execve", "59, b'/bin/sh', None, None", "322, -100, b'/bin/sh', None, None, 0"),
    _call("ptrace", "101, 0, 0, 0, 0", "101, 16, 1, 0, 0"),
    _call("read another's memory", "310, 1, 0, 0, 0, 0, 0", "310, HOST_PID, 0, 0, 0, 0, 0"),
    _call("pidfd of another", "434, 1, 0", "434, HOST_PID, 0", "438, 3, 0, 0"),
    _attempt(
        "signals to others",
        "os.kill(1, 9)",
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.kill(HOST_PID, 9)",
        "os.killpg(0, 9)",
        "os.killpg(os.getpgid(0), 9)",
        before="import os",
    ),
    _call(
        "raw signals", "200, 1, 9", "234, 1, 1, 9", "129, 1, 9, bytes(128)", "424, 3, 9, None, 0"
    ),
    _attempt(
        "priority of others",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setaffinity(os.getppid(), {0})",
        before="import os",
    ),
    _attempt(
        "limits of others",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))",
        "resource.prlimit(HOST_PID, resource.RLIMIT_NOFILE, (0, 0))",
        before="import os, resource",
    ),
    Abuse(
        "its own limits",
        _text(
            """
            import resource
            try:
                resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
                print('raised')
            except (ValueError, OSError):
                print('refused')
            """
        ),
        Wants.REFUSED,
    ),
    # Files.
    _attempt(
        "files of the machine",
        "open('/etc/passwd').read()",
        "open('/etc/shadow').read()",
        "open('/etc/hostname').read()",
        "os.listdir('/')",
        "os.listdir('/home')",
        "os.listdir('/root')",
        "os.listdir('/tmp')",
        "open('CANARY_PATH').read()",
        "os.listdir(os.path.dirname('CANARY_PATH'))",
        before="import os",
    ),
    _attempt(
        "environment of others",
        "open('/proc/1/environ').read()",
        "open(f'/proc/{os.getppid()}/environ').read()",
        "open('/proc/HOST_PID/environ').read()",
        "open('/proc/self/environ').read()",
        "os.listdir('/proc')",
        before="import os",
    ),
    _attempt(
        "memory by files",
        "open('/proc/self/mem', 'r+b')",
        "open('/proc/HOST_PID/mem', 'rb')",
        "open('/dev/mem', 'rb')",
        "open('/dev/shm/x', 'w')",
    ),
    _attempt(
        "round about ways",
        "open('/proc/self/root/etc/passwd').read()",
        "open('../../../../etc/passwd').read()",
        "open('/proc/self/cwd/../etc/passwd').read()",
        "os.open('etc/passwd', os.O_RDONLY, dir_fd=os.open('/', os.O_RDONLY))",
        "(os.symlink('/etc/passwd', 'link'), open('link').read())",
        "(os.link('/etc/passwd', 'hard'), open('hard').read())",
        before="import os",
    ),
    _call(
        "open by handle", "304, -100, bytes(64), 0", "303, -100, b'/etc', bytes(64), bytes(8), 0"
    ),
    _call("openat2 from the root", "437, -100, b'/etc/passwd', bytes(24), 24"),
    _attempt(
        "writing outside",
        "open('CANARY_PATH', 'w').write('dead')",
        "open('CANARY_PATH', 'a').write('dead')",
        "os.truncate('CANARY_PATH', 0)",
        "os.remove('CANARY_PATH')",
        "os.rename('CANARY_PATH', 'mine')",
        "os.mkdir(os.path.dirname('CANARY_PATH') + '/new')",
        "open('/tmp/new', 'w')",
        "open('/new', 'w')",
        before="import os",
    ),
    _attempt(
        "the libraries",
        "open(sympy.__file__, 'a').write('x')",
        "os.remove(sympy.__file__)",
        "open(os.path.join(os.path.dirname(sympy.__path__[0]), 'evil.pth'), 'w')",
        "os.chmod(sympy.__file__, 0)",
        before="import os, sympy",
    ),
    Abuse(
        "deleting everything",
        _text(
            """
            import os, shutil
            shutil.rmtree('/', ignore_errors=True)
            shutil.rmtree(os.path.dirname('CANARY_PATH'), ignore_errors=True)
            import sympy
            print(os.path.exists(sympy.__file__))
            """
        ),
        Wants.HARMLESS,
        "True",
    ),
    Abuse(
        "scratch filled up",
        _text(
            """
            number = 0
            while True:
                with open(f'file{number}', 'wb') as file:
                    file.write(b'x' * 2**20)
                number += 1
            """
        ),
        Wants.RAISES,
        "OSError",
    ),
    Abuse(
        "a million tiny files",
        "for number in range(10**6):\n    open(f'tiny{number}', 'w').close()",
        Wants.RAISES,
        "OSError",
    ),
    Abuse(
        "variables of ours",
        "import os\nprint([k for k in os.environ if 'CANARY' in k or 'TOKEN' in k] or 'none')",
        Wants.HARMLESS,
        "none",
    ),
    # The network.
    _attempt(
        "sockets",
        "socket.socket()",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socketpair()",
        "socket.create_connection(('127.0.0.1', 80), 0.1)",
        before="import socket",
    ),
    _attempt(
        "names and pages",
        "urllib.request.urlopen('http://127.0.0.1:1/', timeout=0.2)",
        "socket.getaddrinfo('localhost', 80, proto=7)",
        before="import socket, urllib.request",
    ),
    _call("raw sockets", "41, 2, 1, 0", "41, 1, 1, 0", "53, 1, 1, 0, bytes(8)"),
    _call("messages on the tool's own socket", "44, 3, b'x', 1, 0, 0, 0", "47, 3, bytes(56), 0"),
    # The system.
    _call("namespaces", "272, 0x10000000", "272, 0x20000", "308, 3, 0"),
    _call("mounts", "165, b'a', b'/', b'tmpfs', 0, 0", "166, b'/', 2", "155, b'/', b'/'"),
    _call("new mounts", "428, -100, b'/', 0", "429, 3, b'', 4, b'', 0", "430, b'tmpfs', 0"),
    _call("chroot", "161, b'.'"),
    _call("keys", "250, 0, -3, 0", "248, b'user', b'a', b'b', 1, -3"),
    _call("wide parts of the kernel", "321, 0, bytes(64), 64", "298, bytes(112), 0, -1, -1, 0"),
    _call("io_uring", "425, 8, bytes(120)"),
    _call("userfaultfd", "323, 0"),
    _call("shared memory", "29, 0, 4096, 0o1600", "64, 0, 1, 0o1600", "68, 0, 0o1600"),
    _call("memory that no limit counts", "319, b'x', 0", "447, 0"),
    _call("modules and reboots", "175, 0, 0, b''", "169, 0xfee1dead, 672274793, 0x4321fedc, 0"),
    _call("the clock", "227, 0, bytes(16)", "170, b'x', 1"),
    Abuse(
        "taking the filter off",
        _RAW
        + _text(
            """
            print(libc.prctl(38, 0, 0, 0, 0), libc.prctl(21, 0, 0, 0, 0))
            """
        ),
        Wants.HARMLESS,
        "-1 2",
    ),
    Abuse(
        "superuser",
        _text(
            """
            import os
            try:
                os.setuid(0)
                print(open('/etc/shadow').read())
            except OSError:
                print('refused')
            """
        ),
        Wants.REFUSED,
    ),
    Abuse(
        "pickle",
        _text(
            """
            import os, pickle
            class Evil:
                def __reduce__(self):
                    return os.execv, ('/bin/sh', ['sh'])
            try:
                pickle.loads(pickle.dumps(Evil()))
            except OSError:
                print('refused')
            """
        ),
        Wants.REFUSED,
    ),
]

_BALLOONS = [
    Abuse("bytes", "x = bytes(10**10)", Wants.RAISES, "MemoryError"),
    Abuse("a list that doubles", "x = [0]\nwhile True: x += x", Wants.RAISES, "MemoryError"),
    Abuse("an array", "import numpy\nx = numpy.ones(10**9)", Wants.RAISES, "MemoryError"),
    Abuse("mmap", "import mmap\nx = [mmap.mmap(-1, 2**28) for _ in range(99)]", Wants.RAISES),
    Abuse("a long text", "print(len('x' * 10**10))", Wants.RAISES, "MemoryError"),
    Abuse("a power", "x = 10**(10**10)", Wants.STOPS, keeps=False),
    Abuse(
        "threads",
        _text(
            """
            import threading, time
            for _ in range(10**5):
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            """
        ),
        Wants.STOPS,
        keeps=False,
    ),
    Abuse(
        "memory within an exception",
        _text(
            """
            x = []
            while True:
                try:
                    x.append(bytes(2**22))
                except MemoryError:
                    break
            x.clear()
            print('done')
            """
        ),
        Wants.HARMLESS,
        "done",
    ),
]

_OUTPUTS = [
    Abuse("lines without end", "while True: print('x' * 100)", Wants.LATE),
    Abuse("one text of 100 MB", "print('x' * 10**8)", Wants.HARMLESS, "left out"),
    Abuse("a value of 100 MB", "'x' * 10**8", Wants.HARMLESS, "left out"),
    Abuse(
        "every open file",
        _text(
            """
            import os
            for number in (0, 1, 2, *range(4, 64)):
                try:
                    os.write(number, b'x')
                except OSError:
                    pass
            print('done')
            """
        ),
        Wants.HARMLESS,
        "done",
    ),
    Abuse(
        "garbage for an answer", "import os\nos.write(3, b'garbage!' * 99)", Wants.ENDS, keeps=False
    ),
    Abuse(
        "a message without end",
        "import os\nos.write(3, b'\\xff\\xff\\xff\\x7f')",
        Wants.ENDS,
        keeps=False,
    ),
    Abuse(
        "half a message",
        "import os, time\nos.write(3, b'\\x10\\x00\\x00\\x00{')\ntime.sleep(9)",
        Wants.ENDS,
        keeps=False,
    ),
    Abuse("the tool's own socket closed", "import os\nos.close(3)", Wants.ENDS, keeps=False),
    Abuse("all files closed", "import os\nos.closerange(0, 64)", Wants.ENDS, keeps=False),
    Abuse(
        "the tool's own socket replaced",
        "import os\nos.dup2(os.open('own', os.O_CREAT | os.O_RDWR), 3)",
        Wants.ENDS,
        keeps=False,
    ),
    Abuse(
        "print is something else",
        "import builtins\nbuiltins.print = None\n5",
        Wants.HARMLESS,
        "5",
        keeps=False,
    ),
    Abuse("stdout is something else", "import sys\nsys.stdout = None\n5", Wants.HARMLESS, "5"),
    Abuse(
        "a value that does not tell itself",
        "class A:\n    def __repr__(self): raise KeyError(1)\nA()",
        Wants.RAISES,
        "KeyError",
    ),
    Abuse(
        "a value that never ends",
        "class A:\n    def __repr__(self):\n        while True: len('')\nA()",
        Wants.LATE,
    ),
    Abuse(
        "an exception that does not tell itself",
        "class A(Exception):\n    def __str__(self): raise KeyError(1)\nraise A",
        Wants.RAISES,
    ),
]

_LOOPS = [
    Abuse("a loop", "while True: pass", Wants.LATE),
    Abuse(
        "a loop that heeds nothing",
        "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException: pass",
        Wants.ENDS,
        keeps=False,
    ),
    Abuse("sleep", "import time; time.sleep(99)", Wants.LATE),
    Abuse("a lock", "import threading\nl = threading.Lock()\nl.acquire(); l.acquire()", Wants.LATE),
    Abuse(
        "algebra",
        "from sympy import *\nx = symbols('x')\nfactorint(nextprime(10**40) * nextprime(10**41))",
        Wants.STOPS,
    ),
    Abuse(
        "a product of matrices",
        "import numpy\na = numpy.ones((3000, 3000))\nwhile True: a = a @ a / 3000",
        Wants.STOPS,
        keeps=False,
    ),
    Abuse(
        "a search that backtracks",
        "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
        Wants.STOPS,
        keeps=False,
    ),
    Abuse(
        "digits",
        "import sys\nsys.set_int_max_str_digits(0)\nlen(str(7**10**7))",
        Wants.STOPS,
        keeps=False,
    ),
    Abuse(
        "signals ignored",
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        Wants.ENDS,
        keeps=False,
    ),
    Abuse(
        "the alarm switched off",
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
        Wants.ENDS,
        keeps=False,
    ),
    Abuse(
        "stopping itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        Wants.STOPS,
        keeps=False,
    ),
]

_ENDINGS = [
    Abuse("os._exit", "import os; os._exit(0)", Wants.ENDS, keeps=False),
    Abuse("abort", "import os; os.abort()", Wants.ENDS, keeps=False),
    Abuse("kill itself", "import os; os.kill(os.getpid(), 9)", Wants.ENDS, keeps=False),
    Abuse("sys.exit", "import sys; sys.exit(3)", Wants.RAISES, "SystemExit"),
    Abuse("exit()", "raise SystemExit", Wants.RAISES, "SystemExit"),
    Abuse("KeyboardInterrupt", "raise KeyboardInterrupt", Wants.RAISES, "KeyboardInterrupt"),
    Abuse("a fault of memory", "import ctypes; ctypes.string_at(0)", Wants.ENDS, keeps=False),
    Abuse("a recursion", "def f(): f()\nf()", Wants.RAISES, "RecursionError"),
    Abuse(
        "a recursion without limit",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
        Wants.STOPS,
        keeps=False,
    ),
    Abuse("a deep nest", "eval('(' * 10**5 + ')' * 10**5)", Wants.RAISES),
    Abuse(
        "a deep recursion caught",
        "def f():\n    try: f()\n    except RecursionError: pass\nf()\nprint('done')",
        Wants.HARMLESS,
        "done",
    ),
    Abuse(
        "threads that go on",
        _text(
            """
            import threading
            def go_on():
                while True:
                    pass
            threading.Thread(target=go_on, daemon=True).start()
            """
        ),
        Wants.HARMLESS,
    ),
    Abuse(
        "a thread that prints later",
        "import threading\nthreading.Timer(0.05, print, ('late',)).start()",
        Wants.HARMLESS,
    ),
    Abuse("a trace left behind", "import sys\nsys.settrace(lambda *a: 1 / 0)\n", Wants.HARMLESS),
    Abuse(
        "import hooks",
        "import sys\nclass H:\n    def find_spec(self, *a): 1 / 0\nsys.meta_path.insert(0, H())",
        Wants.HARMLESS,
    ),
    Abuse("modules removed", "import sys\nsys.modules.clear()", Wants.HARMLESS, keeps=False),
    Abuse(
        "json is something else",
        "import json, msgspec\njson.dumps = msgspec.json.encode = None",
        Wants.STOPS,
        keeps=False,
    ),
    Abuse("input", "input('name?')", Wants.RAISES, "EOFError"),
    Abuse("breakpoint", "breakpoint()", Wants.STOPS),
    Abuse(
        "await at top level", "import asyncio\nawait asyncio.sleep(1)", Wants.RAISES, "SyntaxError"
    ),
    Abuse(
        "asyncio", "import asyncio\nasyncio.run(asyncio.sleep(0))", Wants.RAISES, "PermissionError"
    ),
    Abuse("a null byte", "x = 'a\x00b'", Wants.STOPS),
    Abuse("no program at all", "this is no program", Wants.RAISES, "SyntaxError"),
    Abuse(
        "secrets of the tool",
        "import gc\nprint(sum('kept' in str(type(o)) for o in gc.get_objects()))",
        Wants.HARMLESS,
        "0",
    ),
]

ABUSES = [*_ESCAPES, *_BALLOONS, *_OUTPUTS, *_LOOPS, *_ENDINGS]
