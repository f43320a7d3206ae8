"""Runs the doctor, or says in one line why it cannot."""

from __future__ import annotations

import sys

try:
    from engine.doctor.command import main
except ImportError as error:  # too old a Python, or a library of our own is missing
    sys.stderr.write(
        f"error: {error}: the doctor itself needs Python 3.11 and `pip install -e .` "
        f"(this is Python {sys.version.split()[0]}, {sys.executable})\n"
    )
    sys.exit(1)

if __name__ == "__main__":
    sys.exit(main())
