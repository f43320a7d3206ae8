"""Files of fitted parameters: one set, or one a fold so that no question meets its own fit."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Whole = TypeVar("Whole")
Crossed = TypeVar("Crossed")


def read_fitted_file(path: Path, whole: type[Whole], crossed: type[Crossed]) -> Whole | Crossed:
    """Read a file of parameters.

    Args:
        path: A JSON file.
        whole: What it holds without a field `folds`.
        crossed: What it holds with that field.

    Raises:
        CallerError: one line that names the file and the field.
    """
    try:
        stat = path.stat()
        types: Any = (whole, crossed)
        found: Whole | Crossed = _decoded(path.resolve(), stat.st_mtime_ns, stat.st_size, types)
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror}") from error
    except (CallerError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(f"{path}: {error}") from error
    return found


def check_folds(folds: Sequence[object], fold_of: Mapping[str, int]) -> None:
    """Refuse folds that are none, or questions of a fold that is not there.

    Raises:
        CallerError: naming the field.
    """
    if not folds:
        raise CallerError("folds must hold at least one set of parameters")
    for question, fold in fold_of.items():
        if not 0 <= fold < len(folds):
            raise CallerError(f"fold_of.{question} must be a fold, got {fold!r}")


@lru_cache(maxsize=16)
def _decoded(
    path: Path,
    mtime_ns: int,
    size: int,
    types: tuple[Any, Any],
) -> Any:  # noqa: ANN401 - one of the two types
    """Read a file as long as it stays the same: a policy is built anew for each stream."""
    del mtime_ns, size
    raw = path.read_bytes()
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    return msgspec.json.decode(raw, type=types["folds" in fields])
