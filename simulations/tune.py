"""Tune the knobs of a policy on logged generations; judge them on questions they never saw.

Run it as `python simulations/tune.py` or `python -m simulations.tune`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import cpu_count
from rich.console import Console

from policies import POLICIES, parse_policy
from scheduler import CallerError
from simulations.bundled import DEFAULT_PROFILE, default_traces, profile_names, read_profile
from simulations.pools import pools_of
from simulations.report import report_page
from simulations.results import TraceInfo
from simulations.settings import (
    DEFAULT_PER_QUESTION_S,
    DEFAULT_QUESTIONS,
    DEFAULT_STREAMS,
    MAX_SEED,
    Wish,
)
from simulations.streams import Order
from simulations.tournament import Entry
from simulations.traces import read_trace
from simulations.tracking import TRACK_HELP, Finding, digests_of, figures_of, open_tracker
from simulations.tuning.left_out import compare_left_out
from simulations.tuning.parts import Part, split
from simulations.tuning.playing import players
from simulations.tuning.results import (
    Tuned,
    TuneResults,
    Tuning,
    encode_policy,
    encode_tuning,
)
from simulations.tuning.space import read_space
from simulations.tuning.table import tuning_table
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
    from collections.abc import Callable, Sequence

    from simulations.traces import Trace
    from simulations.tuning.parts import Split
    from simulations.tuning.space import Space
    from simulations.tuning.studies import Best

DEFAULT_TRIALS = 100
DEFAULT_FOLDS = 3

_BASELINE_HELP = "what to compare with; repeatable (default: that of --match, and the defaults)"
_TRIALS_HELP = "of each of the K + 1 studies (default: %(default)s)"
_STORAGE_HELP = "of studies (default: beside --out with the ending .db, else tune.db)"

_EPILOG = f"""\
TRACES are folders made by `python -m simulations.traces import`; without any, the bundled
ones are played. A policy is NAME[:key=value,…] or a .json, as for replay. Parameters given there
are fixed; its other knobs are tuned, or those of --knob. Policies:
  {", ".join(sorted(POLICIES))}
Latency profiles that come with the package: {", ".join(profile_names())}.

The questions are drawn into folds. For each fold a study tunes on the other folds; its best
policy then plays the questions of the fold, which it never saw, against the baselines: that is
the last table. One more study tunes on all questions: its best is what to use, and what --out
holds. All trials of a study play the same questions with the same luck. A trial plays its streams
in four quarters and is stopped after one that leaves it below the median of the trials that were
finished.

The goal is the most accuracy within the time. With --match POLICY it is the fewest tokens at the
accuracy that POLICY has on the same streams: a trial that reaches it is worth its tokens; one that
misses it, by however little, ranks behind all that reach it, by the accuracy it lacks.

Studies are kept in --storage: the same command started again goes on where it was, more --trials
add to those played, and another setting is another study. A file is for one run at a time. A
database server's URL lets several machines run the same command together.

examples:
  the bundled traces, 2 seconds a question, a file to use:
    python -m simulations.tune --policy lead --per-question-s 2 --out lead.json
    python -m simulations.replay --policy lead.json --policy lead
  two knobs only, the cap fixed, hard questions first:
    python -m simulations.tune traces/mine --profile assumed-qwen3-8b --per-question-s 120 \\
        --policy lead:cap=32 --knob width --knob lead --order hard-first
  as accurate as 64 samples, for fewest tokens, without a clock:
    python -m simulations.tune traces/mine --unlimited --match self-consistency:k=64 \\
        --policy adaptive-consistency
  on many machines:
    python -m simulations.tune --policy bank --trials 1000 --storage mysql://user@host/tuning
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
        tracker = open_tracker(arguments.track) if arguments.track is not None else None
        results = _tune(arguments)
        Console().print(tuning_table(results))
        if arguments.out is not None:
            write_whole(arguments.out, encode_policy(results))
        if arguments.json is not None:
            write_whole(arguments.json, encode_tuning(results))
        announce(arguments.out, arguments.json)
        if tracker is not None:
            tracked(tracker.keep(_finding(results, typed(parser, argv))))
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    return 0


