"""Make a page of a run or a replay: one file, to be read anywhere.

Run it as `python -m simulations.report`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler import CallerError
from simulations.report.page import write_report
from simulations.report.run_page import write_run_report
from simulations.report.run_tables import summary
from simulations.report.source import read_source
from simulations.results import Results
from simulations.runs import GOLD_HELP, with_gold
from terminal.command import BAD_INPUT, Parser, announce, complain, new_file, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROG = "python -m simulations.report"

_EPILOG = f"""\
A journal is what `engine.solve`, `engine.kaggle` and `replay.py --journal` write, plain or gzip;
its page shows one run: where the time went, the budget, every question with its samples, and
why what was decided. Results are what `replay.py --json` writes; their page compares policies.
Either page is one file that needs no network. docs/report.md says what each picture shows.

examples:
  the morning after a run:
    {_PROG} run.jsonl
  a replay whose figures were kept, under another name:
    python simulations/replay.py --json results.json
    {_PROG} results.json --html policies.html
  of Kaggle's loop, whose journal has no right answers:
    {_PROG} run.jsonl --gold reference.csv
  one question of a run in sentences:
    python -m simulations.explain run.jsonl --question q7
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0, or 2 after one line on stderr.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    command = typed(parser, argv)
    try:
        source = read_source(arguments.source)
        if arguments.gold is not None:
            if isinstance(source, Results):
                raise CallerError("--gold: is for a journal, not for results of a replay")
            source = with_gold(source, arguments.gold)
        path = arguments.html or new_file(str(arguments.source.with_suffix(".html")))
        if isinstance(source, Results):
            write_report(source, path, command)
        else:
            sys.stdout.write(f"{summary(source)}\n")
            for note in source.notes:
                sys.stderr.write(f"{note}\n")
            write_run_report(source, path, command)
        announce(path)
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Make a page of a run's journal or of a replay's results.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("source", metavar="JOURNAL|RESULTS", type=Path, help="a file; see below")
    add("--gold", type=Path, metavar="FILE", help=GOLD_HELP)
    add(
        "--html",
        type=new_file,
        metavar="FILE",
        help="the page; overwrites (default: JOURNAL's name with .html)",
    )
    return parser
