"""Reports how fast replay and the core are here; asserts nothing.

Run `python tests/benchmarks/speed.py`; add `--json` for the figures alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from joblib import cpu_count

from policies import parse_policy
from scheduler import (
    Allowance,
    AnyAction,
    AnyEvent,
    Policy,
    QuestionOpened,
    QuestionView,
    Reason,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    Scheduler,
    TimeBudget,
)
from simulations.bundled import DEFAULT_PROFILE, default_traces, read_profile
from simulations.pools import pools_of
from simulations.results import Settings
from simulations.tournament import Entry, run
from simulations.traces import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 64
REPEATS = 200


class Watch(Policy):
    """Starts 64 samples, hears of their progress and waits."""

    progress_every_tokens = 32

    def request(self, view: QuestionView) -> Allowance:
        """Ask for the width."""
        del view
        return Allowance(width=WIDTH)

    def decide(self, view: QuestionView) -> list[AnyAction]:
        """Start all, then look at the margin."""
        if not view.started:
            return [*view.start(WIDTH, Reason.WIDEN)]
        return [view.submit(Reason.LEAD)] if view.tally.margin >= WIDTH else []


EVENTS: dict[str, Callable[[int], AnyEvent]] = {
    "finish": lambda sample: SampleFinished(
        at_s=1.0, position=0, sample=sample, answer=str(sample % 7), tokens=90
    ),
    "progress": lambda sample: SampleProgressed(
        at_s=1.0, position=0, sample=sample, tokens=32, mean_entropy=0.3, tail_entropy=0.2
    ),
}


def replay_streams(streams: int, jobs: int) -> float:
    """Return fifty-question streams with `clamp` a minute."""
    pools = pools_of([read_trace(default_traces())])
    settings = Settings(
        profile=DEFAULT_PROFILE,
        profile_digest="",
        questions=50,
        total_s=100.0,
        order="random",
        draw="random",
        streams=streams,
        seed=0,
    )
    entries = [Entry("clamp", parse_policy("clamp"))]
    profile = read_profile(DEFAULT_PROFILE)
    begin = perf_counter()
    run(pools, [], entries, profile, settings, jobs=jobs, advance=lambda _: None)
    return 60.0 * streams / (perf_counter() - begin)


def core_event(kind: str) -> float:
    """Return microseconds of one event while 64 samples run, its making included."""
    profile = read_profile(DEFAULT_PROFILE)
    spent_s, events = 0.0, 0
    for _ in range(REPEATS):
        scheduler = Scheduler(Watch(), TimeBudget(1e6, questions=1), profile)
        scheduler.open(QuestionOpened(at_s=0.0, question_id="q"))
        for sample in range(WIDTH):
            scheduler.handle(SampleStarted(at_s=0.0, position=0, sample=sample))
        begin = perf_counter()
        for sample in range(WIDTH - 1):
            scheduler.handle(EVENTS[kind](sample))
        spent_s += perf_counter() - begin
        events += WIDTH - 1
    return 1e6 * spent_s / events


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Report how fast replay and the core are here.")
    parser.add_argument("--streams", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    jobs = cpu_count()
    replay_streams(200, 1)
    few_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    many = replay_streams(arguments.streams, 1)
    many_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {
        "streams_per_minute_1_process": round(many),
        f"streams_per_minute_{jobs}_processes": round(replay_streams(arguments.streams, jobs)),
        "core_finish_event_us": round(core_event("finish"), 2),
        "core_progress_event_us": round(core_event("progress"), 2),
        "peak_memory_mib_200_streams": round(few_mib),
        f"peak_memory_mib_{arguments.streams}_streams": round(many_mib),
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<40}{value:>12}")


if __name__ == "__main__":
    sys.exit(main())
