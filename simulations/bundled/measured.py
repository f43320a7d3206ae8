"""What a measurement folder holds about time, read strictly enough to fail with one line."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import msgspec
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from polars._typing import PolarsDataType


class TimedSample(msgspec.Struct, frozen=True):
    """One timed generation; times in seconds since its stage began, as the client saw them."""

    question_id: str
    prompt_tokens: int
    n: int
    t_submit: float
    t_first: float
    t_end: float
    slot: int | None = None


class Load(msgspec.Struct, frozen=True):
    """A stage that decoded many samples at once; see the measurement's own README."""

    width: int
    wall_s: float
    samples: tuple[TimedSample, ...]
    rep: int | None = None


class Abort(msgspec.Struct, frozen=True):
    """A stage that stopped all but `keep` of `width` running samples."""

    width: int
    keep: int
    first_light_step_after_abort_s: float
    step_ms_after: float


class Ttft(msgspec.Struct, frozen=True):
    """One time to the first token, new or with a cached prefix, beside `load` running samples."""

    prompt_tokens: int
    hit: bool
    load: int
    ttft_s: float


class Stages(msgspec.Struct, frozen=True):
    """The stages of one run that the fit reads; a run may lack some."""

    warmup: tuple[Load, ...] = ()
    width: tuple[Load, ...] = ()
    stagger: tuple[Load, ...] = ()
    abort: tuple[Abort, ...] = ()
    ttft: tuple[Ttft, ...] = ()


class EngineArgs(msgspec.Struct, frozen=True):
    """The engine's settings that bound what runs at once."""

    max_num_seqs: int


class Run(msgspec.Struct, frozen=True):
    """One engine start with everything timed on it."""

    engine_start_s: float
    import_all_s: float
    engine_args: EngineArgs
    stages: Stages


class Timings(msgspec.Struct, frozen=True):
    """The runs of `timings.json`."""

    run1: Run
    run2: Run

    def named(self, names: tuple[str, ...]) -> dict[str, Run]:
        """Give the runs of these names."""
        return {name: getattr(self, name) for name in names}


STEP_COLUMNS: Mapping[str, PolarsDataType] = {
    "run": pl.String,
    "stage": pl.String,
    "engine_s": pl.Float64,
    "frontend_s": pl.Float64,
    "n_requests": pl.Int64,
}
PROBE_COLUMNS: Mapping[str, PolarsDataType] = {"probe_tokens": pl.Int64}


def read_timings(folder: Path) -> Timings:
    """Read `timings.json`.

    Raises:
        ValueError: one line naming the file and the field.
    """
    path = folder / "timings.json"
    try:
        # Not strict: the engine's arguments were logged as strings.
        return msgspec.json.decode(_bytes(path), type=Timings, strict=False)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path}: {error}") from error


def read_table(path: Path, columns: Mapping[str, PolarsDataType]) -> pl.DataFrame:
    """Read these columns of a parquet file, cast to these types.

    Raises:
        ValueError: one line naming the file and what is wrong with it.
    """
    try:
        frame = pl.read_parquet(BytesIO(_bytes(path)))
        return frame.select(pl.col(name).cast(dtype) for name, dtype in columns.items())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
