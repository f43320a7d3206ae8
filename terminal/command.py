"""What every command of this package shares: one clear line for bad input, and exit code 2."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD_INPUT = 2
"""Exit code after an error of the user's."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and whose examples keep their layout."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # as argparse takes them

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and leave."""
        self.exit(BAD_INPUT, f"error: {message} (try {self.prog} --help)\n")


def complain(error: Exception) -> None:
    """Write an error as one line to stderr."""
    sys.stderr.write(f"error: {' '.join(str(error).split())}\n")


def typed(parser: Parser, argv: Sequence[str] | None) -> str:
    """Return the command as it was typed, to be shown in what it made."""
    return f"{parser.prog} {shlex.join(sys.argv[1:] if argv is None else argv)}"


def announce(*paths: Path | None) -> None:
    """Say on stderr which files were written; None for one that was not asked for."""
    for path in paths:
        if path is not None:
            sys.stderr.write(f"wrote {path}\n")


def tracked(place: str) -> None:
    """Say on stderr where a finding is kept."""
    sys.stderr.write(f"tracked in {place}\n")


def new_file(text: str) -> Path:
    """Read the name of a file to write; refuse one that could not be written.

    Raises:
        argparse.ArgumentTypeError: before the long work rather than after it.
    """
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file in a folder that exists, got {text!r}")
    return path


def whole_number(text: str, low: int, high: int) -> int:
    """Read a whole number from `low` to `high`.

    Raises:
        argparse.ArgumentTypeError: naming what was read.
    """
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"must be a whole number from {low}, got {text!r}")
    return value


def seconds(text: str) -> float:
    """Read a number of seconds, finite and at least 0.

    Raises:
        argparse.ArgumentTypeError: naming what was read.
    """
    try:
        value = float(text)
        require_finite("seconds", value, 0.0)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number of seconds, finite and at least 0, got {text!r}"
        ) from None
    return value
