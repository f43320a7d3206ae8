"""What a sample has thought, for samples that build on it."""

from __future__ import annotations

BEGIN, END = "<think>", "</think>"
"""The marks around a model's thinking; some chat templates write the first one themselves."""


def reasoning_of(text: str) -> str:
    """Give what stands before the end of the thinking; all of a text without that mark."""
    return text.partition(END)[0].strip().removeprefix(BEGIN).strip()
