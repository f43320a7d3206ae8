"""Replay logged generations through policies, on an honest clock.

Run it as `python simulations/replay.py` or `python -m simulations.replay`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import cpu_count
from rich.console import Console

from policies import POLICIES, parse_policy
from scheduler import CallerError, encode_line
from simulations.bundled import DEFAULT_PROFILE, default_traces, profile_names, read_profile
from simulations.pools import pools_of
from simulations.recording import record_stream
from simulations.report import report_page
from simulations.results import TraceInfo, encode_results
from simulations.results_table import results_table
from simulations.runs import Run, run_of
from simulations.settings import (
    DEFAULT_PER_QUESTION_S,
    DEFAULT_STREAMS,
    MAX_SEED,
    Wish,
    settle,
)
from simulations.streams import Draw, Order
from simulations.sweep import run_sweep
from simulations.sweep_plan import read_plan
from simulations.tournament import Entry, run
from simulations.traces import read_trace
from simulations.tracking import TRACK_HELP, Finding, digests_of, figures_of, open_tracker
from simulations.workers import Backend
from terminal.command import (
    BAD_INPUT,
    Parser,
    announce,
    complain,
    new_file,
    seconds,
    tracked,
    typed,
    whole_number,
)
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from scheduler import JournalLine, LatencyProfile
    from simulations.pool import Pool
    from simulations.results import Results, Settings
    from simulations.traces import Trace

DEFAULT_POLICIES = (
    "self-consistency:k=16",
    "adaptive-consistency",
    "lead",
    "share",
    "clamp",
    "null",
)

_BACKEND_HELP = "who runs a sweep's cells: loky (this machine), ray or dask (default: %(default)s)"

_JOURNAL_HELP = "write the first stream of the first policy down as a live run; overwrites"

_EPILOG = f"""\
TRACES are folders made by `python -m simulations.traces import`; without any, the bundled
ones are played. Folders of one model form one pool of questions; several models are played
one by one and reported each and together.

A policy is NAME[:key=value,…] or a .json of {{"policy": NAME, "parameters": {{…}}}}:
  {", ".join(sorted(POLICIES))}
Behind it @ARM, @ARM+ARM or @mixture.json says by which arms of the traces it samples
(simulations.fit_mixture); without, by the first.
The first --policy is the baseline of the paired differences. Latency profiles that come with
the package: {", ".join(profile_names())}.

examples:
  the bundled traces, six policies, a picture:
    python simulations/replay.py --html report.html
  your own traces, 60 seconds a question, hard questions first:
    python simulations/replay.py traces/mine --policy clamp --policy share:width=16,equal=4 \\
        --profile assumed-qwen3-8b --per-question-s 60 --order hard-first
  token counts as papers report them, without a clock:
    python simulations/replay.py traces/mine --unlimited --policy self-consistency \\
        --policy lead:width=1,lead=3,cap=64 --json results.json
  several arms: one, two by turns:
    python simulations/replay.py simulations/bundled/traces/arms --policy lead@code \\
        --policy lead@code+default
  one stream, question by question and sample by sample:
    python simulations/replay.py --policy clamp --streams 1 --journal stream.jsonl
    python -m simulations.report stream.jsonl
  every replay kept in a folder, a numbered one each, or in Weights & Biases:
    python simulations/replay.py --per-question-s 1 --track runs
    WANDB_MODE=offline python simulations/replay.py --track wandb:aimo
  a grid of settings, resumable after a kill, then its comparison:
    python simulations/replay.py --sweep sweep.toml --backend dask --jobs 8
    python -m simulations.compare sweep.parquet

A sweep's file holds lists, whose product it plays into one Parquet file beside it:
  policies = ["share", "lead:width=8,cap=8"]
  traces = [["traces/8b", "traces/4b"]]         # played together; without any, the bundled ones
  per_question_s = [60, 120, "unlimited"]
  orders = ["random", "hard-first"]
