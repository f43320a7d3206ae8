"""Texts that are hardly programs."""

from __future__ import annotations

from abuses.schema import Abuse, Wants

SOURCES = [
    Abuse("no program at all", "this is no program", Wants.RAISES, "SyntaxError"),
    Abuse("nothing", "", Wants.HARMLESS),
    Abuse("a comment", "# nothing", Wants.HARMLESS),
    Abuse("white space", " \n\t\n\x0c", Wants.HARMLESS),
    Abuse("tabs and spaces", "if True:\n\tx = 1\n        y = 2", Wants.RAISES, "TabError"),
    Abuse("a bracket that stays open", "x = (1, [2", Wants.RAISES, "SyntaxError"),
    Abuse("a text that stays open", "x = '''abc", Wants.RAISES, "SyntaxError"),
    Abuse("a return at the top", "return 5", Wants.RAISES, "SyntaxError"),
    Abuse("a yield at the top", "yield 5", Wants.RAISES, "SyntaxError"),
    Abuse(
        "await at top level", "import asyncio\nawait asyncio.sleep(1)", Wants.RAISES, "SyntaxError"
    ),
    Abuse("braces", "from __future__ import braces", Wants.RAISES, "SyntaxError"),
    Abuse("half a pair", "x = '\ud800'\nx", Wants.HARMLESS, "?"),
    Abuse("a null byte", "x = 'a\x00b'", Wants.STOPS),
    Abuse("a mark of byte order", "\ufeff5", Wants.STOPS),
    Abuse("a strange encoding", "# -*- coding: utf-7 -*-\n5", Wants.HARMLESS, "5"),
    Abuse("an unknown encoding", "# -*- coding: nonsense -*-\n5", Wants.HARMLESS, "5"),
    Abuse("carriage returns", "x = 5\rx", Wants.HARMLESS, "5"),
    Abuse("a generator", "(x for x in [1])", Wants.HARMLESS, "generator"),
    Abuse("None", "None", Wants.HARMLESS, ""),
    Abuse("annotations", "def f(x: int): pass\nf.__annotations__", Wants.HARMLESS, "<class 'int'>"),
]
