"""The Python tool: what programs may, and what becomes of those that may not."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.python_tool import calls
from engine.python_tool.filters import landlock_version
from engine.python_tool.limits import Limits
from engine.python_tool.tool import Ended, Outer, PythonTool, ToolError, _ask_for_fork
from engine.python_tool.zygote import NO_FORK
from scheduler import CallerError

if TYPE_CHECKING:
    from conftest import Bench

    from engine.python_tool.tool import ToolSession

SLACK_S = 1.0
"""A busy machine may be so much late."""


# What programs see.


def test_a_program_is_a_cell_of_a_notebook(bench: Bench, session: ToolSession) -> None:
    """What it prints and the value of its last expression are the output; variables survive."""
    assert bench.run(session.run("x = 3\nprint('a')\nx + 1")).output == "a\n4\n"
    result = bench.run(session.run("x * _"))
    assert (result.output, result.ended, result.lost) == ("12\n", Ended.VALUE, False)
    assert bench.run(session.run("x = 5; None")).output == ""
    assert not bench.run(session.run("# nothing")).output
    assert bench.run(session.run("import sympy\nsympy.factor('x**2 - 1')")).output == (
        "(x - 1)*(x + 1)\n"
    )


@pytest.mark.parametrize("outer", Outer)
def test_programs_find_packages_where_their_caller_does(
    outer: Outer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of packages that was put on the caller's path is on theirs, one of data is not."""
    if outer is Outer.BUBBLEWRAP and shutil.which("bwrap") is None:
        pytest.skip("no bubblewrap")
    packages, data = tmp_path / "packages", tmp_path / "data"
    (packages / "lonely-1.0.dist-info").mkdir(parents=True)
    (packages / "lonely.py").write_text("TOLD = 'here'")
    data.mkdir()
    (data / "notes.py").write_text("TOLD = 'secret'")
    monkeypatch.syspath_prepend(str(data))
    monkeypatch.syspath_prepend(str(packages))

    async def run() -> tuple[str, str]:
        async with PythonTool(libraries=("lonely",), outer=(outer,)) as tool:
            session = tool.session()
            found = await session.run("import lonely, decimal\nlonely.TOLD")
            hidden = await session.run(f"open({str(data / 'notes.py')!r}).read()")
            return found.output, hidden.output

    found, hidden = asyncio.run(run())
    assert found == "'here'\n"
    assert "secret" not in hidden


def test_a_session_knows_nothing_of_another(bench: Bench, session: ToolSession) -> None:
    """Neither its variables nor its texts, which are not even in its memory."""
    other = bench.tool.session()
    bench.run(other.run("secret = 'xyzzyplugh'; secret"))
    assert "NameError" in bench.run(session.run("secret")).output
    look = (
        "import gc\nwanted = ''.join(reversed('hgulpyzzyx'))\n"
        "sum(value == wanted for one in gc.get_objects() if type(one) is dict\n"
        "    and one is not globals() for value in one.values() if type(value) is str)"
    )
    assert bench.run(session.run(look)).output == "0\n"
    assert bench.run(other.run(look)).output == "0\n"  # nor does it look at its own
    assert bench.run(other.run("secret")).output == "'xyzzyplugh'\n"
    other.close()


def test_a_traceback_is_short(bench: Bench, session: ToolSession) -> None:
    """It shows the program's own lines, not the tool's, and a deep recursion once."""
    result = bench.run(session.run("def f(x):\n    return 1 / x\n\nf(0)"))
    assert result.ended is Ended.RAISED
    assert result.output.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "return 1 / x" in result.output
    assert "engine" not in result.output
    deep = bench.run(session.run("def f(n):\n    return f(n + 1)\nf(0)"))
    assert "RecursionError" in deep.output
    assert len(deep.output) < 1000
    assert "SyntaxError" in bench.run(session.run("1 +")).output


def test_of_long_output_the_ends_are_kept(bench: Bench, session: ToolSession) -> None:
    """And it says how much is missing."""
    result = bench.run(session.run("print('a' * 10**7)\nprint('the end')"))
    assert len(result.output) < 4096 + 100
    assert result.output.startswith("aaa")
    assert result.output.endswith("the end\n")
    assert "characters left out" in result.output


