"""The command `python -m engine.python_tool`: what keeps programs in, and how fast calls are."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import msgspec
from loguru import logger
from rich.console import Console
from rich.table import Table

from engine.python_tool.examination import PROTECTS, examine
from engine.python_tool.tool import Outer, ToolError
from terminal.command import Parser, announce, new_file
from terminal.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.python_tool.examination import Examination

_EPILOG = """A wall that is missing here is missing in live runs too, which go on with the others.
bubblewrap is a package of Debian and others (apt install bubblewrap). Kaggle has none: there the
tool stands behind namespaces, or what of the kernel's filters an ordinary user may put on.

exit code: 0 if programs are kept from files, processes and the network, 1 if something is open,
2 if the tool does not come up

examples:
  what protects this machine, and what does a call cost?
    python -m engine.python_tool
  as on a machine without bubblewrap
    python -m engine.python_tool --outer namespaces --outer nothing
  for a program
    python -m engine.python_tool --json tool.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(argv)
    logger.remove()
    try:
        found = asyncio.run(examine(options.outer or tuple(Outer)))
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    console = Console()
    for table in _tables(found):
        console.print(table)
    if options.json is not None:
        write_whole(options.json, msgspec.json.encode(found))
        announce(options.json)
    return 1 if {"files", "calls"} - set(found.walls) else 0


def _tables(found: Examination) -> list[Table]:
    walls = Table("wall", "", "keeps programs to", title="Around programs", title_justify="left")
    for wall, protects in PROTECTS.items():
        walls.add_row(wall, "stands" if wall in found.walls else "missing", protects)
    loads = Table("library", title="Loaded and used once", title_justify="left")
    loads.add_column("s", justify="right")
    for name, seconds in found.loaded_s.items():
        loads.add_row(name, f"{seconds:.2f}")
    calls = Table("call", title="Calls, milliseconds", title_justify="left")
    for name in ("times", "median", "95 %"):
        calls.add_column(name, justify="right")
    for timing in found.timings:
        figures = (f"{1e3 * value:.1f}" for value in (timing.median_s, timing.p95_s))
        calls.add_row(timing.name, str(timing.count), *figures)
    return [walls, loads, calls]


def _parser() -> Parser:
    parser = Parser(
        prog="python -m engine.python_tool",
        description="Show what keeps a model's programs in on this machine, and time some calls.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--outer",
        action="append",
        type=Outer,
        choices=list(Outer),
        help="what may stand around all sessions; repeatable, the first that works is taken "
        "(default: %(choices)s)",
    )
    parser.add_argument(
        "--json", type=new_file, metavar="FILE", help="write everything; overwrites"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
