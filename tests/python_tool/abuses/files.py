"""Programs that read, change or make files that are not theirs."""

from __future__ import annotations

from abuses.schema import RAW, Abuse, Wants, attempt, call, text, unchanged

FILES = [
    attempt(
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
    attempt(
        "environment of others",
        "open('/proc/1/environ').read()",
        "open(f'/proc/{os.getppid()}/environ').read()",
        "open('/proc/HOST_PID/environ').read()",
        "open('/proc/self/environ').read()",
        "os.listdir('/proc')",
        before="import os",
    ),
    attempt(
        "memory by files",
        "open('/proc/self/mem', 'r+b')",
        "open('/proc/HOST_PID/mem', 'rb')",
        "open('/dev/mem', 'rb')",
        "open('/dev/shm/x', 'w')",
    ),
    attempt(
        "the tool's own files",
        "os.open(engine.python_tool.session.__file__, os.O_RDONLY)",
        "os.listdir(os.path.dirname(engine.__file__))",
        "os.listdir(engine.__file__.rsplit('/', 2)[0])",
        "[os.listdir(path) for path in sys.path if 'lib' not in path]",
        before="import engine.python_tool.session, os, sys",
    ),
    attempt(
        "keys of the machine's user",
        "os.listdir(os.path.expanduser('~/.ssh'))",
        "os.listdir('/root/.ssh')",
        "os.open('/root/.bash_history', os.O_RDONLY)",
        "os.open('/etc/ssl/private', os.O_RDONLY)",
        "os.open('/var/run/secrets', os.O_RDONLY)",
        before="import os",
    ),
    attempt(
        "devices",
        "os.open('/dev/ptmx', os.O_RDWR)",
        "os.open('/dev/tty', os.O_RDWR)",
        "os.open('/dev/kvm', os.O_RDWR)",
        "os.open('/dev/vda', os.O_RDONLY)",
        "os.open('/dev/fuse', os.O_RDWR)",
        "os.openpty()",
        "os.listdir('/dev')",
        "os.listdir('/sys')",
        before="import os",
    ),
    attempt(
        "round about ways",
        "open('/proc/self/root/etc/passwd').read()",
        "open('../../../../etc/passwd').read()",
        "open('/proc/self/cwd/../etc/passwd').read()",
        "os.open('etc/passwd', os.O_RDONLY, dir_fd=os.open('/', os.O_RDONLY))",
        "(os.symlink('/etc/passwd', 'link'), open('link').read())",
        "(os.link('/etc/passwd', 'hard'), open('hard').read())",
        before="import os",
    ),
    call("open by handle", "304, -100, bytes(64), 0", "303, -100, b'/etc', bytes(64), bytes(8), 0"),
    call("openat2 from the root", "437, -100, b'/etc/passwd', bytes(24), 24"),
    attempt(
        "out of the scratch folder",
        "(os.symlink('/', 'out'), open('out/new', 'w'))",
        "(os.chdir('/'), open('new', 'w'))",
        "open('/scratch/../new', 'w')",
        "os.rename('/scratch', '/elsewhere')",
        "os.rmdir('/scratch')",
        "os.open('/', os.O_TMPFILE | os.O_RDWR)",
        before="import os",
    ),
    attempt(
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
    attempt(
        "the libraries",
        "open(sympy.__file__, 'a').write('x')",
        "os.remove(sympy.__file__)",
        "open(os.path.join(os.path.dirname(sympy.__path__[0]), 'evil.pth'), 'w')",
        before="import os, sympy",
    ),
    attempt(
        "links to the libraries",
        "os.link(sympy.__file__, 'hard')",
        "os.replace(sympy.__file__, 'mine')",
        "os.rename('/scratch', sympy.__path__[0])",
        "os.truncate(sympy.__file__, 0)",
        "os.mkdir(sympy.__path__[0] + '/new')",
        before="import os, sympy",
    ),
    Abuse(
        "a library of its own",
        text(
            """
            import _ctypes, ctypes, shutil
            with open(_ctypes.__file__, 'rb') as library, open('own.so', 'wb') as own:
                shutil.copyfileobj(library, own)
            try:
                print(ctypes.CDLL('./own.so'))
            except OSError:
                print('refused')
            """
        ),
        Wants.REFUSED,
    ),
    attempt(
        "pipes and devices in the scratch folder",
        "os.mkfifo('pipe')",
        "os.mknod('null', 0o20666, os.makedev(1, 3))",
        "os.mknod('socket', 0o140666)",
        before="import os",
    ),
    Abuse(
        "deleting everything",
        text(
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
        "variables of ours",
        "import os\nprint([k for k in os.environ if 'CANARY' in k or 'TOKEN' in k] or 'none')",
        Wants.HARMLESS,
        "none",
    ),
    Abuse(
        "secrets of the tool",
        "import gc\nprint(sum('kept' in str(type(o)) for o in gc.get_objects()))",
        Wants.HARMLESS,
        "0",
    ),
    Abuse(
        "variables of other sessions",
        text(
            """
            import gc
            spaces = [one for one in gc.get_objects() if type(one) is dict and 'mi' + 'ne' in one]
            print(len([one for one in spaces if one is not globals()]))
            """
        ),
        Wants.HARMLESS,
        "0",
    ),
    unchanged(
        "modes, owners and times of the root",
        "'/'",
        "os.chmod('/', os.stat('/').st_mode & 0o7777)",
        "os.chown('/', os.getuid(), os.getgid())",
        "os.utime('/')",
    ),
    unchanged(
        "modes, owners and times of devices",
        "'/dev/null'",
        "os.chmod('/dev/null', 0o666)",
        "os.fchmod(0, 0o666)",
        "os.fchmod(os.open('/dev/null', os.O_RDONLY), 0o666)",
        "os.utime('/dev/null')",
        "os.chown('/dev/null', os.getuid(), os.getgid())",
    ),
    unchanged(
        "modes, owners and times of libraries",
        "sympy.__file__",
        "os.chmod(sympy.__file__, 0o644)",
        "os.fchmod(file, 0o644)",
        "os.chmod('sympy/__init__.py', 0o644, dir_fd=site)",
        "os.utime(sympy.__file__, (1, 1))",
        "os.utime(file)",
        "os.lchown(sympy.__file__, os.getuid(), os.getgid())",
        before="import sympy\nfile = os.open(sympy.__file__, os.O_RDONLY)\n"
        "site = os.open(sympy.__path__[0] + '/..', os.O_RDONLY)",
    ),
    attempt(
        "notes on files",
        "os.setxattr('/', 'user.x', b'x')",
        "os.setxattr(sympy.__file__, 'user.x', b'x')",
        "os.getxattr(sympy.__file__, 'user.x')",
        "os.listxattr('/')",
        "os.removexattr('/', 'user.x')",
        before="import os, sympy",
    ),
    attempt(
        "flags and hints of libraries",
        "fcntl.ioctl(file, 0x40086602, bytes(8))",
        "fcntl.ioctl(file, 0x401C5820, bytes(28))",
        "fcntl.ioctl(file, 0x40806685, bytes(128))",
        "fcntl.ioctl(file, 0x40087602, bytes(8))",
        "fcntl.fcntl(file, 1036, bytes(8))",
        "raw(469, file, b'', bytes(24), 24, 0x1000)",
        before=RAW + "import fcntl, os, sympy\nfile = os.open(sympy.__file__, os.O_RDONLY)",
    ),
    attempt(
        "being told of others' files",
        "fcntl.fcntl(folder, fcntl.F_NOTIFY, 0x80000004)",
        "fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)",
        "raw(253)",
        "raw(294, 0)",
        "raw(300, 0, 0)",
        "raw(27, 4096, 4096, bytes(1))",
        before=RAW
        + "import fcntl, os, sympy\nfile = os.open(sympy.__file__, os.O_RDONLY)\n"
        + "folder = os.open(sympy.__path__[0], os.O_RDONLY)",
    ),
    call("writing all of the machine's files back", "162", "306, 0", "187, 0, 0, 4096"),
]
