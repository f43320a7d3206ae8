"""Making a trace of journals, so that every live run feeds the next fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scheduler import JournalHeader
from simulations.traces.errors import TraceError, shown
from simulations.traces.header import Header
from simulations.traces.journal_lines import journal_lines
from simulations.traces.journal_rows import JournalRows
from simulations.traces.journal_samples import JournalFollower, unheard
from simulations.traces.read import read_profile_file
from simulations.traces.schema import CHECKPOINTS, QUESTIONS, SAMPLES, SEGMENTS
from simulations.traces.write import require_replaceable, write_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from simulations.traces.folder import Trace


class JournalsMade(NamedTuple):
    """What became of journals.

    Attributes:
        trace: As written.
        notes: What was left out and why, a line each.
    """

    trace: Trace
    notes: tuple[str, ...]


def from_journals(
    journals: Sequence[str | PathLike[str]],
    dst: str | PathLike[str],
    name: str | None = None,
    profile: str | PathLike[str] | None = None,
    *,
    progress: Callable[[int], object] | None = None,
) -> JournalsMade:
    """Make a trace of journals of one model.

    Args:
        journals: Files, plain or gzip, in the order in which their questions are numbered; the
            samples of a question that comes again are numbered on.
        dst: The trace's folder; a trace that is there already is replaced.
        name: A word for tables; by default the folder's name.
        profile: File of the latency profile to put beside; by default none.
        progress: Called now and then with the number of bytes read so far.

    Raises:
        TraceError: `<file> line <n>: <what is wrong>`; nothing is written then.
        OSError: if the disk refuses.
    """
    folder = Path(dst)
    require_replaceable(folder)
    latency = None if profile is None else read_profile_file(Path(profile))
    _require_different(journals)
    rows = JournalRows()
    headers: list[JournalHeader] = []
    notes: list[str] = []
    size = 0
    for path in map(Path, journals):
        follower = _follow(path, notes, _counting_on(progress, size))
        size += path.stat().st_size
        _require_alike(follower.header, headers, path)
        headers.append(follower.header)
        late = rows.late_checkpoints
        rows.add(follower.openings, str(path))
        _note(notes, path, follower.unplaced_probes, "probes whose age is unknown")
        _note(notes, path, rows.late_checkpoints - late, "checkpoints past their sample's end")
        _note(notes, path, unheard(follower.openings), "samples of which nothing was heard")
        without = sum(all(s.tokens is None for s in o.samples) for o in follower.openings)
        _note(notes, path, without, "questions without a sample")
    if not rows.samples:
        raise TraceError(f"{journals[-1]}: must tell of at least one sample, tells of none")
    columns = rows.columns()
    segments = columns.get(SEGMENTS.name)
    trace = write_trace(
        folder,
        _header(name or folder.resolve().name, headers, journals),
        SAMPLES.frame(columns[SAMPLES.name]),
        CHECKPOINTS.frame(columns[CHECKPOINTS.name]),
        QUESTIONS.frame(columns[QUESTIONS.name]),
        None if segments is None else SEGMENTS.frame(segments),
        latency,
    )
    return JournalsMade(trace, tuple(notes))


def _counting_on(
    progress: Callable[[int], object] | None, before: int
) -> Callable[[int], object] | None:
    return progress and (lambda done: progress(before + done))


def _follow(
    path: Path, notes: list[str], progress: Callable[[int], object] | None
) -> JournalFollower:
    follower: JournalFollower | None = None
    for where, line in journal_lines(path, notes, progress):
        if isinstance(line, JournalHeader):
            follower = JournalFollower(line)
        elif follower is not None:
            follower.take(line, where)
    assert follower is not None  # noqa: S101 - the header comes first
    return follower


def _require_different(journals: Sequence[str | PathLike[str]]) -> None:
    """Refuse a journal that comes twice: its samples would count twice."""
    seen: set[Path] = set()
    for journal in journals:
        real = Path(journal).resolve()
        if real in seen:
            raise TraceError(f"{journal}: comes twice")
        seen.add(real)


def _require_alike(header: JournalHeader, before: Sequence[JournalHeader], path: Path) -> None:
    """Refuse a journal of another model, or with another arm of the same name."""
    if not before:
        return
    first = before[0]
    if header.model != first.model:
        raise TraceError(
            f"{path} line 1, field model: must be {shown(first.model)} as in the first journal, "
            f"got {shown(header.model)}"
        )
    for other in before:
        for arm in header.arms.keys() & other.arms.keys():
            if header.arms[arm] != other.arms[arm]:
                raise TraceError(
                    f"{path} line 1, field arms.{arm}: must be {shown(other.arms[arm])} as in an "
                    f"earlier journal, got {shown(header.arms[arm])}"
                )


def _note(notes: list[str], path: Path, count: int, what: str) -> None:
    if count:
        notes.append(f"{path}: {count} {what}, left out")


def _header(
    name: str, headers: Sequence[JournalHeader], journals: Sequence[str | PathLike[str]]
) -> Header:
    commits = [
        f"{header.commit}-dirty" if header.commit and header.dirty else header.commit
        for header in headers
    ]
    return Header(
        name=name,
        model=headers[0].model,
        engine=_same([header.engine for header in headers]),
        gpu=_same([header.gpu for header in headers]),
        arms={arm: settings for header in headers for arm, settings in header.arms.items()},
        commit=_same(commits),
        source=", ".join(Path(journal).name for journal in journals),
        created_by="simulations.traces from-journal",
    )


def _same(values: Sequence[str | None]) -> str | None:
    """Return what all have in common; None where they differ."""
    return values[0] if len(set(values)) == 1 else None
