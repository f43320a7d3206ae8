"""Playing a sweep: cell by cell, on any number of workers, resumable after a kill.

Each finished cell is a file of its own beside the results until the whole sweep is done, written
under another name and renamed, so that a kill at any moment loses only the cells that were
running. The workers write these files; where they share no disk with us, we do when their
results arrive. At the end all become one Parquet file, the grid's cells in its order, then those
that earlier grids left there.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from scheduler import CallerError
from simulations.packing import PackedPools, pack, unpack
from simulations.sweep_table import SCHEMA, cell_rows
from simulations.tournament import Block, Entry, draw_streams, play_policies
from simulations.workers import Backend, scatter
from terminal.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from scheduler import LatencyProfile
    from simulations.results import Settings
    from simulations.sweep_plan import Cell, Plan


def run_sweep(
    plan: Plan, *, jobs: int, backend: Backend, advance: Callable[[int], None]
) -> pl.DataFrame:
    """Play what is missing of a sweep and write its results.

    Args:
        plan: What to play and where the results go.
        jobs: Workers at once.
        backend: Who runs them.
        advance: Told how many cells are done, those found done included.

    Returns:
        The rows of all cells.

    Raises:
        CallerError: if the results cannot be read back.
    """
    parts = plan.out.with_name(f"{plan.out.name}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    earlier = _read(plan.out) if plan.out.exists() else pl.DataFrame(schema=SCHEMA)
    done = set(earlier["cell"].unique()) | {path.stem for path in parts.glob("*.parquet")}
    missing = [cell for cell in plan.cells if cell.name not in done]
    count = len(plan.cells) - len(missing)
    advance(count)
    packed: dict[str, PackedPools] = {}
    for cell in missing:
        if cell.traces.digests not in packed:
            packed[cell.traces.digests] = pack(cell.traces.digests, cell.traces.pools)
    calls = [_call(cell, packed[cell.traces.digests], parts) for cell in missing]
    for name, rows in scatter(play_cell, calls, jobs=jobs, backend=backend):
        part = parts / f"{name}.parquet"
        if not part.exists():
            _write(part, rows)
        count += 1
        advance(count)
    rows = _merge(plan.cells, earlier, parts)
    _write(plan.out, rows)
    for path in parts.iterdir():
        path.unlink()
    parts.rmdir()
    return rows


def play_cell(
    name: str,
    entry: Entry,
    packed: PackedPools,
    profile: LatencyProfile,
    settings: Settings,
    part: Path,
) -> tuple[str, pl.DataFrame]:
    """Play one cell and keep its rows in a file, if its folder is within reach.

    Returns:
        The cell's name and rows.
    """
    pools = unpack(packed)
    sums = {}
    for pool in pools:
        streams = draw_streams(Block(pool, 0, settings.streams), settings)
        sums[pool.model] = play_policies(pool, streams, [entry], profile, settings)[0]
    rows = cell_rows(name, entry.name, packed.name, settings, pools, sums)
    if part.parent.is_dir():
        _write(part, rows)
    return name, rows


def _call(cell: Cell, packed: PackedPools, parts: Path) -> tuple[object, ...]:
    part = (parts / f"{cell.name}.parquet").absolute()
    return cell.name, cell.entry, packed, cell.profile, cell.settings, part


def _merge(cells: Iterable[Cell], earlier: pl.DataFrame, parts: Path) -> pl.DataFrame:
    by_cell = {str(key): rows for (key,), rows in earlier.group_by("cell", maintain_order=True)}
    for path in parts.glob("*.parquet"):
        by_cell[path.stem] = _read(path)
    ordered = [by_cell.pop(cell.name) for cell in cells]
    return pl.concat([*ordered, *(by_cell[name] for name in sorted(by_cell))])


def _read(path: Path) -> pl.DataFrame:
    try:
        rows = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CallerError(f"{path}: is no results of a sweep: {error}") from error
    if rows.schema != SCHEMA:
        raise CallerError(f"{path}: is no results of a sweep: other columns")
    return rows


def _write(path: Path, rows: pl.DataFrame) -> None:
    """Write a table whole or not at all."""
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    write_whole(path, buffer.getvalue())
