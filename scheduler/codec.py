"""Events and actions to bytes and back: one JSON object a record, as journals hold them."""

from __future__ import annotations

import msgspec

from scheduler.actions import AnyAction
from scheduler.errors import CallerError
from scheduler.events import AnyEvent

_encoder = msgspec.json.Encoder()
_events: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_actions: msgspec.json.Decoder[AnyAction] = msgspec.json.Decoder(AnyAction)


def encode(record: AnyEvent | AnyAction) -> bytes:
    """Return the record as one line of JSON without a line end."""
    return _encoder.encode(record)


def decode_event(raw: bytes) -> AnyEvent:
    """Read an event back.

    Raises:
        CallerError: if the bytes are no event of this version.
    """
    try:
        return _events.decode(raw)
    except msgspec.MsgspecError as error:
        raise CallerError(f"not an event: {error}") from error


def decode_action(raw: bytes) -> AnyAction:
    """Read an action back.

    Raises:
        CallerError: if the bytes are no action of this version.
    """
    try:
        return _actions.decode(raw)
    except msgspec.MsgspecError as error:
        raise CallerError(f"not an action: {error}") from error
