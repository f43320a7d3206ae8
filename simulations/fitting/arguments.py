"""What the commands that fit read alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import CallerError
from terminal.command import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST = 1_000_000


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    return whole_number(text, 1, _MOST)


def seed(text: str) -> int:
    """Read a seed."""
    return whole_number(text, 0, 2**63 - 1)


def require_different(outputs: Mapping[str, Path | None]) -> None:
    """Refuse one file for two outputs.

    Args:
        outputs: By option, without its dashes; None where nothing is written.

    Raises:
        CallerError: naming the later option and the file.
    """
    taken: set[Path] = set()
    for option, path in outputs.items():
        if path is None:
            continue
        if path in taken:
            raise CallerError(f"argument --{option}: {path} is taken by another option")
        taken.add(path)