def test_large_numbers_are_written_out(bench: Bench, session: ToolSession) -> None:
    """Python's own limit of 4,300 digits is short for number theory."""
    assert bench.run(session.run("len(str(2**40000))")).output == "12042\n"


def test_odd_sources_are_answered(bench: Bench, session: ToolSession) -> None:
    """Nothing, half a pair of surrogates, a null byte, and too much."""
    assert bench.run(session.run("")).ended is Ended.VALUE
    assert bench.run(session.run("'\ud800'")).output == "'?'\n"
    assert bench.run(session.run("'a\x00b'")).ended in {Ended.VALUE, Ended.RAISED}
    assert bench.run(session.run("1;" * 10**6)).ended is Ended.REFUSED
    assert bench.run(session.run("1")).output == "1\n"


# Deadlines, memory, ends.


def test_the_deadline_ends_the_program_and_keeps_the_variables(
    bench: Bench, session: ToolSession
) -> None:
    """An exception is raised in it, once."""
    bench.run(session.run("x = 41"))
    result = bench.run(session.run("while True: pass", 0.2))
    assert result.ended is Ended.LATE
    assert result.output == "Stopped after 0.2 seconds.\n"
    assert bench.run(session.run("x + 1")).output == "42\n"


def test_who_does_not_heed_the_deadline_is_killed(bench: Bench, session: ToolSession) -> None:
    """And the next call has a new process at once."""
    stubborn = (
        "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException: pass"
    )
    began_s = time.monotonic()
    result = bench.run(session.run(stubborn, 0.2))
    assert time.monotonic() - began_s < 0.2 + bench.tool.limits.grace_s + SLACK_S
    assert (result.ended, result.lost) == (Ended.KILLED, True)
    began_s = time.monotonic()
    assert bench.run(session.run("1")).output == "1\n"
    assert time.monotonic() - began_s < 0.2 + SLACK_S


def test_a_process_that_ends_is_replaced(bench: Bench, session: ToolSession) -> None:
    """By its own doing or by a fault of memory."""
    for source in ("import os; os._exit(0)", "import ctypes; ctypes.string_at(0)"):
        result = bench.run(session.run(source))
        assert (result.ended, result.lost) == (Ended.DIED, True), source
        assert "lost" in result.output
    assert bench.run(session.run("1")).output == "1\n"


def test_memory_has_a_limit(bench: Bench, session: ToolSession) -> None:
    """Beyond it Python's own exception comes, and the session lives on."""
    bench.run(session.run("x = 1"))
    assert "MemoryError" in bench.run(session.run("bytearray(2**30)")).output
    assert bench.run(session.run("x")).output == "1\n"


def test_a_thread_stands_still_between_calls(bench: Bench, session: ToolSession) -> None:
    """What a program leaves running costs nobody anything."""
    bench.run(
        session.run(
            "import threading, time\nticks = 0\ndef tick():\n    global ticks\n"
            "    while True:\n        time.sleep(0.001)\n        ticks += 1\n"
            "threading.Thread(target=tick, daemon=True).start()"
        )
    )
    first = int(bench.run(session.run("ticks")).output)
    time.sleep(0.5)
    assert int(bench.run(session.run("ticks")).output) - first < 100


def test_a_call_that_is_given_up_is_over(bench: Bench, session: ToolSession) -> None:
    """A stopped sample's program does not go on, and its late answer reaches nobody."""

    async def give_up() -> str:
        task = asyncio.create_task(session.run("import time; time.sleep(0.5); 'late'"))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return (await session.run("'new'")).output

    assert bench.run(give_up()) == "'new'\n"


