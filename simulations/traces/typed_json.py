"""Typed decoding of JSON, with an error that names the field and the value found there."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from simulations.traces.errors import TraceError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

_REPORT = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`")
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]")


def decode_typed(raw: bytes, decoder: msgspec.json.Decoder[T], where: str) -> T:
    """Decode one JSON document.

    Args:
        raw: The document.
        decoder: What it has to be.
        where: Begins the message of an error: the file, and the line if there are many.

    Raises:
        TraceError: `<where>, field <path>: <what is wrong>, got <value>`, or without a field
            where the document is no JSON at all.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise TraceError(where + _explain(str(error), raw)) from None
    except msgspec.DecodeError as error:
        for path, value in _walk(_lenient(raw), ""):
            if isinstance(value, float) and not math.isfinite(value):
                raise TraceError(
                    f"{where}, field {path or '(all)'}: must be a finite number, got {value!r}"
                ) from None
        raise TraceError(f"{where}: is no JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise TraceError(f"{where}: is not UTF-8: {error.reason}") from None


def _explain(report: str, raw: bytes) -> str:
    """Turn msgspec's report into `, field <path>: <what>, got <value>`."""
    match = _REPORT.fullmatch(report)
    what, path = (match["what"], match["path"] or "") if match else (report, "")
    found = _lenient(raw)
    if field := _FIELD.fullmatch(what):
        name = f"{path}.{field['name']}".lstrip(".")
        if field["what"] == "missing required":
            return f", field {name}: is missing"
        return f", field {name}: is unknown"
    if path.endswith("[...]"):  # msgspec doesn't say which key of a mapping it means
        path = path.removesuffix("[...]")
        return f", field {path.lstrip('.')}: {_rule(what)}, got {shown(_at(found, path))}"
    if not path:
        return f": {_rule(what)}, got {shown(found)}"
    return f", field {path.lstrip('.')}: {_rule(what)}, got {shown(_at(found, path))}"


def _rule(what: str) -> str:
    """Say "must be …" for what msgspec expected; the type it got shows in the value."""
    rule = what.split(", got `", maxsplit=1)[0].replace("`", "")
    return f"must be {rule.removeprefix('Expected ')}" if rule.startswith("Expected") else rule


def _at(found: object, path: str) -> object:
    """Follow a path such as `.checkpoints[3].tokens`."""
    for step in _STEP.finditer(path):
        if isinstance(found, dict):
            found = found[step["key"]]
        elif isinstance(found, list):
            found = found[int(step["index"])]
    return found


def _lenient(raw: bytes) -> object:
    """Decode as Python does, which accepts NaN; None where even that fails."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _walk(found: object, path: str) -> Iterator[tuple[str, object]]:
    """Visit every value with its path."""
    yield path, found
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _walk(value, f"{path}.{key}" if path else key)
    elif isinstance(found, list):
        for index, value in enumerate(found):
            yield from _walk(value, f"{path}[{index}]")
