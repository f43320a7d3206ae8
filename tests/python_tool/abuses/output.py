"""Programs that say too much, nothing, or what is no text."""

from __future__ import annotations

from abuses.schema import Abuse, After, Wants, text

OUTPUT = [
    Abuse("lines without end", "while True: print('x' * 100)", Wants.LATE),
    Abuse("one text of 100 MB", "print('x' * 10**8)", Wants.HARMLESS, "left out"),
    Abuse("a value of 100 MB", "'x' * 10**8", Wants.HARMLESS, "left out"),
    Abuse(
        "errors without end",
        text(
            """
            import sys
            while True:
                print('x' * 100, file=sys.stderr)
            """
        ),
        Wants.LATE,
    ),
    Abuse(
        "warnings without end",
        text(
            """
            import warnings
            warnings.simplefilter('always')
            while True:
                warnings.warn('x' * 1000)
            """
        ),
        Wants.LATE,
    ),
    Abuse(
        "writes past the tool",
        text(
            """
            import os
            while True:
                for file in (1, 2):
                    os.write(file, b'x' * 9999)
            """
        ),
        Wants.LATE,
    ),
    Abuse(
        "bytes on stdout",
        text(
            """
            import sys
            sys.stdout.buffer.write(b'x' * 10 ** 8)
            """
        ),
        Wants.RAISES,
        "AttributeError",
    ),
    Abuse(
        "Python's own stdout",
        text(
            """
            import sys
            print('x' * 10 ** 6, file=sys.__stdout__)
            5
            """
        ),
        Wants.HARMLESS,
        "5",
    ),
    Abuse("stdout closed", "import sys\nsys.stdout.close()\n5", Wants.HARMLESS, "5"),
    Abuse("stdout is something else", "import sys\nsys.stdout = None\n5", Wants.HARMLESS, "5"),
    Abuse(
        "print is something else",
        "import builtins\nbuiltins.print = None\n5",
        Wants.HARMLESS,
        "5",
        after=After.SPOILS,
    ),
    Abuse("what is no text", "import sys\nsys.stdout.write(5)", Wants.RAISES, "TypeError"),
    Abuse("faulthandler", "import faulthandler\nfaulthandler.enable()", Wants.RAISES),
    Abuse("output of halves", "print('\\ud800' * 3)", Wants.HARMLESS, "???"),
    Abuse(
        "a value that does not tell itself",
        "class A:\n    def __repr__(self): raise KeyError(1)\nA()",
        Wants.RAISES,
        "KeyError",
    ),
    Abuse(
        "a value that never ends",
        "class A:\n    def __repr__(self):\n        while True: len('')\nA()",
        Wants.LATE,
    ),
    Abuse(
        "a value of no text",
        text(
            """
            class A:

                def __repr__(self):
                    return 5
            A()
            """
        ),
        Wants.RAISES,
        "TypeError",
    ),
    Abuse(
        "a value of 100 MB that tells itself",
        text(
            """
            class A:

                def __repr__(self):
                    return 'x' * 10 ** 8
            A()
            """
        ),
        Wants.HARMLESS,
        "left out",
    ),
    Abuse(
        "an exception that does not tell itself",
        "class A(Exception):\n    def __str__(self): raise KeyError(1)\nraise A",
        Wants.RAISES,
    ),
    Abuse(
        "an exception that never ends",
        text(
            """
            class A(Exception):

                def __str__(self):
                    while True:
                        pass
            raise A
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse("an exception of 100 MB", "raise ValueError('x' * 10**8)", Wants.RAISES, "left out"),
    Abuse("an exception of halves", "raise ValueError('\\ud800')", Wants.RAISES, "?"),
    Abuse("a name of halves", "raise type('A\\ud800', (Exception,), {})", Wants.RAISES),
    Abuse(
        "exceptions that cause one another",
        text(
            """
            a, b = (ValueError(), KeyError())
            a.__cause__, b.__cause__ = (b, a)
            raise a
            """
        ),
        Wants.RAISES,
        "ValueError",
    ),
    Abuse(
        "a group of groups",
        text(
            """
            x = ValueError()
            for _ in range(900):
                x = ExceptionGroup('x', [x])
            raise x
            """
        ),
        Wants.RAISES,
    ),
    Abuse(
        "more output than is kept",
        "import sys\nsys.stdout._head = 10**8\nprint('x' * 8000)",
        Wants.HARMLESS,
        "left out",
    ),
    Abuse(
        "far more output than is kept",
        "import sys\nsys.stdout._head = 10**8\nprint('x' * 10**6)",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "an exception without a name",
        text(
            """
            class M(type):
                __name__ = property(lambda c: 1 / 0)
            class A(Exception, metaclass=M):
                pass
            raise A
            """
        ),
        Wants.RAISES,
    ),
    Abuse(
        "an exception whose name is a number",
        text(
            """
            class M(type):
                __name__ = 5
            class A(Exception, metaclass=M):
                pass
            raise A
            """
        ),
        Wants.RAISES,
    ),
    Abuse(
        "a name of 20 MB", "raise type('A' * 2 * 10**7, (Exception,), {})", Wants.RAISES, "left out"
    ),
    Abuse(
        "an exception that claims to be the deadline",
        "import sys\nraise sys._getframe(1).f_globals['DeadlineError']",
        Wants.LATE,
    ),
]
