"""Tool calls as models that were trained on them write them: JSON between marks.

The form is that of Hermes (Nous Research, "Hermes Function Calling", 2024), which Qwen2.5 and
Qwen3 speak.

    <tool_call>
    {"name": "python", "arguments": {"code": "print(1 + 1)"}}
    </tool_call>
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from engine.texts import encodable

OPENING, CLOSING = "<tool_call>", "</tool_call>"

NAME, CODE = "python", "code"

PYTHON: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": "Runs a Python program and gives what it prints. Variables stay for the "
        "next call. sympy, numpy, scipy and networkx are there.",
        "parameters": {
            "type": "object",
            "properties": {CODE: {"type": "string", "description": "The program."}},
            "required": [CODE],
        },
    },
}
"""What the model is told of the tool, as OpenAI's API describes functions."""

_THOUGHT = "</think>"


class MalformedCallError(Exception):
    """A text ends with a call that can't be carried out; the message tells the model why."""


class _Arguments(msgspec.Struct):
    code: str


class _Call(msgspec.Struct):
    name: str
    arguments: _Arguments


def called(text: str) -> str | None:
    """Give the program that a text calls for, if it does.

    Args:
        text: What was generated since the last answer of the tool. Marks in what it thought
            before do not count.

    Returns:
        The source; None where there is no call.

    Raises:
        MalformedCallError: if the call is none of the one function that there is.
    """
    text = text.rpartition(_THOUGHT)[2]
    if OPENING not in text and CLOSING not in text:
        return None
    before, _, body = text.partition(OPENING)
    body, closing, _ = body.partition(CLOSING)
    if CLOSING in before or not closing:
        raise MalformedCallError(f"a call must stand between {OPENING} and {CLOSING}")
    if OPENING in body:
        raise MalformedCallError(f"one call at a time: {OPENING} came twice before {CLOSING}")
    return _program(body)


def _program(body: str) -> str:
    try:
        # Not strict: many a model breaks its program's lines without writing \n for it.
        call = msgspec.convert(json.loads(body, strict=False), _Call)
    except msgspec.ValidationError as error:
        raise MalformedCallError(f"not a call of {NAME}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedCallError(f"not one object of JSON: {error}") from error
    if call.name != NAME:
        raise MalformedCallError(f"there is no function {call.name!r}, only {NAME}")
    return encodable(call.arguments.code)
