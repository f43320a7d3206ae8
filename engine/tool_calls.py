"""Tool calls in fences: where one stands in a model's text, and how its answer is told.

For models without calls of their own: they write a program into a fence of Markdown and go on
after its output, as in Gou et al., "ToRA" (2023), and Qwen2.5-Math.

    ```python
    print(1 + 1)
    ```
    ```output
    2
    ```
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

STOPS = ("\n```\n", "```output")
"""Texts at which a generation halts: the end of a fence, or where the model would make an answer
up."""

_LEAST_CHARS = 64

_OPENING = re.compile(r"^[ \t]*```[ \t]*(?:python|py|tool_code)[ \t]*\n", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)


class Tools(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an arm's samples may do with the Python tool.

    Attributes:
        calls: Programs that a sample may run; after them it goes on without.
        deadline_s: Seconds of each.
        output_chars: Characters of its output that the model is told.
        form: How a program is called: in `fences` of Markdown; or as the model's own chat template
            writes calls (`native`, see `engine.native_calls`), where it does.
    """

    calls: int = 8
    deadline_s: float = 10.0
    output_chars: int = 2000
    form: Literal["fences", "native"] = "fences"

    def __post_init__(self) -> None:
        if self.calls < 1:
            raise ValueError(f"calls must be at least 1, got {self.calls}")
        if not self.deadline_s > 0.0:
            raise ValueError(f"deadline_s must be above 0, got {self.deadline_s}")
        if self.output_chars < _LEAST_CHARS:
            raise ValueError(
                f"output_chars must be at least {_LEAST_CHARS}, got {self.output_chars}"
            )


def called(text: str) -> str | None:
    """Give the program that a text ends with, if it does.

    Args:
        text: What was generated since the last answer of the tool.

    Returns:
        The source; None where no fence of a program is the last thing, or it is not closed.
    """
    text = text.removesuffix("```output").rstrip()
    if not text.endswith("```"):
        return None
    openings = list(_OPENING.finditer(text))
    if not openings:
        return None
    rest = text[openings[-1].end() :]
    fences = list(_FENCE.finditer(rest))
    # With another one between, the program was closed before and this fence is of something else.
    return rest[: fences[0].start()] if len(fences) == 1 else None


def answered(output: str, most: int) -> str:
    """Give the text that tells a model what came of its program.

    Args:
        output: Of the program.
        most: Characters of it that are told.
    """
    told = shortened(output.replace("```", "'''"), most)
    return f"```output\n{told}\n```\n"


def shortened(output: str, most: int) -> str:
    """Give a program's output without its last line ends, cut.

    Args:
        output: Of the program.
        most: Characters of it that stay: its beginning and, more of it, its end.
    """
    output = output.rstrip("\n")
    if len(output) > most:
        head = most // 4
        left_out = len(output) - most
        output = f"{output[:head]}\n[… {left_out:,} characters …]\n{output[head - most :]}"
    return output
