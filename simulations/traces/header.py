"""The header of a trace: what was run, with what, by whom."""

from __future__ import annotations

import msgspec

from simulations.traces.errors import TraceError
from simulations.traces.schema import FORMAT
from simulations.traces.typed_json import Text, decode_typed, refuse_non_finite


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a trace says about itself. None: unknown.

    Attributes:
        format: Version of the layout.
        name: A word for tables.
        model: The model that generated.
        digest: SHA-256 (hex) of the tables' content and the model; `write_trace` fills it in.
        quantisation: How the weights were stored, e.g. `awq-int4`.
        engine: The engine's name.
        engine_version: Its version.
        gpu: The accelerator.
        arms: Arm to its sampling parameters, as far as they are known.
        seeds: The seeds of the run.
        commit: The commit of the code that ran.
        source: Where the generations come from, with the attribution they need.
        created_by: The command or program that wrote the trace.
    """

    format: int = FORMAT
    name: Text
    model: Text
    digest: str = ""
    quantisation: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    gpu: str | None = None
    arms: dict[str, dict[str, object]] = {}
    seeds: list[int] = []
    commit: str | None = None
    source: str | None = None
    created_by: str | None = None


class _Version(msgspec.Struct):
    """The one field that every version has."""

    format: int


_version_decoder = msgspec.json.Decoder(_Version)
_header_decoder = msgspec.json.Decoder(Header)


def decode_header(raw: bytes, where: str) -> Header:
    """Read a header; `where` names the file in errors.

    Raises:
        TraceError: if the format is unknown, or a field is missing, unknown or of a wrong type.
    """
    # The version comes first: a later format may have fields that this one would refuse.
    version = decode_typed(raw, _version_decoder, where).format
    if version != FORMAT:
        raise TraceError(f"{where}, field format: must be {FORMAT}, got {version}")
    return decode_typed(raw, _header_decoder, where)


def encode_header(header: Header, where: str) -> bytes:
    """Write a header as indented JSON; `where` names the file in errors.

    Raises:
        TraceError: if it could not be read back: a header made in Python is unchecked.
        TypeError: if a sampling parameter is nothing that JSON has.
    """
    refuse_non_finite(msgspec.to_builtins(header), where)  # JSON would make them null
    raw = msgspec.json.encode(header)
    decode_header(raw, where)
    return msgspec.json.format(raw, indent=2) + b"\n"
