r"""Where a text states its answer: the last box, or else "The final answer is …".

What stands after the last `</think>` counts first; the thinking counts only where nothing after
it states an answer. An empty box, as in "put it in \boxed{}", states nothing. Where the last box
is not closed, the text was cut while it stated an answer: an earlier box may be the one it was
about to correct, so there is none.
"""

from __future__ import annotations

import re

_THINK_END = "</think>"
# Escaped braces are text; the backslash of a box may have been doubled by an encoder.
_BRACES = re.compile(
    r"\\{1,2}(?P<box>boxed|fbox)(?![a-zA-Z])\s*(?:(?P<open>\{)|(?P<bare>-?[0-9]+(?:[.,][0-9]+)*))?"
    r"|\\.|(?P<brace>[{}])",
    re.DOTALL,
)
_WHOLE_BOX = re.compile(r"\\{1,2}(?:boxed|fbox)\s*\{([^{}]*)\}")
_ENGLISH = (
    r"(?:^|(?<=[.!?]))[ \t>#*_-]*"
    r"(?:(?:so|thus|hence|therefore|finally|in conclusion)[ ,]{1,2})?"
    r"(?:(?:the|my|our)[ ]{1,2})?(?:final[ ]{1,2})?answer[ *_]{0,4}"
    r"(?:(?:is|equals)(?![a-z])[ *_]{0,4}:?|[:=])"
)
_CHINESE = r"答案[ *]{0,4}(?:是|为|[:=])[ ]{0,2}:?"
_STATEMENT = re.compile(f"(?:{_ENGLISH}|{_CHINESE})", re.IGNORECASE | re.MULTILINE)
_SENTENCE_END = re.compile(r"。|\.(?=\s+[A-Z\u4e00-\u9fff])|\n")


def stated(text: str) -> str | None:
    """Find the expression that a text gives as its answer.

    Returns:
        The content of the box or the rest of the sentence, as it stands; None where there is
        none or where it is not unmistakable.
    """
    thinking, mark, after = text.rpartition(_THINK_END)
    found = _stated(after) if mark else _stated(text)
    if found is None and mark:
        found = _stated(thinking)
    return found or None


def _stated(text: str) -> str | None:
    """Find the answer; "" where one is stated that can't be told."""
    box = _last_box(text)
    return _last_statement(text) if box is None else box


def _last_box(text: str) -> str | None:
    """Give the content of the last box that has any, outermost where boxes are nested."""
    openings: list[int | None] = []  # where each open brace's box begins; None for other braces
    boxes: list[tuple[int, int]] = []
    for match in _BRACES.finditer(text):
        if match["open"]:
            openings.append(match.end())
        elif match["bare"]:
            boxes.append(match.span("bare"))
        elif match["brace"] == "{":
            openings.append(None)
        elif match["brace"] and openings:
            begin = openings.pop()
            if begin is not None and text[begin : match.start()].strip():
                while boxes and boxes[-1][0] > begin:  # those inside it
                    boxes.pop()
                boxes.append((begin, match.start()))
    unclosed = max((begin for begin in openings if begin is not None), default=-1)
    if unclosed > max((begin for begin, _ in boxes), default=-1):
        return ""
    if not boxes:
        return None
    content = text[slice(*boxes[-1])].strip()
    inner = _WHOLE_BOX.fullmatch(content)
    return inner[1].strip() if inner else content


def _last_statement(text: str) -> str | None:
    text = text.replace("\uff1a", ":").replace("\uff1d", "=")
    ends = [match.end() for match in _STATEMENT.finditer(text)]
    if not ends:
        return None
    rest = text[ends[-1] :].lstrip(" \t*_:\n")
    sentence = _SENTENCE_END.split(rest, maxsplit=1)[0].strip(" \t*_")
    # "42!" is joy more often than a factorial.
    return "" if sentence.endswith(("!", "\uff01")) else sentence