def test_forks_that_are_given_up_mix_nothing_up(bench: Bench) -> None:
    """Each session has its own process, also if others were cancelled while theirs was forked."""

    async def many() -> list[str]:
        sessions = [bench.tool.session() for _ in range(12)]
        calls = [
            asyncio.create_task(session.run(f"{number}")) for number, session in enumerate(sessions)
        ]
        await asyncio.sleep(0.01)
        for call in calls[::2]:
            call.cancel()
        outputs = [one.output for one in await asyncio.gather(*calls[1::2])]
        await asyncio.gather(*calls, return_exceptions=True)
        for session in sessions[1::2]:
            assert (await session.run("import os; os._exit(0)")).ended is Ended.DIED
        for session in sessions:
            outputs.append((await session.run("'here'")).output)
            session.close()
        return outputs

    assert bench.run(many()) == [f"{number}\n" for number in range(1, 12, 2)] + ["'here'\n"] * 12


def test_a_session_that_is_closed_while_it_runs_ends(bench: Bench) -> None:
    """Whoever waits for it is told so."""

    async def close() -> Ended:
        session = bench.tool.session()
        task = asyncio.create_task(session.run("import time; time.sleep(9)"))
        await asyncio.sleep(0.2)
        session.close()
        return (await task).ended

    assert bench.run(close()) is Ended.DIED


def test_calls_take_turns(bench: Bench) -> None:
    """Sixteen at once: as many run as there are cores, in order, and none is late."""
    sessions = [bench.tool.session() for _ in range(16)]
    work = "import time; end = time.process_time() + 0.1\nwhile time.process_time() < end: pass"

    async def all_at_once() -> list[Ended]:
        await asyncio.gather(*(session.run("1") for session in sessions))
        return [one.ended for one in await asyncio.gather(*(s.run(work) for s in sessions))]

    assert bench.run(all_at_once()) == [Ended.VALUE] * 16
    for session in sessions:
        session.close()


def test_limits_are_checked() -> None:
    """A deadline of nothing is none."""
    with pytest.raises(CallerError, match="deadline_s"):
        Limits(deadline_s=0.0)


# What stands around them.

REFUSALS = ("PermissionError", "FileNotFound", "Read-only file system")


@pytest.mark.parametrize("outer", list(Outer))
def test_every_wall_keeps_programs_in(outer: Outer) -> None:
    """With and without bubblewrap: no files of others, no processes, no network."""
    if outer is Outer.BUBBLEWRAP and not shutil.which("bwrap"):
        pytest.skip("no bubblewrap")

    async def play() -> None:
        async with PythonTool(libraries=(), outer=(outer,)) as tool:
            assert {"limits", "files", "calls"} <= set(tool.walls)
            assert (outer is Outer.BUBBLEWRAP) == ("bubblewrap" in tool.walls)
            session = tool.session()
            for source in (
                "open('/etc/passwd')",
                "import os; os.listdir('/')",
                "open('/proc/self/environ')",
                "import os; os.fork()",
                "import socket; socket.socket()",
                "import os; os.kill(os.getppid(), 9)",
                "open('/tmp/escaped', 'w')",
            ):
                output = (await session.run(source)).output
                assert any(word in output for word in REFUSALS), output
            if "scratch" in tool.walls:
                write = "open('a', 'w').write('b'); open('a').read()"
                assert (await session.run(write)).output == "'b'\n"
                assert "OSError" in (await session.run("open('c', 'w').write('b' * 2**25)")).output
                assert "FileNotFound" in (await tool.session().run("open('a')")).output

    asyncio.run(play())


@pytest.mark.parametrize("outer", list(Outer))
def test_ordinary_programs_work_behind_them(outer: Outer) -> None:
    """Copies, archives, databases, arrays and threads: modes and times are set, files locked."""
    if outer is Outer.BUBBLEWRAP and not shutil.which("bwrap"):
        pytest.skip("no bubblewrap")

    async def play() -> None:
        async with PythonTool(libraries=("numpy",), outer=(outer,)) as tool:
            if "scratch" not in tool.walls:
                pytest.skip("no folder to write into")
            session = tool.session()
            for source in ORDINARY:
                result = await session.run(source)
                assert (result.ended, result.output) == (Ended.VALUE, "'done'\n"), source

    asyncio.run(play())


