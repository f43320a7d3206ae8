"""Events and actions to bytes and back: one JSON object a record, as journals hold them.

JSON knows no infinity. A figure of an action may be infinite, such as the seconds left of a
stream without a limit: it is written as the string "inf" or "-inf".
"""

from __future__ import annotations

from math import isfinite, isnan
from typing import Any

import msgspec

from scheduler.actions import Action, AnyAction
from scheduler.errors import CallerError
from scheduler.events import AnyEvent

_encoder = msgspec.json.Encoder()
_events: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_objects: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


def encode(record: AnyEvent | AnyAction) -> bytes:
    """Return the record as one line of JSON without a line end; NaN figures are left out."""
    if isinstance(record, Action) and not all(map(isfinite, record.numbers.values())):
        fields = msgspec.to_builtins(record)
        fields["numbers"] = {
            name: value if isfinite(value) else str(value)
            for name, value in record.numbers.items()
            if not isnan(value)
        }
        return _encoder.encode(fields)
    return _encoder.encode(record)


def decode_event(raw: bytes) -> AnyEvent:
    """Read an event back.

    Raises:
        CallerError: if the bytes are no event of this version.
    """
    try:
        return _events.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(f"not an event: {error}") from error


def decode_action(raw: bytes) -> AnyAction:
    """Read an action back.

    Raises:
        CallerError: if the bytes are no action of this version.
    """
    try:
        fields = _objects.decode(raw)
        numbers = fields.get("numbers")
        if isinstance(numbers, dict):
            fields["numbers"] = {name: _figure(value) for name, value in numbers.items()}
        action: AnyAction = msgspec.convert(fields, AnyAction)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(f"not an action: {error}") from error
    return action


def _figure(value: object) -> object:
    return float(value) if value in {"inf", "-inf"} and isinstance(value, str) else value
