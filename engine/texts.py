"""What a text from outside must be before a tokenizer, a journal or a parser gets it."""

from __future__ import annotations


def encodable(text: str) -> str:
    """Replace what UTF-8 has no bytes for: half a surrogate pair."""
    return text.encode(errors="replace").decode()