ORDINARY = [
    """
import os, pathlib
pathlib.Path('one').write_text('x' * 100)
pathlib.Path('one').touch()
pathlib.Path('one').chmod(0o600)
pathlib.Path('two').touch()
os.makedirs('deep/er', exist_ok=True)
assert os.stat('one').st_size == 100 and sorted(os.listdir()) == ['deep', 'one', 'two']
'done'""",
    """
import shutil
shutil.copy('one', 'copy')
shutil.copy2('one', 'deep/copy')
shutil.copytree('deep', 'deeper')
shutil.move('copy', 'moved')
shutil.rmtree('deep')
assert open('moved').read() == open('deeper/copy').read() == 'x' * 100
shutil.disk_usage('.').total and 'done'""",
    """
import tarfile, zipfile
with zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.write('one')
zipfile.ZipFile('a.zip').extractall('unzipped')
with tarfile.open('a.tar.gz', 'w:gz') as archive:
    archive.add('deeper')
tarfile.open('a.tar.gz').extractall('untarred')
assert len(open('unzipped/one').read()) == len(open('untarred/deeper/copy').read()) == 100
'done'""",
    """
import os, tempfile
with tempfile.TemporaryDirectory(dir='.') as folder:
    with tempfile.NamedTemporaryFile('w', dir=folder) as file:
        file.write('x')
with tempfile.TemporaryFile(dir='.') as file:
    file.write(b'x')
os.path.exists(folder) or 'done'""",
    """
import numpy as np
np.save('a.npy', np.arange(9.0))
np.savetxt('a.txt', np.eye(2))
np.savez_compressed('a.npz', a=np.ones(3))
assert np.load('a.npy', mmap_mode='r').sum() == 36 and np.load('a.npz')['a'].sum() == 3
np.loadtxt('a.txt').trace() == 2 and np.linalg.svd(np.random.rand(200, 200))[1].size and 'done'""",
    """
import sqlite3
with sqlite3.connect('a.db') as base:
    base.execute('create table t (a integer)')
    base.executemany('insert into t values (?)', [(n,) for n in range(5)])
assert sqlite3.connect('a.db').execute('select sum(a) from t').fetchone() == (10,)
'done'""",
    """
import dbm.dumb, pickle, shelve, csv, json
with shelve.open('shelf') as shelf:
    shelf['a'] = [1, 2]
pickle.dump({1, 2}, open('a.pickle', 'wb'))
csv.writer(open('a.csv', 'w')).writerow([1, 2])
assert pickle.load(open('a.pickle', 'rb')) == {1, 2}
'done'""",
    """
import concurrent.futures, queue, random, select, signal, threading, time, uuid
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    assert sum(pool.map(lambda n: n * n, range(99))) == sum(n * n for n in range(99))
event = threading.Event()
threading.Timer(0.01, event.set).start()
assert event.wait(5)
time.sleep(0.001)
poll = select.poll()
random.SystemRandom().random() and uuid.uuid4() and time.localtime() and 'done'""",
    """
import ctypes, datetime, decimal, fcntl, getpass, mmap, os, platform, resource, sys, zoneinfo
with open('one', 'r+b') as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    fcntl.flock(file, fcntl.LOCK_UN)
    with mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:1] = b'y'
    os.fsync(file)
print('nowhere', file=open(os.devnull, 'w'))
assert open('one').read(2) == 'yx' and not sys.stdin.isatty()
datetime.datetime.now(zoneinfo.ZoneInfo('Europe/Berlin'))
call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda n: n + 1)
platform.platform() and os.cpu_count() and os.sched_getaffinity(0) and call(1) == 2 and 'done'""",
]
"""What programs do with files and threads, each on what those before have left."""


def test_sessions_share_nothing_that_can_be_set(bench: Bench, session: ToolSession) -> None:
    """Neither flags of the standard files, nor locks of a library's."""
    other = bench.tool.session()
    look = """
import fcntl, os, struct, sympy
flags = [fcntl.fcntl(number, fcntl.F_GETFL) & os.O_NONBLOCK for number in range(4)]
file = open(sympy.__file__, 'rb')
asked = struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0)
flags, struct.unpack('hhqqi', fcntl.fcntl(file, fcntl.F_GETLK, asked))[0] == fcntl.F_UNLCK"""
    free = "([0, 0, 0, 0], True)\n"
    assert bench.run(other.run(look)).output == free
    spoil = """
for number in range(3):
    os.set_blocking(number, False)
fcntl.lockf(file, fcntl.LOCK_SH)
fcntl.flock(file, fcntl.LOCK_EX)"""
    assert bench.run(other.run(spoil)).ended is Ended.VALUE
    assert bench.run(session.run(look)).output == free
    other.close()