def _tune(arguments: argparse.Namespace) -> TuneResults:
    """Read what the arguments name, tune without each fold and on all questions, and compare."""
    if find_spec("optuna") is None:
        raise CallerError("tuning needs optuna, try pip install 'adaptive-compute-scheduler[fit]'")
    from simulations.tuning.studies import Tuner, opened  # noqa: PLC0415 - it imports Optuna

    space = read_space(arguments.policy, arguments.knob)
    match = _entry(arguments.match) if arguments.match else None
    if arguments.unlimited and match is None:
        raise CallerError("argument --unlimited: needs --match, since endless time has no price")
    baselines = _baselines(arguments, space, match)
    traces = [read_trace(path) for path in arguments.traces or [default_traces()]]
    divided = _split(arguments, traces)
    labels = [f"without fold {fold + 1} of {arguments.folds}" for fold in range(arguments.folds)]
    parts = dict(zip([*labels, "all questions"], [*divided.rest, divided.whole], strict=True))
    trials: int = arguments.trials
    tuned: list[Best] = []
    with (
        opened(_storage_of(arguments)) as storage,
        players(arguments.jobs) as play,
        progress(
            f"tuning {space.policy}, {len(parts)} studies of {trials} trials",
            trials * len(parts) + arguments.folds,
        ) as report,
    ):
        tuner = Tuner(space, match, storage, trials=trials, play=play)
        for label, part in parts.items():
            tuned.append(tuner.tune(label, part, _after(trials * len(tuned), report)))
        comparison = compare_left_out(
            divided,
            [TraceInfo.of(trace) for trace in traces],
            [best.spec for best in tuned[:-1]],
            f"{arguments.policy} (tuned)",
            baselines,
            play=play,
            advance=_after(trials * len(parts), report),
        )
    *folds, whole = tuned
    return TuneResults(
        policy=whole.spec,
        tuning=Tuning(
            knobs=space.knobs,
            match=arguments.match,
            traces=[trace.digest for trace in traces],
            folds=[
                _tuned(*each) for each in zip(folds, divided.rest, divided.left_out, strict=True)
            ],
            whole=_tuned(whole, divided.whole),
        ),
        comparison=comparison,
    )


def _finding(results: TuneResults, command: str) -> Finding:
    """Return a tuning as it is tracked: the figures are those of left-out questions."""
    return Finding(
        job="tune",
        command=command,
        digests=digests_of(results.comparison),
        figures=figures_of(results.comparison),
        files={
            "policy.json": encode_policy(results),
            "tuning.json": encode_tuning(results),
            "report.html": report_page(results.comparison, command).encode(),
        },
    )


def _after(before: int, report: Callable[[int], None]) -> Callable[[int], None]:
    return lambda done: report(before + done)


def _tuned(best: Best, part: Part, left_out: Part | None = None) -> Tuned:
    pools = [] if left_out is None else left_out.pools
    ids = {question.question_id for pool in pools for question in pool.questions}
    return Tuned(
        study=best.study,
        trials=best.trials,
        stopped=best.stopped,
        parameters=best.spec.parameters,
        score=best.score,
        target=best.target,
        settings=part.settings,
        left_out=sorted(ids),
    )


def _baselines(arguments: argparse.Namespace, space: Space, match: Entry | None) -> list[Entry]:
    """Return what to compare with: by default the policy to match and the policy's defaults."""
    if arguments.baseline:
        wanted = [_entry(text) for text in arguments.baseline]
    else:
        wanted = [_entry(space.policy)] if match is None else [match, _entry(space.policy)]
    return list({entry.name: entry for entry in wanted}.values())


