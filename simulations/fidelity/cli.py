"""Compare a live run with its replay: does a second of the simulated world last a second?

Run it as `python -m simulations.fidelity`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from scheduler import CallerError
from simulations.bundled import read_profile
from simulations.fidelity.draws import play_draws
from simulations.fidelity.live import read_run
from simulations.fidelity.measure import measure
from simulations.fidelity.page import write_page
from simulations.fidelity.results import encode_fidelity
from simulations.fidelity.table import fidelity_table
from simulations.settings import MAX_SEED
from simulations.traces import read_trace
from terminal.command import BAD_INPUT, Parser, announce, complain, new_file, typed, whole_number
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from scheduler import LatencyProfile
    from simulations.fidelity.results import Draws, Fidelity

DEFAULT_STREAMS = 200

_EPILOG = """\
JOURNAL is what `python -m engine.solve --out` wrote. The profile is the one that solve measured
and put beside it (run.jsonl: run.profile.json), unless --profile names another: that is how a
change of a profile is judged. Policy, total time, reserve and number of questions are the run's.

Each question is replayed by itself, from the moment at which it came and under the ledger of
then, with the samples that the run drew; so no error reaches the next question. For the total,
the whole stream is replayed freely with the live gaps between questions.

examples:
  a run on a GPU, then how well its replay tells the time:
    python -m engine.solve --questions q.csv --model ./model --policy lead --total-s 3600 \\
        --out run.jsonl
    python -m simulations.fidelity run.jsonl --html fidelity.html
  the same under another profile, every figure for a program to read:
    python -m simulations.fidelity run.jsonl --profile mended.json --json fidelity.json
  is the live time what luck makes of it? with samples that another run generated:
    python -m engine.generate --questions q.csv --model ./model --samples 64 --out pool.jsonl
    python -m simulations.traces from-journal pool.jsonl traces/pool
    python -m simulations.fidelity run.jsonl --traces traces/pool --streams 500
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
        fidelity = _compare(arguments)
        Console().print(fidelity_table(fidelity))
        if arguments.json is not None:
            write_whole(arguments.json, encode_fidelity(fidelity))
        if arguments.html is not None:
            write_page(fidelity, arguments.html, typed(parser, argv))
        announce(arguments.json, arguments.html)
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _compare(arguments: argparse.Namespace) -> Fidelity:
    run = read_run(arguments.journal)
    profile = _profile(arguments)
    draws: Draws | None = None
    if arguments.traces:
        traces = [read_trace(path) for path in arguments.traces]
        streams = arguments.streams
        with progress(f"replaying {streams} streams", streams) as report:
            draws = play_draws(
                run, profile, traces, streams=streams, seed=arguments.seed, advance=report
            )
    return measure(run, profile, draws)


def _profile(arguments: argparse.Namespace) -> LatencyProfile:
    if arguments.profile is not None:
        return read_profile(arguments.profile)
    beside: Path = arguments.journal.with_suffix(".profile.json")
    if not beside.exists():
        raise CallerError(f"argument --profile: is needed, for there is no {beside}")
    return read_profile(str(beside))


def _parser() -> Parser:
    parser = Parser(
        prog="python -m simulations.fidelity",
        description="Compare the time of a live run with that of its replay.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("journal", metavar="JOURNAL", type=Path, help="of engine.solve, plain or gzip")
    add("--profile", metavar="FILE|NAME", help="default: the one beside the journal")
    add("--traces", metavar="TRACE", nargs="+", type=Path, help="samples of other runs to draw")
    add("--streams", type=_count, default=DEFAULT_STREAMS, metavar="N", help="default: %(default)s")
    add("--seed", type=_seed, default=0, metavar="S", help="of the draws (default: %(default)s)")
    add("--json", type=new_file, metavar="FILE", help="write everything; overwrites")
    add("--html", type=new_file, metavar="FILE", help="write a page with pictures; overwrites")
    return parser


def _count(text: str) -> int:
    return whole_number(text, 1, MAX_SEED)


def _seed(text: str) -> int:
    return whole_number(text, 0, MAX_SEED)