def test_a_forged_answer_shifts_no_other(bench: Bench, session: ToolSession) -> None:
    """The call that finds another call's answer ends the session, the one after is answered."""
    forge = """
import os, struct
body = b'{"number": 1, "output": "forged"}'
os.write(3, struct.pack('<I', len(body)) + body)
'honest'"""
    assert bench.run(session.run(forge)).output == "forged"
    result = bench.run(session.run("'second'"))
    assert (result.ended, result.lost) == (Ended.DIED, True)
    assert [bench.run(session.run(f"{n}")).output for n in range(3)] == ["0\n", "1\n", "2\n"]


@pytest.mark.parametrize("outer", [Outer.NAMESPACES, Outer.NOTHING])
def test_a_session_without_a_wall_runs_nothing(outer: Outer) -> None:
    """One that stood at the start and cannot be put up any more: here the scratch folder."""

    async def play() -> None:
        async with PythonTool(libraries=(), outer=(outer,)) as tool:
            if "scratch" not in tool.walls:
                pytest.skip("no folder to write into")
            before = tool.session()
            assert (await before.run("1")).output == "1\n"
            assert tool._folder is not None
            os.rmdir(tool._folder.name)  # noqa: PTH106 - nothing waits for it
            with pytest.raises(ToolError, match="lacks scratch"):
                await tool.session().run("1")
            assert (await before.run("2")).output == "2\n"
            os.mkdir(tool._folder.name)  # noqa: PTH102 - likewise
            assert (await tool.session().run("3")).output == "3\n"

    asyncio.run(play())


def test_a_machine_that_is_full_says_so() -> None:
    """The process that forks lives on if it cannot, and so do the sessions that there are."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(NO_FORK)
        with pytest.raises(ToolError, match="no room"):
            _ask_for_fork(ours)
        _, files, _, _ = socket.recv_fds(theirs, 1, 1)
        assert len(files) == 1
        os.close(files[0])


@pytest.mark.skipif(os.getuid() != 0, reason="needs a superuser's mounts")
def test_the_scratch_is_seen_by_its_session_alone() -> None:
    """Also where new mounts are shared, and without namespaces around."""
    script = """
import asyncio, ctypes, os, sys
from engine.python_tool.tool import Outer, PythonTool
libc = ctypes.CDLL(None)
assert not libc.unshare(0x20000)
assert not libc.mount(b"none", b"/", None, 0x100000 | 0x4000, None)  # shared
async def main():
    async with PythonTool(libraries=(), outer=(Outer.NOTHING,)) as tool:
        assert "scratch" in tool.walls
        session = tool.session()
        print((await session.run("open('a', 'w').close(); import os; os.listdir()")).output)
        print(os.listdir(tool._folder.name), tool._folder.name in open("/proc/mounts").read())
