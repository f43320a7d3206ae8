"""Writing the page: one file that needs no other, and no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from simulations.report.blocks import outcome_kinds, sample_kinds
from simulations.report.burn_down import burn_down_picture
from simulations.report.look import colour_of, shape_of
from simulations.report.macros import MACROS
from simulations.report.run_look import COLOURS
from simulations.report.scatter import time_picture, token_picture
from simulations.report.streams import stream_rows, use_columns
from simulations.report.template import HEAD, REPORT, TAIL
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
    rows = stream_rows(streams)
    models = results.policies[0].by_model
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        HEAD + MACROS + REPORT + TAIL
    )
    return template.render(
        title=_TITLE,
        summary=_summary(results),
        policies=results.policies,
        colours=[colour_of(place) for place in places],
        shapes=[shape_of(place) for place in places],
        pictures=drawn,
        grids=grids(results),
        legend=legend(results),
        reasons=_reasons(results),
        streams=rows,
        uses=use_columns(streams),
        of_model=f" of {streams[0].header.model}" if streams and len(models) > 1 else "",
        outcome_kinds=outcome_kinds(streams),
        sample_kinds=sample_kinds([block for row in rows for block in row.blocks]),
        colours_of_kinds=COLOURS,
        facts=facts(results, digest_length=None),
        pieces=pieces,
        command=command,
        bundle=Markup(scripts()),  # noqa: S704 - our own dependency
        specs=script_json([picture.spec for picture in drawn]),
    )


def scripts() -> str:
    """Return Vega, Vega-Lite and the function `vegaEmbed`, all in one."""
    return vl_convert.javascript_bundle()  # type: ignore[call-arg] # its stub lacks the default


def script_json(value: object) -> Markup:
    """Write JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - no tag can begin without a "<"


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
