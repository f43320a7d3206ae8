"""What a sweep is to play: a TOML file of grids, unfolded into cells."""

from __future__ import annotations

from hashlib import sha256
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Literal

import msgspec

from policies import parse_policy
from scheduler import CallerError, LatencyProfile
from simulations.bundled import DEFAULT_PROFILE, default_traces, read_profile
from simulations.pool import Pool
from simulations.pools import pools_of
from simulations.results import Settings
from simulations.settings import (
    DEFAULT_PER_QUESTION_S,
    DEFAULT_STREAMS,
    MAX_SEED,
    Wish,
    settle,
)
from simulations.streams import Draw, Order
from simulations.tournament import Entry
from simulations.traces import read_trace


class SweepFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The TOML file; every list is one side of the grid.

    Attributes:
        policies: As `--policy` takes them.
        traces: Folders, each played by itself, or lists of folders played together; relative to
            the file. Without any, the bundled ones.
        profiles: As `--profile` takes them.
        per_question_s: Seconds a question, a total of N times so many; or "unlimited".
        orders: In which orders questions come.
        questions: Questions a stream; without it 50, or the pool.
        draw: Which logged samples the starts get.
        streams: Streams a model.
        seed: Seed of all draws.
        reserve_s: Kept at the end.
        floor_s: Kept for each later question.
        startup_s: Charged at the start.
        gateway_s: Charged between questions.
        out: The results, relative to the file; without it the file's name with `.parquet`.
    """

    policies: list[str]
    traces: list[str | list[str]] = []
    profiles: tuple[str, ...] = (DEFAULT_PROFILE,)
    per_question_s: tuple[float | Literal["unlimited"], ...] = (DEFAULT_PER_QUESTION_S,)
    orders: tuple[Order, ...] = (Order.RANDOM,)
    questions: int | None = None
    draw: Draw = Draw.RANDOM
    streams: int = DEFAULT_STREAMS
    seed: int = 0
    reserve_s: float = 0.0
    floor_s: float = 0.0
    startup_s: float = 0.0
    gateway_s: float = 0.0
    out: str | None = None


class TraceSet(msgspec.Struct, frozen=True):
    """Traces that are played together.

    Attributes:
        digests: Their digests, joined by commas.
        pools: One a model.
    """

    digests: str
    pools: list[Pool]


class Cell(msgspec.Struct, frozen=True):
    """One policy under one setting.

    Attributes:
        name: SHA-256 (hex) of all that its results depend on.
        entry: The policy.
        traces: What it is played on.
        profile: What the engine costs.
        settings: How it is played.
    """

    name: str
    entry: Entry
    traces: TraceSet
    profile: LatencyProfile
    settings: Settings


class Plan(msgspec.Struct, frozen=True):
    """A sweep to play.

    Attributes:
        out: Where its results go.
        cells: In the order of the grid, all different.
    """

    out: Path
    cells: list[Cell]


def read_plan(path: Path) -> Plan:
    """Read a sweep's file and all that it names.

    Raises:
        CallerError, TraceError, ValueError: one line naming the file, the field and the value.
    """
    try:
        sweep = msgspec.toml.decode(path.read_bytes(), type=SweepFile)
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise CallerError(f"{path}: {error}") from error
    _check(path, sweep)
    out = path.parent / sweep.out if sweep.out else path.with_suffix(".parquet")
    entries = [Entry(text, parse_policy(text)) for text in sweep.policies]
    profiles = [read_profile(name) for name in sweep.profiles]
    sets = [_read_set(path.parent, one) for one in sweep.traces or [str(default_traces())]]
    cells: dict[str, Cell] = {}
    for traces, profile, seconds, order in product(
        sets, profiles, sweep.per_question_s, sweep.orders
    ):
        settings = _settings(path, sweep, traces, profile, seconds, order)
        for entry in entries:
            name = _name(entry, traces, settings)
            cells.setdefault(name, Cell(name, entry, traces, profile, settings))
    return Plan(out, list(cells.values()))


def _check(path: Path, sweep: SweepFile) -> None:
    for field in ("policies", "profiles", "per_question_s", "orders"):
        if not getattr(sweep, field):
            raise CallerError(f"{path}, field {field}: must not be empty")
    for field in ("reserve_s", "floor_s", "startup_s", "gateway_s"):
        _check_seconds(path, field, getattr(sweep, field))
    for value in sweep.per_question_s:
        if value != "unlimited":
            _check_seconds(path, "per_question_s", value)
    for field in ("questions", "streams"):
        value = getattr(sweep, field)
        if value is not None and value < 1:
            raise CallerError(f"{path}, field {field}: must be at least 1, got {value}")
    if not 0 <= sweep.seed <= MAX_SEED:
        raise CallerError(f"{path}, field seed: must be from 0, got {sweep.seed}")


def _check_seconds(path: Path, field: str, value: float) -> None:
    if not (isfinite(value) and value >= 0.0):
        raise CallerError(f"{path}, field {field}: must be finite and at least 0, got {value!r}")


def _read_set(folder: Path, paths: str | list[str]) -> TraceSet:
    names = [paths] if isinstance(paths, str) else paths
    traces = [read_trace(folder / name) for name in names]
    return TraceSet(",".join(trace.digest for trace in traces), pools_of(traces))


def _settings(
    path: Path,
    sweep: SweepFile,
    traces: TraceSet,
    profile: LatencyProfile,
    seconds: float | Literal["unlimited"],
    order: Order,
) -> Settings:
    wish = Wish(
        questions=sweep.questions,
        total_s=None,
        per_question_s=None if seconds == "unlimited" else seconds,
        reserve_s=sweep.reserve_s,
        floor_s=sweep.floor_s,
        startup_s=sweep.startup_s,
        gateway_s=sweep.gateway_s,
        order=order.value,
        draw=sweep.draw.value,
        streams=sweep.streams,
        seed=sweep.seed,
    )
    try:
        return settle(wish, profile, traces.pools)
    except CallerError as error:
        raise CallerError(f"{path}, field {error}") from error


def _name(entry: Entry, traces: TraceSet, settings: Settings) -> str:
    return sha256(msgspec.json.encode([entry, traces.digests, settings])).hexdigest()
