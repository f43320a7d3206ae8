"""A session: programs of one sample, one after another, in one process; variables survive.

Runs inside the walls. Nothing here guards anything: what a program breaks is its own session,
and whoever calls kills it at the deadline.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import signal
import sys
import threading
import traceback
from contextlib import suppress
from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec

from engine.python_tool.frames import (
    LENGTH,
    Call,
    Hello,
    Reply,
    read_exactly,
    write_frame,
)

if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType

_FRAMES = 6
"""Lines of a traceback that are shown."""

_DIGITS = 100_000
"""Of a whole number that may be written out: Python's own 4,300 is short for number theory."""


class DeadlineError(BaseException):
    """The program has used its time up."""


class _Output(StringIO):
    """Keeps the beginning and the end of what is written."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._head, self._tail = most * 3 // 4, most - most * 3 // 4
        self._kept = ""
        self._last = ""
        self._lost = 0

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() takes a str, got {type(text).__name__}")
        written = len(text)
        room = self._head - len(self._kept)
        self._kept += text[:room] if room > 0 else ""
        text = text[max(room, 0) :]
        if text:
            self._lost += max(len(self._last) + len(text) - self._tail, 0)
            self._last = (self._last[-self._tail :] + text[-self._tail :])[-self._tail :]
        return written

    def shown(self) -> str:
        if not self._lost:
            return self._kept + self._last
        return f"{self._kept}\n[… {self._lost:,} characters left out …]\n{self._last}"


def serve(file: int, walls: tuple[str, ...], output_chars: int) -> None:
    """Run what comes until nothing more does.

    Args:
        file: The socket.
        walls: What stands around this process.
        output_chars: Characters of output that are kept.
    """
    sys.set_int_max_str_digits(_DIGITS)
    sys.stdin = StringIO()
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    write_frame(file, Hello(walls=walls))
    with suppress(EOFError):
        while True:
            (length,) = LENGTH.unpack(read_exactly(file, LENGTH.size))
            call = msgspec.json.decode(read_exactly(file, length), type=Call)
            write_frame(file, _run(call, namespace, output_chars))


def _run(call: Call, namespace: dict[str, Any], output_chars: int) -> Reply:
    """Run a program as a notebook's cell: the value of a last expression is shown."""
    output = _Output(output_chars)
    sys.stdout = sys.stderr = output
    name = f"<python {call.number}>"
    linecache.cache[name] = (len(call.source), None, call.source.splitlines(keepends=True), name)
    raised = late = False
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, call.deadline_s)
    try:
        try:
            for code, is_value in _compiled(call.source, name):
                if is_value:
                    value = eval(code, namespace)  # noqa: S307 - what this process is for
                    if value is not None:
                        namespace["_"] = value
                        output.write(f"{value!r}\n")
                else:
                    exec(code, namespace)  # noqa: S102 - what this process is for
        finally:
            sys.settrace(None)  # first of all, and here: a call of our own would be traced
            _unhook()
    except DeadlineError:
        late = True
    except BaseException as error:  # noqa: BLE001 - whatever a program raises
        sys.settrace(None)
        _unhook()
        raised = True
        output.write(_told(error))
    return Reply(number=call.number, output=_sendable(output.shown()), raised=raised, late=late)


def _unhook() -> None:
    """Take off what a program may have set to be called; that may raise once more."""
    sys.setprofile(None)
    threading.settrace(None)
    threading.setprofile(None)
    signal.setitimer(signal.ITIMER_REAL, 0.0)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise DeadlineError


def _compiled(source: str, name: str) -> list[tuple[CodeType, bool]]:
    tree = ast.parse(source, name)
    parts: list[tuple[CodeType, bool]] = []
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
        value = ast.Expression(last.value)
        parts.append((compile(value, name, "eval", dont_inherit=True), True))
    if tree.body:
        parts.insert(0, (compile(tree, name, "exec", dont_inherit=True), False))
    return parts


def _told(error: BaseException) -> str:
    """Tell of an exception what helps whoever wrote the program: its own lines, the last ones."""
    try:
        lines = []
        frames = _own_frames(error.__traceback__)
        if frames:
            summary = traceback.StackSummary.from_list(frames[-_FRAMES:])
            lines = ["Traceback (most recent call last):\n", *summary.format()]
        return "".join([*lines, *traceback.format_exception_only(error)])
    except BaseException:  # noqa: BLE001 - an exception may not let itself be told
        return f"{_name_of(type(error))} (which does not let itself be told)\n"


_name_of = type.__dict__["__name__"].__get__
"""Python's own way to a class's name: the class may have changed the usual one."""


def _own_frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """Give the frames of programs; of a deep recursion the last ones."""
    return [
        frame
        for frame in traceback.extract_tb(trace, limit=-200)
        if frame.filename.startswith("<python ")
    ]


def _sendable(text: str) -> str:
    """Replace halves of surrogate pairs, which no encoding takes."""
    return text.encode(errors="replace").decode()
