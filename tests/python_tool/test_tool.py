"""The Python tool: what programs may, and what becomes of those that may not."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.python_tool.limits import Limits
from engine.python_tool.tool import Ended, Outer, PythonTool, ToolError
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
                assert any(word in output for word in ("PermissionError", "FileNotFound")), output
            if "scratch" in tool.walls:
                write = "open('a', 'w').write('b'); open('a').read()"
                assert (await session.run(write)).output == "'b'\n"
                assert "OSError" in (await session.run("open('c', 'w').write('b' * 2**25)")).output
                assert "FileNotFound" in (await tool.session().run("open('a')")).output

    asyncio.run(play())


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


def test_nothing_is_left_of_a_killed_caller(tmp_path: Path) -> None:
    """Killed for good: the zygote and its sessions, also one that runs for ever, end with it."""
    script = (
        "import asyncio\nfrom engine.python_tool.tool import PythonTool\n"
        "async def main():\n"
        "    tool = PythonTool(libraries=())\n"
        "    await tool.start()\n"
        "    session = tool.session()\n"
        "    await session.run('1')\n"
        f"    open({str(tmp_path / 'up')!r}, 'w').write('up')\n"
        "    await session.run('while True: pass', 60.0)\n"
        "asyncio.run(main())\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + 60
        while not (tmp_path / "up").exists():
            assert time.monotonic() < until_s
            time.sleep(0.05)
        family = _descendants(caller.pid)
        assert len(family) >= 2
    finally:
        caller.send_signal(signal.SIGKILL)
        caller.wait()
    until_s = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in family):
        assert time.monotonic() < until_s, "something goes on"
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
