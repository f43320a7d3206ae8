r"""Strips what dresses an answer: delimiters, spacing, units, currency, words around it.

What comes out is LaTeX with `*`, `/`, `-` and `\frac` for their many spellings. A word is dropped
only where it can't change the value: "42 apples" loses its apples, "5 million" is refused.
"""

from __future__ import annotations

import re

from engine.answers.errors import UnsureError

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SYMBOLS = str.maketrans(
    {
        "\u2212": "-",
        "\u00d7": "*",
        "\u00b7": "*",
        "\u22c5": "*",
        "\u00f7": "/",
        "\u2215": "/",
        "\u2044": "/",
        "\u03c0": r"\pi ",
        "\u221e": r"\infty ",
        "\u222a": r"\cup ",
        "\u2248": r"\approx ",
        "\u00b0": r"^\circ ",
        "\u3001": ",",
        "\u3000": " ",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "\u00bd": r"\frac{1}{2}",
        "\u00bc": r"\frac{1}{4}",
        "\u00be": r"\frac{3}{4}",
        "\u2153": r"\frac{1}{3}",
        "\u2154": r"\frac{2}{3}",
    }
)
_ROOT_SIGN = re.compile(r"√\s*([0-9]+)")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_RAISED_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")

# Whole commands only: `\left` must not bite into `\leftarrow`.
_REWRITES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\left\s*\||\\lvert(?![a-zA-Z])", r"\\labs "),
        (r"\\right\s*\||\\rvert(?![a-zA-Z])", r"\\rabs "),
        (r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|limits)(?![a-zA-Z])\s*\.?", ""),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\[dt]binom(?![a-zA-Z])", r"\\binom"),
        (r"\\(?:cdot|times|ast)(?![a-zA-Z])", "*"),
        (r"\\div(?![a-zA-Z])", "/"),
        (r"\*\*", "^"),
        (r"\\!|\\limits", ""),
        (r"\(\s*(?:\\[bp]?mod|mod(?![a-zA-Z]))\s*([0-9]+)\s*\)", r"\\pmod{\1}"),
        (r"\\mod(?![a-zA-Z])|(?<![a-zA-Z\\])mod(?![a-zA-Z])", r"\\bmod"),
        (r"(?<![a-zA-Z\\])(sqrt|pi)(?![a-zA-Z])", r"\\\1 "),
        (r"\\(?:mathrm|operatorname)\s*\{\s*([ei])\s*\}", r"\1"),
    )
]
# A group of three digits after another, by what separates them.
_THOUSANDS = re.compile(
    r"(?<![0-9.,_}])[1-9][0-9]{0,2}(?P<separator>\{,\}|,|\\[,;: ]|~| )[0-9]{3}"
    r"(?:(?P=separator)[0-9]{3})*(?![0-9])"
)
_SPACES = re.compile(r"(?<!\\)\\[,;: ]|~|\\q?quad(?![a-zA-Z])|\s+")

_TEXT = r"\\(?:text(?:bf|it|rm)?|mathrm|mathbf|mbox|operatorname|rm)\s*\{([^{}\\$]*)\}"
_LAST_TEXT = re.compile(_TEXT + r"\s*(?:\^\s*\{?\s*[23]\s*\}?)?$")
_WHOLE_TEXT = re.compile(r"\\(?:text(?:bf|it|rm)?|mathrm|mathbf|mbox)\s*\{([^{}\\$]*)\}")
_LAST_WORDS = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z]{3,}(?: [a-zA-Z]{3,}){0,2}$")
_BARE_UNIT = re.compile(r"(?<=[0-9\s})])(?:cm|mm|km|kg|ml|ft)\s*(?:\^\s*\{?[23]\}?)?$")
_CHINESE_UNIT = re.compile(
    r"(?:平方|立方)?(?:厘米|毫米|千米|公里|米|千克|个|元|度|种|人|只|条|本|天|年|岁|次|组|对|块|件|张|单位)$"
)
_PREFIX = re.compile(
    r"(?:the\s+)?(?:final\s+)?answer\s*(?:is(?![a-z])|[:=])\s*:?|(?:最终|最后)?(?:的)?答案\s*(?:是|为|:)\s*:?",
    re.IGNORECASE,
)
_DEGREES = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)\s*$")
_CURRENCY = re.compile(r"^(-?)\s*\\?[$€£¥]\s*(?=[-0-9.])")
_CHOICE = re.compile(r"^\(([A-Z])\)$")
_VALUE = re.compile(r"[0-9\\]")
_FUNCTION = re.compile(r"\\(?:arc)?(?:sin|cos|tan|cot|sec|csc)")
_ROUNDS = 4
# Others are variables that were set upright.
_UNIT_LETTERS = frozenset("ghlms")
_WORDS = 3
# Words that are numbers, operators or logic, never units.
_OTHER_WORDS = """
about above all and approximately are at base because billion billions both but by choose crore
cubed divided dozen dozens each eight eighth eighths either equals exactly except factorial
false fifth fifths five for four fourth fourths from half halves hundred hundreds hundredth
hundredths if infinite infinity lakh least less million millions millionth millionths minus
modulo more most multiple negative nine ninth ninths none not once one only or over plus power
quarter quarterly quarters root score seven seventh sevenths since six sixth sixths some sqrt
squared such ten tenth tenths than that then third thirds thousand thousands thousandth
thousandths three times to trillion trillions true twice two undefined unknown unless until up
when where which with without zero
"""
_NO_UNITS = frozenset(_OTHER_WORDS.split())


