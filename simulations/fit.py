"""Fit the shadow price to traces.

Run it as `python simulations/fit.py` or `python -m simulations.fit`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from joblib import cpu_count
from rich.console import Console

from scheduler import CallerError
from simulations.bundled import DEFAULT_PROFILE, default_traces, profile_names, read_profile
from simulations.fitting.arguments import count, require_different, seed
from simulations.fitting.assembling import fit, steps_of
from simulations.fitting.page import write_page
from simulations.fitting.plan import WIDTHS, Plan
from simulations.fitting.table import fit_table
from simulations.pools import pools_of
from simulations.traces import read_trace
from terminal.command import (
    BAD_INPUT,
    Parser,
    announce,
    complain,
    new_file,
    typed,
)
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EPILOG = f"""\
TRACES are folders made by `python -m simulations.traces`; without any, the bundled ones are
fitted. Several models are fitted together, each weighing the same: what comes out suits a model
of their kind that has no traces. Latency profiles that come with the package:
{", ".join(profile_names())}; only ratios of their costs enter.

What is written can be played: --policy shadow-price:parameters=FILE.json. The figures of the
table are cross-fitted: each question is stopped by rules that never saw it, whichever model it
was put to. --crossed writes those rules, fold by fold, so that a replay of the same traces is
honest too.

examples:
  your own model's traces, and a replay that is not fooled by its own fit:
    python simulations/fit.py traces/mine --profile profile.json --out mine.json \\
        --crossed mine-crossed.json
    python simulations/replay.py traces/mine --profile profile.json --policy share \\
        --policy shadow-price:parameters=mine-crossed.json
  difficulty that a caller knows beforehand, logged as a feature of the questions:
    python simulations/fit.py traces/mine --prior level --out mine.json
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
    try:
        _fit(arguments, typed(parser, argv))
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _fit(arguments: argparse.Namespace, command: str) -> None:
    require_different({name: getattr(arguments, name) for name in ("out", "crossed", "html")})
    profile = read_profile(arguments.profile)
    traces = [read_trace(path) for path in arguments.traces or [default_traces()]]
    pools = pools_of(traces)
    plan = _plan(arguments)
    total = steps_of(pools, plan)
    with progress("fitting", total) as report:
        found = fit(
            pools,
            [trace.digest for trace in traces],
            profile,
            plan,
            jobs=arguments.jobs,
            advance=report,
        )
    Console().print(fit_table(found, profile))
    write_whole(arguments.out, msgspec.json.format(msgspec.json.encode(found.whole), indent=1))
    if found.crossed is not None:
        write_whole(arguments.crossed, msgspec.json.encode(found.crossed))
    if arguments.html is not None:
        write_page(found, profile, arguments.html, command)
    announce(arguments.out, arguments.crossed, arguments.html)


def _plan(arguments: argparse.Namespace) -> Plan:
    try:
        return Plan(
            name=arguments.out.stem,
            widths=tuple(sorted(set(arguments.width or WIDTHS))),
            draws=arguments.draws,
            folds=arguments.folds,
            priors=tuple(arguments.prior or ()),
            crossed=arguments.crossed is not None,
            seed=arguments.seed,
        )
    except CallerError as error:
        raise CallerError(f"argument --{error}") from error


def _parser() -> Parser:
    parser = Parser(
        prog="python simulations/fit.py",
        description="Fit the shadow price to traces: when to stop, and what a second is worth.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("traces", metavar="TRACES", nargs="*", type=Path, help="folders (default: the bundled)")
    add("--out", type=new_file, required=True, metavar="FILE.json", help="overwrites")
    add(
        "--crossed",
        type=new_file,
        metavar="FILE.json",
        help="parameters by fold; takes twice as long",
    )
    add("--html", type=new_file, metavar="FILE", help="diagnostics with pictures; overwrites")
    add("--profile", default=DEFAULT_PROFILE, metavar="FILE|NAME", help="default: %(default)s")
    add("--width", action="append", type=count, metavar="N", help="repeatable; 1, 2, 4, 8, 16")
    add("--prior", action="append", metavar="NAME", help="repeatable; a feature of the questions")
    add("--draws", type=count, default=20, metavar="N", help="a question (default: %(default)s)")
    add("--folds", type=count, default=5, metavar="K", help="default: %(default)s")
    add("--seed", type=seed, default=0, metavar="K", help="of all draws (default: %(default)s)")
    add("--jobs", type=count, default=cpu_count(), metavar="J", help="processes (default: cores)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
