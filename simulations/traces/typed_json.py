"""Typed decoding of JSON, with an error that names the field and the value found there."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from simulations.traces.errors import TraceError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

Text = Annotated[str, msgspec.Meta(min_length=1)]
"""A string that says something."""

# msgspec marks the keys of a mapping as `[...]` or "`key` in", and doesn't say which it means.
_REPORT = re.compile(
    r"(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*?)(?:\[\.\.\.\])?`)?", re.DOTALL
)
_FIELD = re.compile(
    r"Object (?:(?P<absent>missing required)|contains unknown) field `(?P<name>.*)`", re.DOTALL
)
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]")
_RULES = {
    r"^Expected str of length >= 1$": "must not be empty",
    r"^Expected str matching regex '\\\\A\((.*)\)\\\\Z'$": r"must be one of \1",
    r"^Expected \w+ >= (\d+)(\.0)?$": r"must be at least \1",
    r"^Expected \w+ <= (\d+)$": r"must be at most \1",
    r"^Expected ": "must be ",
    r"^(Number|Integer value) out of range$": "must be in the range of a number",
}


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
        raise TraceError(where + explain(error, raw)) from None
    except msgspec.DecodeError as error:
        refuse_non_finite(_lenient(raw), where)
        reason = str(error).removeprefix("JSON is malformed: ")
        raise TraceError(f"{where}: is no JSON: {reason}") from None
    except UnicodeDecodeError as error:
        raise TraceError(f"{where}: is not UTF-8: {error.reason}") from None


def refuse_non_finite(found: object, where: str) -> None:
    """Refuse a NaN or an infinity inside a tree of lists and dictionaries.

    Raises:
        TraceError: `<where>, field <path>: must be finite, got nan`.
    """
    for path, value in _walk(found, ""):
        if path and isinstance(value, float) and not math.isfinite(value):
            raise TraceError(f"{where}, field {path}: must be finite, got {value!r}") from None


def explain(error: msgspec.ValidationError, raw: bytes) -> str:
    """Turn msgspec's report on a document into `, field <path>: <what>, got <value>`."""
    report = str(error)
    match = _REPORT.fullmatch(report)
    what, path = (match["what"], match["path"] or "") if match else (report, "")
    if field := _FIELD.fullmatch(what):
        name = f"{path}.{field['name']}".lstrip(".")
        return f", field {name}: {'is missing' if field['absent'] else 'is unknown'}"
    document = _lenient(raw)
    got = "" if document is None else f", got {shown(_at(document, path))}"
    place = f", field {path.lstrip('.')}" if path else ""
    return f"{place}: {_rule(what)}{got}"


def _rule(what: str) -> str:
    """Say "must be …" for what msgspec expected; the type it got shows in the value."""
    rule = what.split(", got `", maxsplit=1)[0].replace("`", "")
    for pattern, words in _RULES.items():
        rule = re.sub(pattern, words, rule)
    return rule


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
