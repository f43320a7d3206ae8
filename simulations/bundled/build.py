"""Builds what is bundled from a folder of logged generations and timings.

`python -m simulations.bundled.build SRC` fits the measured latency profile and cuts the trace.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler.latency import encode_profile
from simulations.bundled.cut_traces import HEADER, cut_traces
from simulations.bundled.fit_profile import NAME, fit_profile
from simulations.bundled.measured import PROBE_COLUMNS, STEP_COLUMNS, read_table, read_timings
from simulations.traces.write import write_trace
from terminal.command import BAD_INPUT, Parser, complain
from terminal.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler.latency import LatencyProfile

_PROG = "python -m simulations.bundled.build"

_EPILOG = f"""Takes a few seconds. The same input gives the same profile and trace digest.

examples:
  what comes with the package, made anew from the measurements:
    {_PROG} measurements/h100
  into another folder, to compare:
    {_PROG} measurements/h100 --out fresh
"""

_RUNS = ("run1", "run2")
_HERE = Path(__file__).parent


def build_profile(source: Path, runs: tuple[str, ...] = _RUNS) -> LatencyProfile:
    """Fit the latency profile to these runs of a measurement folder.

    Raises:
        ValueError: one line naming the file and what is wrong with it.
    """
    timings = read_timings(source)
    chunks = read_table(source / "steps.parquet", STEP_COLUMNS)
    probes = source / "probes.parquet"
    tokens = read_table(probes, PROBE_COLUMNS)["probe_tokens"].to_list() if probes.exists() else []
    return fit_profile(timings.named(runs), chunks, tokens)


def build(source: Path, target: Path) -> None:
    """Write the measured profile and the trace below `target`.

    Raises:
        ValueError: one line naming the file and what is wrong with it.
        OSError: if the disk refuses.
    """
    _say(f"fitting the latency profile to {source / 'timings.json'} and steps.parquet")
    profile = build_profile(source)
    path = target / "profiles" / f"{NAME}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, encode_profile(profile))
    _say(f"wrote {path}")
    _say(f"cutting the trace out of {source / 'samples.parquet'} and checkpoints.parquet")
    cut = cut_traces(source)
    folder = target / "traces" / HEADER.name
    trace = write_trace(folder, HEADER, *cut, profile=profile)
    size = sum(file.stat().st_size for file in folder.iterdir())
    _say(
        f"wrote {folder}: {len(cut.questions)} questions, {len(cut.samples)} samples, "
        f"{len(cut.checkpoints)} checkpoints, {size / 1e6:.2f} MB, digest {trace.digest}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        build(arguments.source, arguments.out)
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Fit the bundled latency profile and cut the bundled trace from a folder of "
        "logged generations and timings.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "source",
        metavar="SRC",
        type=Path,
        help="folder with timings.json, steps.parquet, samples.parquet and checkpoints.parquet "
        "(and probes.parquet, if there were probes)",
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=Path,
        default=_HERE,
        help="where to write profiles/ and traces/ (default: into the package)",
    )
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
