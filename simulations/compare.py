"""Compare the policies of sweeps: what each buys, and what the same accuracy costs.

Run it as `python -m simulations.compare`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from simulations.command import BAD_INPUT, Parser, complain
from simulations.compare_contexts import contexts_of
from simulations.compare_page import write_comparison
from simulations.compare_reading import read_rows
from simulations.compare_results import encode_compare_results
from simulations.compare_scopes import USUAL_BASELINE, compare, steps
from simulations.compare_table import comparison_table
from simulations.progress import progress
from simulations.settings import MAX_SEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.compare_results import CompareResults

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
    try:
        results = _compare(arguments)
        Console().print(comparison_table(results))
        if arguments.json is not None:
            _write(arguments.json, encode_compare_results(results))
        if arguments.html is not None:
            command = shlex.join([parser.prog, *(sys.argv[1:] if argv is None else argv)])
            write_comparison(results, arguments.html, command)
            sys.stderr.write(f"wrote {arguments.html}\n")
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _compare(arguments: argparse.Namespace) -> CompareResults:
    contexts = contexts_of(read_rows(arguments.results))
    cells = sum(len(context.cells) for context in contexts)
    with progress(f"comparing {cells} cells", steps(contexts)) as advance:
        return compare(contexts, baseline=arguments.baseline, seed=arguments.seed, advance=advance)


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
    add("--json", type=_file, metavar="FILE", help="write everything; overwrites")
    add("--html", type=_file, metavar="FILE", help="write a page with pictures; overwrites")
    return parser


def _seed(text: str) -> int:
    if not (text.isdecimal() and int(text) <= MAX_SEED):
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)


def _file(text: str) -> Path:
    """Refuse a file that could not be written, before the work."""
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file in a folder that exists, got {text!r}")
    return path


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
    sys.stderr.write(f"wrote {path}\n")


if __name__ == "__main__":
    sys.exit(main())
