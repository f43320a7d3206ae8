"""Runs a command that may hang, and may hang for good: a broken driver lets nobody kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

KILL_S = 2.0
"""A killed command that is still there by then is left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended.

    Attributes:
        code: Its exit code; None where it was not there or did not end.
        out: What it wrote to stdout, also if it did not end.
        err: Likewise to stderr.
        limit_s: The seconds it was given, where it did not end within them; None else.
    """

    code: int | None
    out: str = ""
    err: str = ""
    limit_s: float | None = None

    @property
    def is_there(self) -> bool:
        """Whether there was such a command."""
        return self.code is not None or self.limit_s is not None


def run_command(command: Sequence[str], limit_s: float) -> Ran:
    """Run a command and all it starts for some seconds at most.

    Its output goes through files: a pipe would be held open by whatever it leaves behind.
    """
    try:
        return _run(command, limit_s)
    except OSError as error:  # no such command, or nowhere to write
        return Ran(code=None, err=str(error))


def _run(command: Sequence[str], limit_s: float) -> Ran:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        code, late = None, True
        try:
            code, late = process.wait(limit_s), False
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(KILL_S)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return Ran(code=code, out=texts[0], err=texts[1], limit_s=limit_s if late else None)