def _entry(text: str) -> Entry:
    return Entry(text, parse_policy(text))


def _split(arguments: argparse.Namespace, traces: Sequence[Trace]) -> Split:
    pools = pools_of(traces)
    per_question_s = None if arguments.unlimited else arguments.per_question_s
    if arguments.total_s is not None:
        # The streams of a fold may be shorter; each question then has the same time.
        longest = min(DEFAULT_QUESTIONS, *(len(pool.questions) for pool in pools))
        per_question_s = arguments.total_s / (arguments.questions or longest)
    wish = Wish(
        questions=arguments.questions,
        per_question_s=per_question_s,
        order=arguments.order,
        streams=arguments.streams,
        seed=arguments.seed,
    )
    digests = ",".join(trace.digest for trace in traces)
    try:
        return split(pools, arguments.folds, wish, read_profile(arguments.profile), digests)
    except CallerError as error:
        raise CallerError(f"argument --{error}") from error


def _storage_of(arguments: argparse.Namespace) -> str | Path:
    if arguments.storage is not None:
        where: str | Path = arguments.storage
        return where
    return Path("tune.db") if arguments.out is None else arguments.out.with_suffix(".db")


def _parser() -> Parser:
    parser = Parser(
        prog="python -m simulations.tune",
        description="Tune a policy's knobs, judged on questions that no tuning saw.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("traces", metavar="TRACES", nargs="*", type=Path, help="folders (default: the bundled)")
    add("--policy", required=True, metavar="NAME[:key=value,…]", help="what to tune; see below")
    add("--knob", action="append", default=[], metavar="NAME", help="tune only these; repeatable")
    add("--baseline", action="append", metavar="POLICY", help=_BASELINE_HELP)
    add("--match", metavar="POLICY", help="look for fewest tokens at its accuracy; see below")
    add("--profile", default=DEFAULT_PROFILE, metavar="FILE|NAME", help="default: %(default)s")
    add("--questions", type=_count, metavar="N", help="a stream (default: 50, or those there are)")
    time = parser.add_mutually_exclusive_group()
    time.add_argument(
        "--total-s",
        type=seconds,
        metavar="S",
        help="seconds of a stream; one that a fold makes shorter gets its part",
    )
    time.add_argument(
        "--per-question-s",
        type=seconds,
        default=DEFAULT_PER_QUESTION_S,
        metavar="S",
        help="the same by question (default: %(default)s)",
    )
    time.add_argument("--unlimited", action="store_true", help="no limit of time; needs --match")
    add("--order", choices=[*Order], default=Order.RANDOM, help="default: %(default)s")
    add("--streams", type=_count, default=DEFAULT_STREAMS, metavar="M", help="default: %(default)s")
    add("--folds", type=_folds, default=DEFAULT_FOLDS, metavar="K", help="default: %(default)s")
    add("--trials", type=_count, default=DEFAULT_TRIALS, metavar="T", help=_TRIALS_HELP)
    add("--seed", type=_seed, default=0, metavar="X", help="of all luck (default: %(default)s)")
    add("--jobs", type=_count, default=cpu_count(), metavar="J", help="processes (default: cores)")
    add("--storage", type=_storage, metavar="FILE|URL", help=_STORAGE_HELP)
    add("--out", type=new_file, metavar="FILE.json", help="write the policy to use; overwrites")
    add("--json", type=new_file, metavar="FILE", help="write everything; overwrites")
    add("--track", metavar="DIR|wandb:PROJECT", help=TRACK_HELP)
    return parser


def _count(text: str) -> int:
    return whole_number(text, 1, MAX_SEED)


def _folds(text: str) -> int:
    return whole_number(text, 2, MAX_SEED)


def _seed(text: str) -> int:
    return whole_number(text, 0, MAX_SEED)


def _storage(text: str) -> str | Path:
    return text if "://" in text else new_file(text)


if __name__ == "__main__":
    sys.exit(main())
