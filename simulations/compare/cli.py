"""Compare the policies of sweeps: what each buys, and what the same accuracy costs.

Run it as `python -m simulations.compare`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from simulations.compare.contexts import contexts_of
from simulations.compare.page import comparison_page
from simulations.compare.reading import read_rows
from simulations.compare.results import encode_compare_results
from simulations.compare.scopes import USUAL_BASELINE, compare, steps
from simulations.compare.table import comparison_table
from simulations.settings import MAX_SEED
from simulations.tracking import TRACK_HELP, Figure, Finding, open_tracker, policy_figures
from terminal.command import (
    BAD_INPUT,
    Parser,
    announce,
    complain,
    new_file,
    tracked,
    typed,
    whole_number,
)
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from simulations.compare.results import CompareResults

_EPILOG = f"""\
RESULTS are Parquet files that a sweep wrote; cells that stand in several files count once.
Only what met the same questions on the same terms is compared: each set of traces, profile,
questions, order, draw, streams and seed is a context with tables of its own.

The baseline is {USUAL_BASELINE} where it was played so, else the first policy. A family is all
policies of one name, whatever their parameters; costs to match are read off the concave hull
of its points, since mixing two policies reaches every point between them.

examples:
  tables in the terminal:
    python -m simulations.compare sweep.parquet
  two sweeps against a rule of your choice, with a page of pictures:
    python -m simulations.compare fast.parquet wide.parquet --baseline self-consistency:k=16 \\
        --html compare.html
  every figure, by model too, for a program to read:
    python -m simulations.compare sweep.parquet --json compare.json
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
        tracker = open_tracker(arguments.track) if arguments.track is not None else None
        results = _compare(arguments)
        Console().print(comparison_table(results))
        if arguments.json is not None:
            write_whole(arguments.json, encode_compare_results(results))
        page = b""
        if arguments.html is not None or tracker is not None:
            page = comparison_page(results, command).encode()
        if arguments.html is not None:
            write_whole(arguments.html, page)
        announce(arguments.json, arguments.html)
        if tracker is not None:
            tracked(tracker.keep(_finding(results, command, page)))
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _compare(arguments: argparse.Namespace) -> CompareResults:
    contexts = contexts_of(read_rows(arguments.results))
    cells = sum(len(context.cells) for context in contexts)
    with progress(f"comparing {cells} cells", steps(contexts)) as advance:
        return compare(contexts, baseline=arguments.baseline, seed=arguments.seed, advance=advance)


def _finding(results: CompareResults, command: str, page: bytes) -> Finding:
    """Return a comparison as it is tracked: each policy under each context's totals."""
    digests, figures = [], []
    for context in results.contexts:
        terms = context.terms
        digests += [*terms.traces.split(","), terms.profile_digest]
        for budget in context.overall.budgets:
            limit = "no limit" if budget.total_s is None else f"{budget.total_s:g} s"
            under = f"{limit}, {terms.order}, {terms.questions} questions"
            for standing in budget.policies:
                name = f"{standing.policy} ({under})"
                figures += policy_figures(name, standing)
                if standing.difference is not None:
                    less = f"accuracy less {context.baseline}"
                    figures.append(Figure(name, less, standing.difference))
    return Finding(
        job="compare",
        command=command,
        digests=list(dict.fromkeys(digests)),
        figures=figures,
        files={
            "results.json": encode_compare_results(results),
            "compare.html": page,
        },
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python -m simulations.compare",
        description="Compare the policies of sweeps over the same questions.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("results", metavar="RESULTS", nargs="+", type=Path, help="Parquet files of sweeps")
    add("--baseline", metavar="POLICY", help="as it was played; see below")
    add("--seed", type=_seed, default=0, metavar="K", help="of resamples (default: %(default)s)")
    add("--json", type=new_file, metavar="FILE", help="write everything; overwrites")
    add("--html", type=new_file, metavar="FILE", help="write a page with pictures; overwrites")
    add("--track", metavar="DIR|wandb:PROJECT", help=TRACK_HELP)
    return parser


def _seed(text: str) -> int:
    return whole_number(text, 0, MAX_SEED)
