"""The command `python -m engine.doctor`: say what a live run needs and what of it is there."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import httpx
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.doctor.check import State
from engine.doctor.examination import examine
from terminal.command import Parser, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.doctor.check import Check

WAIT_S = 180.0
"""Importing vLLM takes half a minute; a first time from a slow disk, some minutes."""

_PROG = "python -m engine.doctor"

_EPILOG = f"""States: ok; warning: a live run can work, but see the step; missing: no live run works
without it; unknown: it could not be found out. The doctor starts no engine and downloads nothing.

exit code: 0 if nothing is missing, 1 if something is, 2 for bad arguments

examples:
  is this machine ready, and what has to be done?
    {_PROG}
  is this model whole, and does it fit onto the GPU?
    {_PROG} --model ./model
  is that server up? vLLM and a GPU are then not needed here, and not looked at
    {_PROG} --address http://127.0.0.1:8000
  for a program: what is missing
    {_PROG} --json | jq '.checks[] | select(.state == "missing")'
"""

_STYLES = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.MISSING: "bold red",
    State.UNKNOWN: "magenta",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0 if a live run can work, 1 if something needed is missing.
    """
    options = _parser().parse_args(argv)
    try:
        checks = examine(
            options.model,
            options.address,
            wait_s=options.wait_s,
            say=_say,
        )
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 1
    works = all(check.state is not State.MISSING for check in checks)
    if options.json:
        report = msgspec.json.encode({"works": works, "checks": checks})
        sys.stdout.write(msgspec.json.format(report, indent=2).decode() + "\n")
    else:
        show(checks, Console(highlight=False))
    return 0 if works else 1


def show(checks: Sequence[Check], console: Console) -> None:
    """Print the table, then each step on a line of its own, so that it can be pasted."""
    table = Table()
    for name in ("check", "state", "found"):
        table.add_column(name, overflow="fold")
    for check in checks:
        state = Text(check.state.value, style=_STYLES[check.state])
        table.add_row(Text(check.name), state, Text(check.found))
    console.print(table)
    for check in checks:
        if check.step is not None:
            state = Text(check.state.value, style=_STYLES[check.state])
            console.print(state, Text(f"{check.name}: {check.step}"), soft_wrap=True)
    gone = [check.name for check in checks if check.state is State.MISSING]
    says = f"no live run works yet; missing: {', '.join(gone)}" if gone else "a live run can work"
    console.print(Text(says, style="bold"), soft_wrap=True)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Say what a live run needs, what of it is there, and what brings the rest.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--model", metavar="FOLDER|NAME", help="look at this model too, as vLLM takes it")
    add(
        "--address",
        type=_url,
        action="append",
        default=[],
        metavar="URL",
        help="of a vLLM server that runs already; repeatable",
    )
    add(
        "--wait-s",
        type=seconds,
        default=WAIT_S,
        metavar="S",
        help="for torch and vLLM to be imported (default: %(default)g)",
    )
    add("--json", action="store_true", help="print the same as JSON")
    return parser


def _url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise argparse.ArgumentTypeError(f"must be as http://host:8000, got {text!r}")
    return text.rstrip("/")
