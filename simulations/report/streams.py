"""One stream of each policy on a replay's page: where its time went, and its questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.report.blocks import Block, blocks_of
from simulations.report.lanes import Lanes, stream_lanes
from simulations.report.run_look import USES, kind_of
from simulations.report.run_tables import LEAST_S, Part, parts_of, summary
from simulations.results_table import number_of
from simulations.runs import share_out
from simulations.runs.uses import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.runs import Run

_MOST_SAMPLES = 6000  # whose lanes a page carries, some 300 bytes each


@dataclass(frozen=True, slots=True)
class UseColumn:
    """A use of time: its CSS class, name and meaning."""

    kind: str
    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One policy's stream.

    Attributes:
        policy: As it was given.
        line: How it went, in a sentence or two.
        first: Seconds of the first use, for sorting.
        parts: Of its time.
        cells: Seconds of each use that occurs in any stream.
        lanes: A bar a question.
        blocks: Its questions with their samples; empty where there are too many.
    """

    policy: str
    line: str
    first: str
    parts: tuple[Part, ...]
    cells: tuple[str, ...]
    lanes: Lanes
    blocks: list[Block]


def streams_shown(runs: Sequence[Run]) -> tuple[list[UseColumn], list[StreamRow]]:
    """Return the uses that occur in any of the streams, and a row a stream, in their order."""
    wholes = [share_out(run).whole for run in runs]
    met = [use for use in USES if any(whole.get(use, 0.0) >= LEAST_S for whole in wholes)]
    rows, carried = [], 0
    for place, (run, whole) in enumerate(zip(runs, wholes, strict=True), 1):
        carried += sum(len(question.samples) for question in run.questions)
        shown = carried <= _MOST_SAMPLES
        prefix = f"p{place}"
        rows.append(
            StreamRow(
                policy=run.name,
                line=summary(run),
                first=number_of(whole.get(met[0], 0.0), 2),
                parts=parts_of(whole),
                cells=tuple(number_of(whole.get(use, 0.0), 2) for use in met),
                lanes=stream_lanes(run, prefix if shown else None),
                blocks=blocks_of(run, prefix) if shown else [],
            )
        )
    return [UseColumn(kind_of(use), use.value, MEANINGS[use]) for use in met], rows
