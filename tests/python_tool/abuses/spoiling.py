"""Programs that change Python itself under the session's feet."""

from __future__ import annotations

from abuses.schema import Abuse, After, Wants, text

SPOILING = [
    Abuse("a trace left behind", "import sys\nsys.settrace(lambda *a: 1 / 0)\n", Wants.HARMLESS),
    Abuse("a profile left behind", "import sys\nsys.setprofile(lambda *a: 1 / 0)", Wants.STOPS),
    Abuse(
        "a profile that goes on",
        text(
            """
            import sys, threading
            sys.setprofile(lambda *a: None)
            threading.setprofile(lambda *a: 1 / 0)
            threading.settrace(lambda *a: 1 / 0)
            """
        ),
        Wants.HARMLESS,
    ),
    Abuse(
        "import hooks",
        "import sys\nclass H:\n    def find_spec(self, *a): 1 / 0\nsys.meta_path.insert(0, H())",
        Wants.HARMLESS,
    ),
    Abuse(
        "audit hooks",
        text(
            """
            import sys

            def hook(*a):
                raise KeyError
            sys.addaudithook(hook)
            """
        ),
        Wants.STOPS,
        after=After.SPOILS,
    ),
    Abuse(
        "hooks of Python",
        text(
            """
            import sys
            sys.excepthook = sys.displayhook = sys.unraisablehook = sys.breakpointhook = None
            sys.tracebacklimit = -1
            5
            """
        ),
        Wants.HARMLESS,
        "5",
    ),
    Abuse("modules removed", "import sys\nsys.modules.clear()", Wants.HARMLESS, after=After.SPOILS),
    Abuse(
        "no sympy",
        text(
            """
            import sys
            sys.modules['sympy'] = None
            import sympy
            """
        ),
        Wants.RAISES,
        "ModuleNotFoundError",
    ),
    Abuse(
        "json is something else",
        "import json, msgspec\njson.dumps = msgspec.json.encode = None",
        Wants.STOPS,
        after=After.SPOILS,
    ),
    Abuse(
        "exec is something else",
        text(
            """
            import builtins
            builtins.exec = builtins.eval = builtins.compile = None
            """
        ),
        Wants.HARMLESS,
        after=After.SPOILS,
    ),
    Abuse(
        "os is something else",
        text(
            """
            import os
            os.write = os.read = None
            """
        ),
        Wants.STOPS,
        after=After.SPOILS,
    ),
    Abuse(
        "signal is something else",
        text(
            """
            import signal
            signal.setitimer = signal.signal = None
            """
        ),
        Wants.STOPS,
        after=After.SPOILS,
    ),
    Abuse(
        "time is something else",
        text(
            """
            import time
            time.time = time.monotonic = time.perf_counter = lambda: 0
            5
            """
        ),
        Wants.HARMLESS,
        "5",
    ),
    Abuse(
        "ast is something else", "import ast\nast.parse = None", Wants.HARMLESS, after=After.SPOILS
    ),
    Abuse(
        "traceback is something else",
        text(
            """
            import traceback
            traceback.extract_tb = traceback.format_exception_only = None
            1 / 0
            """
        ),
        Wants.RAISES,
        "ZeroDivisionError",
    ),
    Abuse("names all gone", "globals().clear()", Wants.HARMLESS, after=After.LOSES),
    Abuse(
        "builtins all gone",
        text(
            """
            import builtins
            builtins.__dict__.clear()
            """
        ),
        Wants.STOPS,
        after=After.SPOILS,
    ),
    Abuse(
        "no more threads",
        text(
            """
            import threading
            threading.Thread.start = None
            threading._start_new_thread = None
            5
            """
        ),
        Wants.HARMLESS,
        "5",
    ),
    Abuse(
        "the garbage collector off",
        text(
            """
            import gc
            gc.disable()
            gc.set_debug(gc.DEBUG_LEAK)
            5
            """
        ),
        Wants.HARMLESS,
        "5",
    ),
    Abuse(
        "a trace and an exception",
        "import sys\ndef trace(*a): raise KeyError\nsys.settrace(trace)\nraise ValueError",
        Wants.RAISES,
    ),
]
