"""Programs that want more memory, files or threads than there are for them."""

from __future__ import annotations

from abuses.schema import RAW, Abuse, After, Wants, attempt, call, text

MEMORY = [
    Abuse("bytes", "x = bytes(10**10)", Wants.RAISES, "MemoryError"),
    Abuse("a list that doubles", "x = [0]\nwhile True: x += x", Wants.RAISES, "MemoryError"),
    Abuse("an array", "import numpy\nx = numpy.ones(10**9)", Wants.RAISES, "MemoryError"),
    Abuse("mmap", "import mmap\nx = [mmap.mmap(-1, 2**28) for _ in range(99)]", Wants.RAISES),
    Abuse("a long text", "print(len('x' * 10**10))", Wants.RAISES, "MemoryError"),
    Abuse("a power", "x = 10**(10**10)", Wants.STOPS, after=After.LOSES),
    Abuse(
        "memory within an exception",
        text(
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
    Abuse(
        "zeros that are filled",
        text(
            """
            import numpy
            x = []
            while True:
                x.append(numpy.zeros(2 ** 22))
                x[-1].fill(1)
            """
        ),
        Wants.RAISES,
        "MemoryError",
    ),
    Abuse(
        "all permutations",
        text(
            """
            import itertools
            x = list(itertools.permutations(range(12)))
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse("numbers as long as a list", "x = list(range(10**9))", Wants.RAISES, "MemoryError"),
    Abuse("a wide format", "f'{1:10000000000}'", Wants.RAISES),
    Abuse(
        "a file that unpacks to much",
        text(
            """
            import zlib
            packed = zlib.compress(bytes(2 ** 27))
            x = [zlib.decompress(packed) for _ in range(9)]
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "a graph of all edges",
        text(
            """
            import networkx
            x = networkx.complete_graph(20000)
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse("a deep list", "x = []\nwhile True: x = [x, x]", Wants.STOPS, after=After.LOSES),
    Abuse(
        "shared pages",
        text(
            """
            import mmap
            x = []
            while True:
                x.append(mmap.mmap(-1, 2 ** 26, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
                x[-1][::4096] = b'x' * 2 ** 14
            """
        ),
        Wants.RAISES,
    ),
    Abuse(
        "memory by ctypes",
        text(
            """
            import ctypes
            libc = ctypes.CDLL(None)
            libc.malloc.restype = ctypes.c_void_p
            number = 0
            while (at := libc.malloc(ctypes.c_size_t(2 ** 24))) and number < 99:
                ctypes.memset(at, 1, 2 ** 24)
                number += 1
            print(number < 40)
            """
        ),
        Wants.HARMLESS,
        "True",
    ),
    call("memory that no limit counts", "319, b'x', 0", "447, 0"),
    Abuse(
        "threads",
        text(
            """
            import threading, time
            for _ in range(10**5):
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "stacks of threads",
        text(
            """
            import threading, time
            threading.stack_size(2 ** 26)
            for _ in range(99):
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            """
        ),
        Wants.RAISES,
        "RuntimeError",
    ),
    Abuse(
        "scratch filled up",
        text(
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
        "files of the scratch folder that are gone",
        text(
            """
            import os
            x = []
            for number in range(40):
                x.append(open('a', 'w+b'))
                os.remove('a')
                x[-1].write(bytes(2 ** 20))
                x[-1].flush()
            """
        ),
        Wants.RAISES,
        "OSError",
    ),
    Abuse(
        "one file of a gigabyte",
        text(
            """
            with open('big', 'wb') as file:
                while True:
                    file.write(bytes(2 ** 20))
            """
        ),
        Wants.RAISES,
        "OSError",
    ),
    Abuse(
        "open files without end",
        text(
            """
            import os
            x = []
            while True:
                x.append(os.pipe())
            """
        ),
        Wants.RAISES,
        "OSError",
    ),
    Abuse(
        "its own limits",
        text(
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
    Abuse(
        "other limits",
        text(
            """
            import os, resource
            got = []
            for name in ('AS', 'NOFILE', 'FSIZE', 'CORE', 'MEMLOCK', 'MSGQUEUE'):
                try:
                    resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (2**40, 2**40))
                    got.append(name)
                except (OSError, ValueError):
                    pass
            try:
                got.append(os.nice(-5))
            except OSError:
                pass
            print(got or 'refused')
            """
        ),
        Wants.REFUSED,
    ),
    Abuse(
        "its own memory limit at nothing",
        text(
            """
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (0, 0))
            """
        ),
        Wants.HARMLESS,
        after=After.LOSES,
    ),
    Abuse(
        "its own time limit",
        text(
            """
            import resource
            resource.setrlimit(resource.RLIMIT_CPU, (0, 0))
            while True:
                pass
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    attempt(
        "pages pinned in pipes",
        "raw(278, file, words, 1, 2)",
        "raw(275, 0, None, file, None, 4096, 0)",
        "raw(276, other, file, 4096, 0)",
        "fcntl.fcntl(file, 1031, 2**20)",
        before=RAW
        + text(
            """
            import fcntl, os
            other, file = os.pipe()
            page = ctypes.create_string_buffer(4096)
            words = (ctypes.c_size_t * 2)(ctypes.addressof(page), 4096)
            """
        ),
    ),
    attempt(
        "huge and locked pages",
        "mmap.mmap(-1, 2**21, flags=0x40022)",
        "mmap.mmap(-1, 2**21, flags=0x2022)",
        "raw(149, ctypes.addressof(page), 4096)",
        "raw(151, 3)",
        "raw(325, ctypes.addressof(page), 4096, 0)",
        "raw(216, ctypes.addressof(page), 4096, 0, 0, 0)",
        before=RAW + "import mmap\npage = ctypes.create_string_buffer(4096)",
    ),
    Abuse(
        "timers without end",
        RAW
        + text(
            """
            made = 0
            number = ctypes.create_string_buffer(8)
            try:
                while made < 10**4:
                    raw(222, 1, None, number)
                    made += 1
            except OSError:
                pass
            print(made <= 64)
            """
        ),
        Wants.HARMLESS,
        "True",
    ),
    Abuse(
        "locks without end",
        text(
            """
            import fcntl, sympy
            file = open(sympy.__file__, 'rb')
            for number in range(10**4):
                fcntl.lockf(file, fcntl.LOCK_SH, 1, 2 * number)
            fcntl.flock(file, fcntl.LOCK_EX)
            print('done')
            """
        ),
        Wants.HARMLESS,
        "done",
    ),
    Abuse(
        "small threads",
        text(
            """
            import threading, time
            threading.stack_size(32768)
            while True:
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            """
        ),
        Wants.STOPS,  # on a busy machine the deadline is quicker than the limit of threads
        after=After.LOSES,
    ),
]
