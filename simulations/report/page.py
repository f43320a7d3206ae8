"""Writing the page: one file that needs no other, and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.report.blocks import outcome_kinds, sample_kinds
from simulations.report.burn_down import burn_down_picture
from simulations.report.look import colour_of, shape_of
from simulations.report.macros import MACROS
from simulations.report.rendering import render
from simulations.report.run_look import COLOURS
from simulations.report.scatter import time_picture, token_picture
from simulations.report.streams import streams_shown
from simulations.report.template import REPORT
from simulations.results_table import facts, grids, legend, pieces
from terminal.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulations.results import Results
    from simulations.runs import Run

_TITLE = "What a replay's time bought"


def write_report(results: Results, path: Path, command: str, streams: Sequence[Run] = ()) -> None:
    """Write the report of a replay, whole or not at all; equal arguments give equal bytes.

    Args:
        results: What the replay found.
        path: The HTML file; its folder must be there.
        command: What made the results, to be shown.
        streams: One of each policy, in their order, to be shown in detail; none leaves that out.

    Raises:
        OSError: if the disk refuses.
    """
    write_whole(path, report_page(results, command, streams).encode())


def report_page(results: Results, command: str, streams: Sequence[Run] = ()) -> str:
    """Return the page that `write_report` writes."""
    drawn = [time_picture(results), token_picture(results), burn_down_picture(results)]
    places = range(len(results.policies))
    columns, rows = streams_shown(streams)
    models = results.policies[0].by_model
    return render(
        MACROS + REPORT,
        {
            "summary": _summary(results),
            "policies": results.policies,
            "colours": [colour_of(place) for place in places],
            "shapes": [shape_of(place) for place in places],
            "pictures": drawn,
            "grids": grids(results),
            "legend": legend(results),
            "reasons": _reasons(results),
            "streams": rows,
            "uses": columns,
            "of_model": f" of {streams[0].header.model}" if streams and len(models) > 1 else "",
            "outcome_kinds": outcome_kinds(streams),
            "sample_kinds": sample_kinds([block for row in rows for block in row.blocks]),
            "colours_of_kinds": COLOURS,
            "facts": facts(results, digest_length=None),
            "pieces": pieces,
        },
        title=_TITLE,
        command=command,
        pictures=drawn,
    )


def _summary(results: Results) -> str:
    settings = results.settings
    models = len({trace.model for trace in results.traces})
    samples = sum(trace.samples for trace in results.traces)
    limit = "without a time limit" if settings.total_s is None else f"of {settings.total_s:,g} s"
    return (
        f"{_counted(len(results.policies), 'policy', 'policies')} replayed on "
        f"{_counted(settings.streams, 'stream', 'streams')} {limit}"
        f"{' for each of ' + str(models) + ' models' if models > 1 else ''}, "
        f"{_counted(settings.questions, 'question', 'questions')} a stream, drawn from "
        f"{_counted(samples, 'logged sample', 'logged samples')}."
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _reasons(results: Results) -> list[str]:
    """Return every reason that occurs, the most frequent first."""
    counts: dict[str, int] = {}
    for policy in results.policies:
        for reason, count in policy.reasons.items():
            counts[reason] = counts.get(reason, 0) + count
    return sorted(counts, key=lambda reason: (-counts[reason], reason))
