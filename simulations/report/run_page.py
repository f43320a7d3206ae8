"""Writing the page of one run: one file that needs no other, and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.report.blocks import blocks_of, outcome_kinds, sample_kinds
from simulations.report.lanes import stream_lanes
from simulations.report.macros import MACROS
from simulations.report.rendering import render
from simulations.report.run_burn_down import run_burn_down
from simulations.report.run_look import COLOURS
from simulations.report.run_tables import (
    QUESTION_COLUMNS,
    facts,
    parts_of,
    question_rows,
    reason_rows,
    summary,
    troubles,
)
from simulations.report.run_template import RUN
from simulations.results_table import number_of
from simulations.runs import share_out
from terminal.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.runs import Run

_TITLE = "How a run spent its time"


def write_run_report(run: Run, path: Path, command: str) -> None:
    """Write the page of a run, whole or not at all; equal arguments give equal bytes.

    Args:
        run: What its journal tells.
        path: The HTML file; its folder must be there.
        command: What makes the page, to be shown.

    Raises:
        OSError: if the disk refuses.
    """
    write_whole(path, _render(run, command).encode())


def _render(run: Run, command: str) -> str:
    shares = share_out(run)
    burn_down = run_burn_down(run)
    blocks = blocks_of(run)
    return render(
        MACROS + RUN,
        {
            "summary": summary(run),
            "colours_of_kinds": COLOURS,
            "parts": parts_of(shares.whole),
            "whole": number_of(sum(shares.whole.values()), 1),
            "burn_down": burn_down,
            "limited": run.total_s is not None,
            "stream": stream_lanes(run),
            "outcome_kinds": outcome_kinds([run]),
            "columns": QUESTION_COLUMNS,
            "rows": question_rows(run, shares),
            "reasons": reason_rows(run),
            "troubles": troubles(run),
            "sample_kinds": sample_kinds(blocks),
            "blocks": blocks,
            "facts": facts(run),
        },
        title=_TITLE,
        command=command,
        pictures=[burn_down],
    )
