"""Programs that end in an unusual way: exits, exceptions, faults, recursions."""

from __future__ import annotations

from abuses.schema import Abuse, After, Wants, text

ENDINGS = [
    Abuse("os._exit", "import os; os._exit(0)", Wants.ENDS, after=After.LOSES),
    Abuse("abort", "import os; os.abort()", Wants.ENDS, after=After.LOSES),
    Abuse("kill itself", "import os; os.kill(os.getpid(), 9)", Wants.ENDS, after=After.LOSES),
    Abuse(
        "SIGSEGV",
        text(
            """
            import os, signal
            os.kill(os.getpid(), signal.SIGSEGV)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "SIGTERM",
        text(
            """
            import os, signal
            os.kill(os.getpid(), signal.SIGTERM)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse("a fault of memory", "import ctypes; ctypes.string_at(0)", Wants.ENDS, after=After.LOSES),
    Abuse(
        "code of its own making",
        text(
            """
            f = lambda: 1
            f.__code__ = f.__code__.replace(co_code=bytes([255, 255] * 9), co_consts=())
            f()
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse("sys.exit", "import sys; sys.exit(3)", Wants.RAISES, "SystemExit"),
    Abuse("exit()", "raise SystemExit", Wants.RAISES, "SystemExit"),
    Abuse("quit", "quit()", Wants.RAISES, "SystemExit"),
    Abuse("SystemExit with an object", "raise SystemExit([object()])", Wants.RAISES, "SystemExit"),
    Abuse(
        "exit in a thread",
        text(
            """
            import sys, threading
            thread = threading.Thread(target=sys.exit)
            thread.start()
            thread.join()
            """
        ),
        Wants.HARMLESS,
    ),
    Abuse("KeyboardInterrupt", "raise KeyboardInterrupt", Wants.RAISES, "KeyboardInterrupt"),
    Abuse(
        "interrupt by signal",
        text(
            """
            import signal
            signal.raise_signal(signal.SIGINT)
            """
        ),
        Wants.RAISES,
        "KeyboardInterrupt",
    ),
    Abuse(
        "interrupt of the main thread",
        text(
            """
            import _thread
            _thread.interrupt_main()
            for _ in range(9):
                pass
            """
        ),
        Wants.RAISES,
        "KeyboardInterrupt",
    ),
    Abuse("GeneratorExit", "raise GeneratorExit", Wants.RAISES, "GeneratorExit"),
    Abuse(
        "an exception from another thread",
        text(
            """
            import ctypes, threading
            raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
            main = ctypes.c_ulong(threading.main_thread().ident)
            threading.Timer(0.2, raise_in, (main, ctypes.py_object(ValueError))).start()
            while True:
                pass
            """
        ),
        Wants.RAISES,
        "ValueError",
    ),
    Abuse("a recursion", "def f(): f()\nf()", Wants.RAISES, "RecursionError"),
    Abuse(
        "a recursion without limit",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "a deep recursion caught",
        "def f():\n    try: f()\n    except RecursionError: pass\nf()\nprint('done')",
        Wants.HARMLESS,
        "done",
    ),
    Abuse(
        "a recursion by way of C",
        text(
            """
            class A:

                def __getattr__(self, name):
                    return getattr(self, name + 'x')
            A().a
            """
        ),
        Wants.RAISES,
        "RecursionError",
    ),
    Abuse("a deep nest", "eval('(' * 10**5 + ')' * 10**5)", Wants.RAISES),
    Abuse(
        "a deep nest of data",
        text(
            """
            import json
            json.loads('[' * 10 ** 6)
            """
        ),
        Wants.RAISES,
        "RecursionError",
    ),
    Abuse("signs without end", "eval('-' * 10**5 + '1')", Wants.STOPS, after=After.LOSES),
    Abuse(
        "blocks in blocks",
        "\n".join(" " * n + "if 1:" for n in range(120)) + "\n" + " " * 120 + "1",
        Wants.RAISES,
        "Error",
    ),
    Abuse("attributes without end", "eval('a' + '.a' * 10**5)", Wants.STOPS, after=After.LOSES),
    Abuse(
        "a deep repr",
        text(
            """
            x = []
            for _ in range(10 ** 5):
                x = [x]
            x
            """
        ),
        Wants.RAISES,
        "RecursionError",
    ),
    Abuse(
        "a deep list that goes",
        text(
            """
            x = []
            for _ in range(10 ** 6):
                x = [x]
            del x
            """
        ),
        Wants.HARMLESS,
    ),
    Abuse("a long number", "int('9' * 10**6)", Wants.RAISES, "ValueError"),
    Abuse("input", "input('name?')", Wants.RAISES, "EOFError"),
    Abuse("breakpoint", "breakpoint()", Wants.STOPS),
    Abuse("license", "license()", Wants.STOPS),
    Abuse("help", "help()", Wants.HARMLESS),
    Abuse("a console", "import code\ncode.interact()", Wants.HARMLESS),
    Abuse("a debugger", "import pdb\npdb.run('1 / 0')", Wants.HARMLESS),
    Abuse(
        "threads that go on",
        text(
            """
            import threading
            def go_on():
                while True:
                    pass
            threading.Thread(target=go_on, daemon=True).start()
            """
        ),
        Wants.HARMLESS,
    ),
    Abuse(
        "a thread that prints later",
        "import threading\nthreading.Timer(0.05, print, ('late',)).start()",
        Wants.HARMLESS,
    ),
    Abuse(
        "a hook on exits",
        text(
            """
            import atexit
            atexit.register(print, 'late')

            class A:

                def __del__(self):
                    1 / 0
            x = A()
            del x
            """
        ),
        Wants.HARMLESS,
    ),
]
