"""Programs that want the network, more rights, or the wide parts of the kernel."""

from __future__ import annotations

from abuses.schema import RAW, Abuse, Wants, attempt, call, text

KERNEL = [
    attempt(
        "sockets",
        "socket.socket()",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socketpair()",
        "socket.create_connection(('127.0.0.1', 80), 0.1)",
        before="import socket",
    ),
    attempt(
        "names and pages",
        "urllib.request.urlopen('http://127.0.0.1:1/', timeout=0.2)",
        "socket.getaddrinfo('localhost', 80, proto=7)",
        before="import socket, urllib.request",
    ),
    call("raw sockets", "41, 2, 1, 0", "41, 1, 1, 0", "53, 1, 1, 0, bytes(8)"),
    call("messages on the tool's own socket", "44, 3, b'x', 1, 0, 0, 0", "47, 3, bytes(56), 0"),
    attempt(
        "servers",
        "socket.create_server(('127.0.0.1', 0))",
        "http.server.HTTPServer(('', 0), None)",
        "socketserver.UnixStreamServer('\\0abstract', None)",
        "multiprocessing.connection.Listener('/scratch/x')",
        "socket.socket(fileno=os.dup(3)).accept()",
        before="import http.server, os, multiprocessing.connection, socket, socketserver",
    ),
    attempt(
        "files handed on",
        "socket.send_fds(socket.socket(fileno=os.dup(3)), [b'x'], [0])",
        "socket.recv_fds(socket.socket(fileno=os.dup(3)), 1, 1)",
        before="import os, socket",
    ),
    Abuse(
        "asyncio", "import asyncio\nasyncio.run(asyncio.sleep(0))", Wants.RAISES, "PermissionError"
    ),
    Abuse(
        "asyncio and its children",
        "import asyncio\nasyncio.run(asyncio.create_subprocess_exec('id'))",
        Wants.RAISES,
        "PermissionError",
    ),
    call("namespaces", "272, 0x10000000", "272, 0x20000", "308, 3, 0"),
    call("mounts", "165, b'a', b'/', b'tmpfs', 0, 0", "166, b'/', 2", "155, b'/', b'/'"),
    call("new mounts", "428, -100, b'/', 0", "429, 3, b'', 4, b'', 0", "430, b'tmpfs', 0"),
    call(
        "a filesystem of its own",
        "430, b'tmpfs', 0",
        "442, -100, b'/', 0, bytes(32), 32",
        "432, 3, 0, 0",
    ),
    call("chroot", "161, b'.'"),
    Abuse(
        "superuser",
        text(
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
    call("keys", "250, 0, -3, 0", "248, b'user', b'a', b'b', 1, -3"),
    call("wide parts of the kernel", "321, 0, bytes(64), 64", "298, bytes(112), 0, -1, -1, 0"),
    call("io_uring", "425, 8, bytes(120)"),
    call("userfaultfd", "323, 0"),
    call("shared memory", "29, 0, 4096, 0o1600", "64, 0, 1, 0o1600", "68, 0, 0o1600"),
    call("modules and reboots", "175, 0, 0, b''", "169, 0xfee1dead, 672274793, 0x4321fedc, 0"),
    call("the clock", "227, 0, bytes(16)", "170, b'x', 1"),
    Abuse(
        "taking the filter off",
        RAW
        + text(
            """
            print(libc.prctl(38, 0, 0, 0, 0), libc.prctl(21, 0, 0, 0, 0))
            """
        ),
        Wants.HARMLESS,
        "-1 2",
    ),
    Abuse(
        "a filter of its own",
        text(
            """
            import ctypes
            libc = ctypes.CDLL(None)
            print(libc.prctl(22, 1, 0, 0, 0))
            """
        ),
        Wants.HARMLESS,
        "-1",
    ),
    call(
        "calls of younger kernels",
        "452 + 1, 4096, 4096, 0",
        "457, bytes(24), bytes(64), 64, 0",
        "458, bytes(24), bytes(64), 8, 0",
        "459, 100, bytes(64), bytes(4), 0",
        "461, 0, bytes(8), bytes(4), 0",
        "463, -100, b'/', 0, b'user.x', bytes(16), 16",
        "467, -100, b'/', 1, 0, 0",
        "468, -100, b'/', bytes(24), 24, 0",
        "999",
    ),
    call(
        "tables of segments and old calls", "154, 0, bytes(16), 16", "156, 0", "139, 1", "136, 0, 0"
    ),
]
