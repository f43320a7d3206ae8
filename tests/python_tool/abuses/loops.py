"""Programs that do not end."""

from __future__ import annotations

from abuses.schema import Abuse, After, Wants, text

LOOPS = [
    Abuse("a loop", "while True: pass", Wants.LATE),
    Abuse(
        "a loop that heeds nothing",
        "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException: pass",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse("sleep", "import time; time.sleep(99)", Wants.LATE),
    Abuse("a lock", "import threading\nl = threading.Lock()\nl.acquire(); l.acquire()", Wants.LATE),
    Abuse(
        "algebra",
        "from sympy import *\nx = symbols('x')\nfactorint(nextprime(10**40) * nextprime(10**41))",
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "a product of matrices",
        "import numpy\na = numpy.ones((3000, 3000))\nwhile True: a = a @ a / 3000",
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "a search that backtracks",
        "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "digits",
        "import sys\nsys.set_int_max_str_digits(0)\nlen(str(7**10**7))",
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "signals ignored",
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "the alarm switched off",
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "stopping itself",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "a loop in C", "import itertools\nsum(itertools.count())", Wants.STOPS, after=After.LOSES
    ),
    Abuse("a list of itself", "x = [0]\nx.extend(iter(x))", Wants.STOPS, after=After.LOSES),
    Abuse(
        "a loop of suppressed exceptions",
        text(
            """
            import contextlib
            while True:
                with contextlib.suppress(BaseException):
                    while True:
                        pass
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "a loop at the end of a loop",
        text(
            """
            try:
                while True:
                    len('')
            finally:
                while True:
                    pass
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "a thread that sleeps",
        text(
            """
            import threading, time
            thread = threading.Thread(target=time.sleep, args=(99,))
            thread.start()
            thread.join()
            """
        ),
        Wants.LATE,
    ),
    Abuse(
        "sleep of the C library",
        text(
            """
            import ctypes
            while True:
                ctypes.CDLL(None).sleep(99)
            """
        ),
        Wants.LATE,
    ),
    Abuse("a select of nothing", "import select\nselect.select([], [], [])", Wants.LATE),
    Abuse(
        "the alarm's signal blocked",
        text(
            """
            import signal
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
            while True:
                pass
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "all signals ignored",
        text(
            """
            import signal
            for number in signal.valid_signals() - {9, 19}:
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            while True:
                pass
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "threads that never hand over",
        text(
            """
            import sys, threading
            sys.setswitchinterval(1000000.0)

            def go_on():
                while True:
                    pass
            threading.Thread(target=go_on, daemon=True).start()
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse("a factorial", "import math\nx = math.factorial(10**8)", Wants.STOPS, after=After.LOSES),
    Abuse(
        "an integral that has no end",
        text(
            """
            from sympy import *
            x = symbols('x')
            while True:
                integrate(exp(-x ** 2) * log(x + sin(x)) / (1 + x ** 5), x)
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "eigenvalues",
        text(
            """
            import numpy
            while True:
                numpy.linalg.eigvals(numpy.random.rand(900, 900))
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "the alarm answered by another",
        text(
            """
            import signal
            signal.signal(signal.SIGALRM, print)
            while True:
                pass
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "the deadline's exception caught",
        text(
            """
            try:
                while True:
                    len('')
            except BaseException as error:
                print('caught', type(error).__name__)
            """
        ),
        Wants.CATCHES,
        "caught",
    ),
    Abuse(
        "a generator that will not close",
        text(
            """
            def f():
                while True:
                    try:
                        yield 1
                    except GeneratorExit:
                        pass
            x = f()
            next(x)
            x.close()
            """
        ),
        Wants.RAISES,
        "RuntimeError",
    ),
]