def tidy(expression: str) -> str:
    """Strip what dresses an answer.

    Raises:
        UnsureError: if what is dropped or kept might change the value.
    """
    text = expression.translate(_FULL_WIDTH).translate(_SYMBOLS)
    text = _ROOT_SIGN.sub(r"\\sqrt{\1}", text).replace("√", r"\sqrt ")
    text = _RAISED_RUN.sub(lambda run: "^{" + run[0].translate(_RAISED) + "}", text)
    text = _undress(text)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = _strip_units(_undress(text))
    text = _join_thousands(text)
    return _SPACES.sub(" ", text).strip()


def _undress(text: str) -> str:
    """Drop delimiters, emphasis, a name before and a full stop behind."""
    before = None
    while before != text:
        before = text
        text = text.strip().strip("`")
        for opening, closing in (("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**")):
            if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening):
                text = text.removeprefix(opening).removesuffix(closing)
        if text.endswith((".", ",", ";", "。")) and not text.endswith(("..", r"\,", r"\;")):
            text = text[:-1]
        text = text.removesuffix(r"\,").removesuffix(r"\;").removesuffix(r"\!")
        prefix = _PREFIX.match(text)
        text = text[prefix.end() :] if prefix else text
    return text


def _strip_units(text: str) -> str:
    for _ in range(_ROUNDS):
        before = text = text.strip()
        text = _CURRENCY.sub(r"\1", text)
        if text.endswith("%"):
            text = text[:-1].removesuffix("\\").strip()
        whole = _WHOLE_TEXT.fullmatch(text)
        text = _CHOICE.sub(r"\1", whole[1].strip() if whole else _strip_unit(text))
        degrees = _DEGREES.search(text)
        if degrees:
            if _FUNCTION.search(text):  # of radians then
                raise UnsureError
            text = text[: degrees.start()]
        if text == before:
            break
    return text


def _strip_unit(text: str) -> str:
    """Drop one unit or up to three words behind the value."""
    for pattern in (_LAST_TEXT, _LAST_WORDS):
        found = pattern.search(text)
        value = text[: found.start()].strip() if found else ""
        if not found or not value:
            continue
        words = found[found.re.groups].lower().split()
        if len(words) > _WORDS or not _VALUE.search(value):  # "a number" is none
            raise UnsureError
        if not all(_is_unit(word) for word in words):
            raise UnsureError
        return value
    for pattern in (_BARE_UNIT, _CHINESE_UNIT):
        text = pattern.sub("", text)
    return text


def _is_unit(word: str) -> bool:
    if len(word) == 1:
        return word in _UNIT_LETTERS
    return word.replace("/", "").isalpha() and word not in _NO_UNITS


def _join_thousands(text: str) -> str:
    r"""Join `1,234`, `1{,}234`, `1\,234` and `1 234`.

    Raises:
        UnsureError: if the comma may separate the members of a list: `(1,234)`, `1,234, 5`.
    """
    pieces = []
    end = 0
    for match in _THOUSANDS.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        listed = before.count("(") + before.count("[") + before.count(r"\{")
        closed = before.count(")") + before.count("]") + before.count(r"\}")
        in_list = listed > closed or "," in before or "," in after
        if match["separator"] == "," and in_list:
            raise UnsureError
        pieces += [text[end : match.start()], match[0].replace(match["separator"], "")]
        end = match.end()
    return "".join(pieces) + text[end:]
