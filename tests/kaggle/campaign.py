"""The fault campaign: thousands of streams through the real `predict`, on virtual time.

`python tests/kaggle/campaign.py --help` says how. Each stream meets faults of engines, gateways
and clocks that its seed draws; what was promised is reckoned from outside.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))  # for what suites share
sys.path.insert(0, str(Path(__file__).parent))

from fault_streams import FAULTS, NO_FAULT, QUESTIONS, Counts, FaultStream, Outcome

from engine.options import count, count_or_zero
from simulations.workers import Backend, scatter
from terminal.command import Parser, announce, new_file
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_CHUNK = 20
"""Streams that a worker plays at a time."""

_WIDTH = 160
"""Columns that the table takes, on whatever terminal."""

_SHOWN = 20
"""Mishaps that are written out."""

_EPILOG = """A stream has several faults, so it counts in several rows of the table. The exit code
is 1 if anything that was promised did not hold; what that was is written out with the stream's
number, and the same seed plays it again.

examples:
  the slice that the test suite plays:
    python tests/kaggle/campaign.py --streams 200
  all of it, on four processes, with every stream's outcome beside the table:
    python tests/kaggle/campaign.py --streams 10000 --workers 4 --json campaign.json
"""


class Row(Counts, kw_only=True):
    """What came of all streams that met one fault.

    Attributes:
        fault: Its name.
        streams: How many.
        least_left_s: The least that a stream had left, in seconds.
        least_left: The least that a stream had left, as a share of its total.
    """

    fault: str
    streams: int = 0
    least_left_s: float = float("inf")
    least_left: float = float("inf")

    def add(self, outcome: Outcome) -> None:
        """Count a stream."""
        self.streams += 1
        for name in Counts.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(outcome, name))
        self.least_left_s = min(self.least_left_s, outcome.left_s)
        self.least_left = min(self.least_left, outcome.left_s / outcome.total_s)

    @property
    def broken(self) -> int:
        """How often something that was promised did not hold."""
        return sum(getattr(self, name) for name in _PROMISED)


_PROMISED = ("overruns", "unanswered", "wrong_shapes", "late", "changed", "unbalanced")


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        seed: Of everything.
        seconds: That it took.
        all: Every stream once.
        by_fault: A row a fault.
        outcomes: Every stream's own.
    """

    seed: int
    seconds: float
    all: Row
    by_fault: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(cls, seed: int, seconds: float, outcomes: Iterable[Outcome]) -> Campaign:
        """Add the streams up."""
        told = tuple(sorted(outcomes, key=lambda outcome: outcome.stream))
        total = Row(fault="all")
        rows: defaultdict[str, Row] = defaultdict(lambda: Row(fault=""))
        for outcome in told:
            total.add(outcome)
            for fault in outcome.faults:
                rows[fault].fault = fault
                rows[fault].add(outcome)
        named = (NO_FAULT, *map(str, FAULTS))
        by_fault = tuple(rows[name] for name in named if name in rows)
        return cls(seed=seed, seconds=seconds, all=total, by_fault=by_fault, outcomes=told)

    def table(self) -> Table:
        """Show it by fault."""
        table = Table(
            title=f"{self.all.streams:,} streams of {QUESTIONS} questions, seed {self.seed}",
            caption=f"the least that a stream had left: {self.all.least_left:.2%} of its total, "
            f"{self.all.least_left_s:.2f} s",
        )
        table.add_column("fault", no_wrap=True)
        for name in ("streams", "calls", "after total", "right", "overruns", "unanswered"):
            table.add_column(name, justify="right", no_wrap=True)
        for name in ("wrong shape", "late", "changed", "unbalanced", "least left"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.by_fault:
            table.add_row(*_cells(row))
        table.add_section()
        table.add_row(*_cells(self.all))
        return table


def _cells(row: Row) -> Iterator[str]:
    yield row.fault
    yield from (f"{count:,}" for count in (row.streams, row.calls, row.after_total))
    yield f"{row.right / max(1, row.calls):.0%}"
    yield from (f"{getattr(row, name):,}" for name in _PROMISED)
    yield f"{row.least_left:.2%}"


def play_streams(seed: int, first: int, count: int) -> list[Outcome]:
    """Play some streams in a thread that is not the main one, as gateways call.

    An interruption then meets whoever waits here, not `predict`, which would answer it.
    """
    outcomes: list[Outcome] = []

    def play() -> None:
        outcomes.extend(FaultStream(seed, number).play() for number in range(first, first + count))

    gateway = Thread(target=play, name="gateway", daemon=True)
    gateway.start()
    while gateway.is_alive():
        gateway.join(0.2)
    if len(outcomes) != count:
        raise RuntimeError(f"seed {seed}: a stream from {first} on was not played to its end")
    return outcomes


def play_campaign(seed: int, streams: int, workers: int) -> Campaign:
    """Play all of it, or what is played when somebody interrupts."""
    began_s = monotonic()
    outcomes: list[Outcome] = []
    calls = [(seed, n, min(_CHUNK, streams - n)) for n in range(0, streams, _CHUNK)]
    with progress(f"playing {streams} streams", streams) as report, suppress(KeyboardInterrupt):
        for part in scatter(play_streams, calls, jobs=workers, backend=Backend.LOKY):
            outcomes += part
            report(len(outcomes))
    return Campaign.of(seed, monotonic() - began_s, outcomes)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(argv)
    campaign = play_campaign(options.seed, options.streams, options.workers)
    Console(soft_wrap=True, width=_WIDTH).print(campaign.table())
    told = [(one.stream, mishap) for one in campaign.outcomes for mishap in one.mishaps]
    for stream, mishap in told[:_SHOWN]:
        sys.stderr.write(f"stream {stream}: {mishap}\n")
    if options.json is not None:
        write_whole(options.json, msgspec.json.encode(campaign))
    announce(options.json)
    if campaign.all.streams < options.streams:
        sys.stderr.write(f"stopped after {campaign.all.streams} of {options.streams} streams\n")
        return 1
    return 1 if campaign.all.broken else 0


def _parser() -> Parser:
    parser = Parser(
        prog="python tests/kaggle/campaign.py",
        description="Play streams with faults through the real predict, on virtual time.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--streams", type=count, default=200, metavar="N", help="how many (default: %(default)s)")
    add(
        "--seed",
        type=count_or_zero,
        default=0,
        metavar="N",
        help="of all luck (default: %(default)s)",
    )
    add("--workers", type=count, default=1, metavar="N", help="processes (default: %(default)s)")
    add("--json", type=new_file, metavar="FILE", help="write everything there as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