and, if the defaults won't do, profiles, questions, draw, streams, seed, reserve_s, floor_s,
startup_s, gateway_s and out. All other options but --jobs and --backend are in the file.
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
        if arguments.sweep is not None:
            _sweep(arguments, parser)
            return 0
        tracker = open_tracker(arguments.track) if arguments.track is not None else None
        replayed = _read(arguments)
        results = replayed.play(arguments.jobs)
        Console().print(results_table(results))
        if arguments.json is not None:
            write_whole(arguments.json, encode_results(results))
        command = typed(parser, argv)
        if arguments.journal is not None:
            lines = replayed.record(replayed.entries[0], command)
            write_whole(arguments.journal, b"".join(encode_line(line) + b"\n" for line in lines))
        page = b""
        if arguments.html is not None or tracker is not None:
            page = report_page(results, command, replayed.streams(command)).encode()
        if arguments.html is not None:
            write_whole(arguments.html, page)
        announce(arguments.json, arguments.journal, arguments.html)
        if tracker is not None:
            tracked(tracker.keep(_finding(results, command, page)))
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


@dataclass(frozen=True, slots=True)
class _Replay:
    """What is played."""

    traces: list[TraceInfo]
    pools: list[Pool]
    entries: list[Entry]
    profile: LatencyProfile
    settings: Settings

    def play(self, jobs: int) -> Results:
        """Play all streams with all policies."""
        total = self.settings.streams * len(self.pools)
        with progress(
            f"replaying {total} streams of {self.settings.questions} questions", total
        ) as report:
            return run(
                self.pools,
                self.traces,
                self.entries,
                self.profile,
                self.settings,
                jobs=jobs,
                advance=report,
            )

    def record(self, entry: Entry, command: str) -> list[JournalLine]:
        """Play the first model's first stream with one policy and write it down."""
        return record_stream(self.pools[0], entry, self.profile, self.settings, command)

    def streams(self, command: str) -> list[Run]:
        """Play that stream with each policy and read it as a run of the policy's name."""
        recorded = ((self.record(entry, command), entry.name) for entry in self.entries)
        return [run_of((("", line) for line in lines), name) for lines, name in recorded]


def replay(
    traces: Sequence[Trace],
    policies: Sequence[str],
    profile: LatencyProfile,
    wish: Wish,
    *,
    jobs: int = 1,
) -> Results:
    """Play policies on traces, as the command does; progress is shown.

    Args:
        traces: Those of one model form one pool of questions.
        policies: As `--policy` takes them; the first is the baseline of the paired differences.
        profile: What the engine costs.
        wish: How long, in which order, how often; `Wish()` is what the command does.
        jobs: Processes; policies that were registered in this one need 1.

    Raises:
        CallerError: if a policy is unknown, or beginning with the name of a wish's field that
            asks too much.
    """
    return _made(traces, _entries(policies), profile, wish).play(jobs)


def _entries(policies: Sequence[str]) -> list[Entry]:
    return [Entry(text, parse_policy(text)) for text in policies]


def _made(
    traces: Sequence[Trace], entries: list[Entry], profile: LatencyProfile, wish: Wish
) -> _Replay:
    pools = pools_of(traces)
    settings = settle(wish, profile, pools)
    for entry in entries:
        _say_parameters(entry, pools)
    return _Replay([TraceInfo.of(trace) for trace in traces], pools, entries, profile, settings)


def _read(arguments: argparse.Namespace) -> _Replay:
    """Read what the arguments name."""
    entries = _entries(arguments.policy or DEFAULT_POLICIES)  # before traces, which take a while
    profile = read_profile(arguments.profile)
    traces = [read_trace(path) for path in arguments.traces or [default_traces()]]
    try:
        return _made(traces, entries, profile, _wish(arguments))
    except CallerError as error:
        field, colon, rest = str(error).partition(":")
        if field not in Wish.__struct_fields__:
            raise
        raise CallerError(f"argument --{field.replace('_', '-')}{colon}{rest}") from error


def _finding(results: Results, command: str, page: bytes) -> Finding:
    """Return a replay as it is tracked."""
    return Finding(
        job="replay",
        command=command,
        digests=digests_of(results),
        figures=figures_of(results),
        files={
            "results.json": encode_results(results),
            "report.html": page,
        },
    )


def _say_parameters(entry: Entry, pools: Sequence[Pool]) -> None:
    """Say which fitted parameters are taken where none were named."""
    for pool in pools:
        taken = entry.spec.for_model(pool.model)
        if taken != entry.spec:
            sys.stderr.write(
                f"{entry.name}: parameters for {pool.model}: {taken.parameters['parameters']}\n"
            )