asyncio.run(main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "['a']\n\n[] False\n", ran.stderr


def test_landlock_alone_holds_signals_and_the_network() -> None:
    """Where the kernel knows how to: the filter of calls is not all there is."""
    if landlock_version() < 6:
        pytest.skip("an older kernel")
    script = """
import os, socket
from engine.python_tool.filters import PR_SET_NO_NEW_PRIVS, allow_files, prctl
prctl(PR_SET_NO_NEW_PRIVS, 1)
allow_files((), ())
os.kill(os.getpid(), 0)
for act in (
    lambda: os.kill(os.getppid(), 0),
    lambda: socket.socket().bind(("127.0.0.1", 0)),
    lambda: socket.socket().connect(("127.0.0.1", 1)),
):
    try:
        act()
    except PermissionError:
        print("refused")
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "refused\n" * 3


def test_the_numbers_of_calls_are_right() -> None:
    """As the kernel's own header has them, which may be older than some."""
    named = calls.ALLOWED | calls.PRETENDED | calls.UNKNOWN_NOTES
    looked_at = {
        "fcntl": calls.FCNTL,
        "ioctl": calls.IOCTL,
        "prctl": calls.PRCTL,
        "mmap": calls.MMAP,
        "utimensat": calls.UTIMENSAT,
        "clone": calls.CLONE,
        "clone3": calls.CLONE3,
        "kill": calls.KILL,
        "tgkill": calls.TGKILL,
        "prlimit64": calls.PRLIMIT,
    }
    numbers = [*named.values(), *looked_at.values()]
    assert len(numbers) == len(set(numbers))
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no header")
    theirs = dict(re.findall(r"#define __NR_(\w+) (\d+)", header.read_text()))
    for name, number in (named | looked_at).items():
        assert theirs.get(name, str(number)) == str(number), name


def test_nothing_that_works_is_an_error() -> None:
    """One line names what was tried."""
    with pytest.raises(ToolError, match="tried nothing at all"):
        asyncio.run(PythonTool(outer=()).start())


def test_programs_see_none_of_our_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key of an account in the environment stays outside."""
    monkeypatch.setenv("CANARY_SECRET", "s3cret")

    async def look() -> str:
        async with PythonTool(libraries=()) as tool:
            return (await tool.session().run("import os; dict(os.environ)")).output

    assert "s3cret" not in asyncio.run(look())


# The process that forks.


def test_a_zygote_that_dies_is_replaced() -> None:
    """The machine may kill it for want of memory."""

    async def play() -> tuple[Ended, str]:
        async with PythonTool(libraries=()) as tool:
            session = tool.session()
            await session.run("x = 1")
            tool.kill()
            died = (await session.run("x")).ended
            return died, (await session.run("1 + 1")).output

    assert asyncio.run(play()) == (Ended.DIED, "2\n")


def test_it_imports_nothing_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package there that is called as ours is not ours."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)

    async def play() -> str:
        async with PythonTool(libraries=(), outer=(Outer.NOTHING,)) as tool:
            return (await tool.session().run("1")).output

    assert asyncio.run(play()) == "1\n"


def test_a_closed_tool_says_so() -> None:
    """No call hangs."""

    async def play() -> None:
        tool = PythonTool(libraries=())
        with pytest.raises(ToolError, match="not started, or closed"):
            await tool.session().run("1")
        await tool.start()
        session = tool.session()
        await session.run("1")
        tool.close()
        with pytest.raises(ToolError, match="closed"):
            await session.run("1")

    asyncio.run(play())


@pytest.mark.parametrize("outer", list(Outer))
def test_nothing_is_left_of_a_killed_caller(outer: Outer, tmp_path: Path) -> None:
    """Killed for good: the zygote ends, and a session that tries everything to go on."""
    if outer is Outer.BUBBLEWRAP and not shutil.which("bwrap"):
        pytest.skip("no bubblewrap")
    stubborn = """
import ctypes, os, signal, threading
libc = ctypes.CDLL(None)
libc.prctl(1, 0, 0, 0, 0)
libc.setsid()
for number in signal.valid_signals() - {9, 19}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()
while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
    script = f"""
import asyncio
from engine.python_tool.tool import Outer, PythonTool
async def main():
    tool = PythonTool(libraries=(), outer=(Outer({outer.value!r}),))
    await tool.start()
    session, idle = tool.session(), tool.session()
    await session.run("1")
    await idle.run("1")
    open({str(tmp_path / "up")!r}, "w").write("up")
    await session.run({stubborn!r}, 60.0)
asyncio.run(main())
"""
    caller = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + 60
        while not (tmp_path / "up").exists():
            assert time.monotonic() < until_s
            time.sleep(0.05)
        time.sleep(0.3)  # the program goes on for ever by now
        family = _descendants(caller.pid)
        assert len(family) >= 3
    finally:
        caller.send_signal(signal.SIGKILL)
        caller.wait()
    until_s = time.monotonic() + 2 + SLACK_S
    while left := [pid for pid in family if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < until_s, left
        time.sleep(0.05)


def _descendants(pid: int) -> set[int]:
    """Give all processes below one."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family - {pid, os.getpid()}
