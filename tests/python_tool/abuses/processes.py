"""Programs that make, reach or outlive other processes."""

from __future__ import annotations

from abuses.schema import RAW, Abuse, After, Wants, attempt, call, text

PROCESSES = [
    attempt("fork", "os.fork()", "os.forkpty()", before="import os"),
    Abuse("fork bomb", "import os\nwhile True: os.fork()", Wants.RAISES, "PermissionError"),
    attempt(
        "subprocess",
        "subprocess.run(['/bin/sh', '-c', 'id'])",
        "subprocess.check_output('id', shell=True)",
        "os.posix_spawn('/bin/sh', ['sh'], {})",
        before="import os, subprocess",
    ),
    Abuse("os.system", "import os; print(os.system('id'))", Wants.HARMLESS, "32512"),
    attempt(
        "exec",
        "os.execv('/bin/sh', ['sh'])",
        "os.execv(sys.executable, ['x'])",
        before="import os, sys",
    ),
    attempt(
        "multiprocessing",
        "multiprocessing.get_context('fork').Process(target=print).start()",
        "multiprocessing.get_context('spawn').Process(target=print).start()",
        before="import multiprocessing",
    ),
    attempt(
        "pools of processes",
        "multiprocessing.get_context('fork').Pool(1)",
        "concurrent.futures.ProcessPoolExecutor(1).submit(len, '').result()",
        "os.popen('id').read()",
        "pty.spawn('/bin/sh')",
        before="import concurrent.futures, multiprocessing, os, pty",
    ),
    attempt(
        "spawn by the C library",
        "spawned(libc.fork())",
        "spawned(libc.vfork())",
        "spawned(-(libc.system(b'id') == 127 << 8))",
        "spawned(-libc.posix_spawn(bytes(8), b'/bin/sh', None, None, words, None))",
        before=RAW
        + text(
            """
            words = (ctypes.c_char_p * 2)(b'sh', None)
            def spawned(result):
                if result < 0:
                    raise OSError(result)
                return result
            """
        ),
    ),
    call("raw fork, vfork, clone", "57", "58", "56, 17, 0, 0, 0, 0"),
    call("raw clone3", "435, bytes(88), 88"),
    call("raw execve", "59, b'/bin/sh', None, None", "322, -100, b'/bin/sh', None, None, 0"),
    call(
        "a thread in namespaces of its own",
        "56, 0x10000000, 0, 0, 0, 0",
        "56, 0x7c020011, 0, 0, 0, 0",
    ),
    Abuse(
        "calls of 32 bits",
        text(
            """
            import ctypes, mmap
            page = mmap.mmap(-1, 4096, prot=7)
            page.write(bytes.fromhex('b814000000cd80c3'))
            at = ctypes.addressof(ctypes.c_char.from_buffer(page))
            print('escaped', ctypes.CFUNCTYPE(ctypes.c_int)(at)())
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    call("calls of x32", "0x40000000 + 57", "0x40000000 + 39", "0x40000000 + 41, 2, 1, 0"),
    Abuse(
        "an interpreter within",
        "import _xxsubinterpreters as i\ni.run_string(i.create(), 'import os; os.fork()')",
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "pickle",
        text(
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
    call("ptrace", "101, 0, 0, 0, 0", "101, 16, 1, 0, 0"),
    call("read another's memory", "310, 1, 0, 0, 0, 0, 0", "310, HOST_PID, 0, 0, 0, 0, 0"),
    call("pidfd of another", "434, 1, 0", "434, HOST_PID, 0", "438, 3, 0, 0"),
    call("handles on processes", "424, 3, 0, None, 0", "448, 3, 0", "440, 3, 0, 0, 4, 0"),
    attempt(
        "signals to others",
        "os.kill(1, 9)",
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "os.kill(HOST_PID, 9)",
        "os.killpg(0, 9)",
        "os.killpg(os.getpgid(0), 9)",
        before="import os",
    ),
    call("raw signals", "200, 1, 9", "234, 1, 1, 9", "129, 1, 9, bytes(128)", "424, 3, 9, None, 0"),
    attempt(
        "priority of others",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setaffinity(os.getppid(), {0})",
        before="import os",
    ),
    attempt(
        "limits of others",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))",
        "resource.prlimit(HOST_PID, resource.RLIMIT_NOFILE, (0, 0))",
        before="import os, resource",
    ),
    attempt(
        "signals by way of files",
        "fcntl.fcntl(file, fcntl.F_SETOWN, os.getppid())",
        "fcntl.fcntl(file, 15, struct.pack('ii', 1, os.getppid()))",
        "fcntl.fcntl(file, 10, 9)",
        "fcntl.ioctl(3, 0x8901, struct.pack('i', os.getppid()))",
        "fcntl.ioctl(3, 0x8902, struct.pack('i', os.getppid()))",
        before="import fcntl, os, struct\nfile, _ = os.pipe()",
    ),
    call(
        "signals by way of files, in 64 bits",
        "72, 0, 1 << 32 | 8, 1",
        "72, 0, -1 << 32 | 10, 9",
        "16, 3, 1 << 32 | 0x8901, bytes(4)",
    ),
    attempt(
        "timers that signal to others",
        "raw(222, 1, struct.pack('Qiii44x', 0, 9, 4, os.getppid()), number)",
        "raw(222, 1, struct.pack('Qiii44x', 0, 9, 4, HOST_PID), number)",
        before=RAW + "import os, struct\nnumber = ctypes.create_string_buffer(8)",
    ),
    call(
        "outliving whoever started it",
        "157, 1, 0, 0, 0, 0",
        "157, 1 << 32 | 1, 0, 0, 0, 0",
        "157, 4, 1, 0, 0, 0",
        "157, 36, 1, 0, 0, 0",
        "157, 0x59616D61, -1, 0, 0, 0",
    ),
    attempt(
        "groups of its own",
        "os.setsid()",
        "os.setpgid(0, 0)",
        "os.setpgrp()",
        before="import os",
    ),
    call(
        "the processor of others",
        "144, 0, 1, bytes(8)",
        "142, 0, bytes(8)",
        "314, 0, bytes(48), 0",
        "203, 1, 8, bytes(8)",
        "251, 1, 0, 0",
        "157, 62, 1, HOST_PID, 0, 0",
        "324, 1, 0, 0",
    ),
    attempt(
        "looking into others",
        "os.readlink('/proc/1/exe')",
        "os.readlink(f'/proc/{os.getppid()}/cwd')",
        "os.readlink('/proc/HOST_PID/fd/0')",
        "os.listdir('/proc/HOST_PID/task')",
        "open('/proc/HOST_PID/cmdline').read()",
        "raw(312, os.getpid(), os.getppid(), 0, 0, 0)",
        "raw(274, 1, ctypes.byref(ctypes.c_void_p()), ctypes.byref(ctypes.c_size_t()))",
        before=RAW + "import os",
    ),
    Abuse(
        "files that it holds",
        text(
            """
            import os
            held = []
            for number in range(4096):
                try:
                    os.fstat(number)
                    held.append(number)
                except OSError:
                    pass
            print(held)
            """
        ),
        Wants.HARMLESS,
        "[0, 1, 2, 3]",
    ),
]
