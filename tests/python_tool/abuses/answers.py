"""Programs that speak on the tool's own socket, or take it away."""

from __future__ import annotations

from abuses.schema import Abuse, After, Wants, text

ANSWERS = [
    Abuse(
        "every open file",
        text(
            """
            import os
            for number in (0, 1, 2, *range(4, 64)):
                try:
                    os.write(number, b'x')
                except OSError:
                    pass
            print('done')
            """
        ),
        Wants.HARMLESS,
        "done",
    ),
    Abuse(
        "garbage for an answer",
        "import os\nos.write(3, b'garbage!' * 99)",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "a message without end",
        "import os\nos.write(3, b'\\xff\\xff\\xff\\x7f')",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "half a message",
        "import os, time\nos.write(3, b'\\x10\\x00\\x00\\x00{')\ntime.sleep(9)",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "half a message, then the rest",
        text(
            """
            import os
            os.write(3, b'\\x10')
            os.write(3, b'\\x00\\x00\\x00{}')
            """
        ),
        Wants.STOPS,
        after=After.LOSES,
    ),
    Abuse(
        "a flood on the tool's own socket",
        text(
            """
            import os
            while True:
                os.write(3, b'\\x00' * 2 ** 16)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "an answer of the wrong kind",
        text(
            """
            import os, struct
            body = b'{"number": 2, "output": 5, "raised": [], "late": null}'
            os.write(3, struct.pack('<I', len(body)) + body)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "an answer of halves",
        text(
            """
            import os, struct
            body = b'{"number": 2, "output": "\\\\ud800"}'
            os.write(3, struct.pack('<I', len(body)) + body)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "a forged answer",
        text(
            """
            import os, struct
            body = b'{"number": 2, "output": "forged"}'
            os.write(3, struct.pack('<I', len(body)) + body)
            """
        ),
        Wants.HARMLESS,
        "forged",
        after=After.SPOILS,
    ),
    Abuse(
        "reading the tool's own socket",
        text(
            """
            import os
            os.set_blocking(3, False)
            os.read(3, 99)
            """
        ),
        Wants.RAISES,
        "BlockingIOError",
        after=After.SPOILS,
    ),
    Abuse("the tool's own socket closed", "import os\nos.close(3)", Wants.ENDS, after=After.LOSES),
    Abuse(
        "the tool's own socket replaced",
        "import os\nos.dup2(os.open('own', os.O_CREAT | os.O_RDWR), 3)",
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse("all files closed", "import os\nos.closerange(0, 64)", Wants.ENDS, after=After.LOSES),
    Abuse(
        "all files replaced",
        text(
            """
            import os
            file = os.open('own', os.O_CREAT | os.O_RDWR)
            for number in range(64):
                os.dup2(file, number)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "a long forged answer",
        text(
            """
            import json, os, struct
            body = json.dumps({'number': 2, 'output': 'x' * 10**6}).encode()
            data = struct.pack('<I', len(body)) + body
            while data:
                data = data[os.write(3, data):]
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "a forged answer longer than may be",
        text(
            """
            import json, os, struct
            body = json.dumps({'number': 2, 'output': 'x' * 10**4}).encode()
            os.write(3, struct.pack('<I', len(body)) + body)
            """
        ),
        Wants.HARMLESS,
        "left out",
        after=After.SPOILS,
    ),
    Abuse(
        "an answer to another call",
        text(
            """
            import os, struct
            body = b'{"number": 3, "output": "forged"}'
            os.write(3, struct.pack('<I', len(body)) + body)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
    Abuse(
        "an answer without a number",
        text(
            """
            import os, struct
            body = b'{"output": "forged"}'
            os.write(3, struct.pack('<I', len(body)) + body)
            """
        ),
        Wants.ENDS,
        after=After.LOSES,
    ),
]
