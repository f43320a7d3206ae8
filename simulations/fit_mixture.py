"""Fit a mixture of arms to traces.

Run it as `python -m simulations.fit_mixture`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

from simulations.fitting.arguments import count, require_different, seed
from simulations.mixing.fitting import fit_mixture
from simulations.pools import pools_of
from simulations.traces import read_trace
from terminal.command import (
    BAD_INPUT,
    Parser,
    announce,
    complain,
    new_file,
    whole_number,
)
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from simulations.mixing.fitting import FittedMixture

_PROG = "python -m simulations.fit_mixture"

_EPILOG = f"""\
TRACES are folders that hold generations of several arms on the same questions, such as
simulations/bundled/traces/arms. Questions that lack an arm are left out.

What is written joins any policy behind an @: samples go to the arm that is expected to bring most
accuracy a second, and votes weigh what their arm is worth. --crossed writes the same fold by fold,
so that a replay of the very traces that were fitted is honest: each question meets what was fitted
without it.

examples:
  what the bundled arms are worth:
    {_PROG} simulations/bundled/traces/arms --out mixture.json
  an honest replay of the fit against its arms:
    {_PROG} simulations/bundled/traces/arms --out mixture.json --crossed crossed.json
    python simulations/replay.py simulations/bundled/traces/arms --per-question-s 2 \\
        --policy share@code --policy share@default --policy share@crossed.json
  two of the arms only:
    {_PROG} traces/mine --arm code --arm default --out two.json
"""

_LEVELS = ("no vote", "differing", "some agreement", "much")

_MOST = 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0, or 2 after one line on stderr.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        _fit(arguments)
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _fit(arguments: argparse.Namespace) -> None:
    require_different({name: getattr(arguments, name) for name in ("out", "crossed", "json")})
    traces = [read_trace(path) for path in arguments.traces]
    with progress("fitting", arguments.folds + 1) as report:
        found = fit_mixture(
            pools_of(traces),
            [trace.digest for trace in traces],
            arms=tuple(dict.fromkeys(arguments.arm or ())),
            draws=arguments.draws,
            folds=arguments.folds,
            seed=arguments.seed,
            advance=report,
        )
    Console(soft_wrap=True).print(mixture_table(found))
    if found.left_out:
        one = found.left_out == 1
        lack = "question lacks an arm and was" if one else "questions lack an arm and were"
        sys.stderr.write(f"{found.left_out} {lack} left out\n")
    write_whole(arguments.out, msgspec.json.format(msgspec.json.encode(found.whole), indent=1))
    if arguments.crossed is not None:
        write_whole(arguments.crossed, msgspec.json.encode(found.crossed))
    if arguments.json is not None:
        figures = {
            "questions": found.questions,
            "left_out": found.left_out,
            "arms": found.whole.arms,
            "precisions": found.precisions,
        }
        write_whole(arguments.json, msgspec.json.format(msgspec.json.encode(figures), indent=1))
    announce(arguments.out, arguments.crossed, arguments.json)


def mixture_table(found: FittedMixture) -> Table:
    """Show what each arm costs, what its votes are worth and how they fare by agreement."""
    table = Table(title=f"arms, fitted on {found.questions} questions")
    table.add_column("arm")
    for name in ("weight of a vote", "tokens", "tool s"):
        table.add_column(name, justify="right")
    for level in _LEVELS:
        table.add_column(f"right % at {level}", justify="right")
    table.add_column("no answer %", justify="right")
    for arm, precision in zip(found.whole.arms, found.precisions, strict=True):
        shares = (*precision.right, precision.null[0])
        table.add_row(
            arm.name,
            f"{arm.weight:.2f}",
            f"{arm.tokens:,.0f}",
            f"{arm.tool_s:.3f}" if arm.tool_s else "–",
            *("–" if share is None else f"{100.0 * share:.1f}" for share in shares),
        )
    return table


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Fit what votes of several arms are worth, and which arm brings most next.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("traces", metavar="TRACES", nargs="+", type=Path, help="folders")
    add("--out", type=new_file, required=True, metavar="FILE.json", help="overwrites")
    add("--crossed", type=new_file, metavar="FILE.json", help="the same by fold; overwrites")
    add("--json", type=new_file, metavar="FILE.json", help="the table's figures; overwrites")
    add("--arm", action="append", metavar="NAME", help="repeatable; default: all that are logged")
    add("--draws", type=count, default=200, metavar="N", help="a question (default: %(default)s)")
    add("--folds", type=_folds, default=5, metavar="K", help="default: %(default)s")
    add("--seed", type=seed, default=0, metavar="K", help="of all draws (default: %(default)s)")
    return parser


def _folds(text: str) -> int:
    return whole_number(text, 2, _MOST)


if __name__ == "__main__":
    sys.exit(main())
