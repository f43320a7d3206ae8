"""One parser a kind for the whole session, with its worker started."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from engine.answers import AnswerKind, AnswerParser

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def parsers() -> Iterator[dict[AnswerKind, AnswerParser]]:
    """Parsers by kind."""
    parsers = {kind: AnswerParser(kind) for kind in AnswerKind}
    for parser in parsers.values():
        asyncio.run(parser.warm())
    yield parsers
    for parser in parsers.values():
        parser.close()
