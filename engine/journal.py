"""The journal's file: one line appended for each thing that happens, whatever happens to us.

A line is handed to the system in one write as soon as it is told, so a killed process loses
none that was written and leaves at most one unfinished. A full disk stops no run: lines wait in
memory and follow once there is room. After each state of the ledger and each answer given the
file is forced to the disk, so that a machine that crashes forgets no answer.
"""

from __future__ import annotations

import fcntl
import os
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from loguru import logger

from scheduler import BudgetLine, CallerError, GivenLine, JournalHeader, decode_line, encode_line

if TYPE_CHECKING:
    from pathlib import Path

    from scheduler import JournalLine

_CLOSED = -1


class Journal:
    """An open journal; made by `create` or `resume`, the only writer of its file."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        """Of the file."""
        self._descriptor = descriptor
        self._waiting = bytearray()
        self._failing = False
        self._must_sync = False
        self._lock = Lock()
        _open_journals.add(self)

    @classmethod
    def create(cls, path: Path, header: JournalHeader) -> Journal:
        """Begin a journal.

        Raises:
            CallerError: if the file holds something, is written to by another process or cannot
                be opened.
        """
        descriptor = _lock(path, os.O_WRONLY | os.O_CREAT)
        if size := os.fstat(descriptor).st_size:
            os.close(descriptor)
            raise CallerError(f"{path}: must be new or empty, holds {size} bytes")
        journal = cls(path, descriptor)
        journal.write(header)
        return journal

    @classmethod
    def resume(cls, path: Path) -> tuple[Journal, tuple[JournalLine, ...]]:
        """Go on with a journal whose process has died; an unfinished last line is cut off.

        Returns:
            The journal and its lines so far, the header first.

        Raises:
            CallerError: if a line is broken (naming it), the first one is no header, another
                process writes to the file or it cannot be opened. The file is then as it was.
        """
        descriptor = _lock(path, os.O_RDWR)
        try:
            raw = _content(descriptor)
            end = raw.rfind(b"\n") + 1
            lines = _decode(path, raw[:end])
            if end < len(raw):
                os.ftruncate(descriptor, end)
        except OSError as error:
            os.close(descriptor)
            raise CallerError(f"{path}: cannot be read: {error.strerror}") from error
        except CallerError:
            os.close(descriptor)
            raise
        return cls(path, descriptor), lines

    def write(self, line: JournalLine) -> None:
        """Append a line, from any thread; where the disk refuses, it waits for the next call.

        Raises:
            CallerError: if the journal is closed.
        """
        encoded = encode_line(line) + b"\n"
        with self._lock:
            if self._descriptor == _CLOSED:
                raise CallerError(f"{self.path}: is closed")
            self._waiting += encoded
            self._must_sync |= isinstance(line, BudgetLine | GivenLine)
            if self._flush() and self._must_sync:
                self._sync()

    def close(self) -> None:
        """Write what waits, force all to the disk and say if lines are lost."""
        with self._lock:
            if self._descriptor == _CLOSED:
                return
            if self._flush():
                self._sync()
            else:
                lost = self._waiting.count(b"\n")
                logger.error("journal {}: {} lines are lost", self.path, lost)
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _flush(self) -> bool:
        """Hand over what waits; whether all went out."""
        waited = self._waiting.count(b"\n") if self._failing else 0
        while self._waiting:
            try:
                written = os.write(self._descriptor, self._waiting)
            except OSError as error:
                self._complain(error)
                return False
            del self._waiting[:written]
        if self._failing:
            self._failing = False
            logger.info("journal {}: writes again, {} lines caught up", self.path, waited)
        return True

    def _sync(self) -> None:
        self._must_sync = False
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Say once an outage what is wrong."""
        if not self._failing:
            self._failing = True
            waiting = self._waiting.count(b"\n")
            logger.warning("journal {}: {}; {} lines wait", self.path, error.strerror, waiting)


_open_journals: WeakSet[Journal] = WeakSet()


def _forget_in_child() -> None:
    """Let go of the files: a forked child that outlives us must not keep them locked."""
    for journal in _open_journals:
        if journal._descriptor != _CLOSED:  # noqa: SLF001 - one idea with the class above
            os.close(journal._descriptor)  # noqa: SLF001
            journal._descriptor = _CLOSED  # noqa: SLF001


os.register_at_fork(after_in_child=_forget_in_child)


def _lock(path: Path, flags: int) -> int:
    """Open the file for appending, for us alone."""
    try:
        descriptor = os.open(path, flags | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CallerError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise CallerError(f"{path}: is being written by another journal") from None
        raise CallerError(f"{path}: cannot be locked: {error.strerror}") from error
    return descriptor


def _content(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def _decode(path: Path, raw: bytes) -> tuple[JournalLine, ...]:
    lines: list[JournalLine] = []
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        try:
            lines.append(decode_line(line))
        except CallerError as error:
            raise CallerError(f"{path} line {number}: {error}") from error
    if not lines or not isinstance(lines[0], JournalHeader):
        raise CallerError(f"{path}: does not begin with a journal's header")
    return tuple(lines)