def _sweep(arguments: argparse.Namespace, defaults: Parser) -> None:
    """Play a sweep; say where its results are."""
    if arguments.track is not None:
        raise CallerError("argument --track: a sweep's is that of simulations.compare")
    elsewhere = {"sweep", "jobs", "backend"}
    for name, value in vars(arguments).items():
        if name not in elsewhere and value and value != defaults.get_default(name):
            raise CallerError(
                f"argument --sweep: {name.replace('_', '-')} belongs into {arguments.sweep}"
            )
    plan = read_plan(arguments.sweep)
    total = len(plan.cells)
    with progress(f"playing {total} cells", total) as report:
        rows = run_sweep(plan, jobs=arguments.jobs, backend=arguments.backend, advance=report)
    sys.stderr.write(f"wrote {plan.out}: {total} cells, {rows.height} rows\n")


def _wish(arguments: argparse.Namespace) -> Wish:
    return Wish(
        questions=arguments.questions,
        total_s=arguments.total_s,
        per_question_s=None if arguments.unlimited else arguments.per_question_s,
        reserve_s=arguments.reserve_s,
        floor_s=arguments.floor_s,
        startup_s=arguments.startup_s,
        gateway_s=arguments.gateway_s,
        order=arguments.order,
        draw=arguments.draw,
        streams=arguments.streams,
        seed=arguments.seed,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python simulations/replay.py",
        description="Replay logged generations through policies, on an honest clock.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("traces", metavar="TRACES", nargs="*", type=Path, help="folders (default: the bundled)")
    add(
        "--policy",
        action="append",
        metavar="NAME[:key=value,…][@ARMS]",
        help="repeatable; see below",
    )
    add("--profile", default=DEFAULT_PROFILE, metavar="FILE|NAME", help="default: %(default)s")
    add("--questions", type=_count, metavar="N", help="a stream (default: 50, or the pool)")
    time = parser.add_mutually_exclusive_group()
    time.add_argument("--total-s", type=seconds, metavar="S", help="seconds of a stream")
    time.add_argument(
        "--per-question-s",
        type=seconds,
        default=DEFAULT_PER_QUESTION_S,
        metavar="S",
        help="the same by question: a total of N times S, no cap on one (default: %(default)s)",
    )
    time.add_argument("--unlimited", action="store_true", help="no limit of time")
    add("--reserve-s", type=seconds, default=0.0, metavar="S", help="kept at the end")
    add("--floor-s", type=seconds, default=0.0, metavar="S", help="kept for each later question")
    add("--startup-s", type=seconds, default=0.0, metavar="S", help="charged at the start")
    add("--gateway-s", type=seconds, default=0.0, metavar="S", help="charged between questions")
    add("--order", choices=[*Order], default=Order.RANDOM, help="default: %(default)s")
    add("--draw", choices=[*Draw], default=Draw.RANDOM, help="samples (default: %(default)s)")
    add("--streams", type=_count, default=DEFAULT_STREAMS, metavar="M", help="default: %(default)s")
    add("--seed", type=_seed, default=0, metavar="K", help="of all draws (default: %(default)s)")
    add("--jobs", type=_count, default=cpu_count(), metavar="J", help="processes (default: cores)")
    add("--sweep", type=Path, metavar="FILE.toml", help="play a grid of settings; see below")
    add("--backend", type=Backend, choices=[*Backend], default=Backend.LOKY, help=_BACKEND_HELP)
    add("--json", type=new_file, metavar="FILE", help="write the results; overwrites")
    add("--html", type=new_file, metavar="FILE", help="write a report with pictures; overwrites")
    add("--journal", type=new_file, metavar="FILE", help=_JOURNAL_HELP)
    add("--track", metavar="DIR|wandb:PROJECT", help=TRACK_HELP)
    return parser


def _count(text: str) -> int:
    return whole_number(text, 1, MAX_SEED)


def _seed(text: str) -> int:
    return whole_number(text, 0, MAX_SEED)


if __name__ == "__main__":
    sys.exit(main())
