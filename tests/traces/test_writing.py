"""Writing checks first, and writes the whole trace or nothing."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pytest

from scheduler.latency import Decode, LatencyProfile
from simulations.traces import SAMPLES, TraceError, read_trace, write_trace

if TYPE_CHECKING:
    from simulations.traces import Header

Tables = dict[str, Any]  # name to frame; unpacked into arguments of several types


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder tree with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_everything_comes_back(tmp_path: Path, header: Header, tables: Tables) -> None:
    """Header, tables, segments, features and profile are read as they were written."""
    profile = LatencyProfile(name="p", decode=Decode(width=(1, 8), step_s=(0.01, 0.02)))
    written = write_trace(tmp_path / "new" / "deep" / "t", header, **tables, profile=profile)
    read = read_trace(str(tmp_path / "new" / "deep" / "t"))
    assert read.header == written.header
    assert read.header == msgspec.structs.replace(header, digest=read.digest)
    assert (read.name, read.profile) == ("small", profile)
    for name, frame in tables.items():
        assert getattr(read, name).equals(frame)
        assert getattr(written, name).equals(frame)


def test_what_was_not_logged_is_none(tmp_path: Path, header: Header, tables: Tables) -> None:
    """Without segments and profile there are no such files, and reading gives None."""
    del tables["segments"]
    write_trace(tmp_path / "t", header, **tables)
    read = read_trace(tmp_path / "t")
    assert (read.segments, read.profile) == (None, None)
    assert len(contents(tmp_path / "t")) == 4


def test_checkpoints_may_be_empty(tmp_path: Path, header: Header, tables: Tables) -> None:
    """A source without probes or entropies is a trace all the same."""
    tables["checkpoints"] = tables["checkpoints"].clear()
    write_trace(tmp_path / "t", header, **tables)
    assert read_trace(tmp_path / "t").checkpoints.height == 0


def test_rows_are_written_in_one_order(tmp_path: Path, header: Header, tables: Tables) -> None:
    """The files are sorted by their keys, whatever order the rows came in."""
    reversed_rows = {name: frame.reverse() for name, frame in tables.items()}
    write_trace(tmp_path / "t", header, **reversed_rows)
    assert pl.read_parquet(tmp_path / "t" / "checkpoints.parquet").equals(tables["checkpoints"])


def test_bad_row_is_named_as_it_was_given(tmp_path: Path, header: Header, tables: Tables) -> None:
    """The row in the message is the caller's, before sorting, and nothing is written."""
    tables["samples"] = tables["samples"].with_columns(tokens=pl.Series([1200, 900, -3])).reverse()
    expected = r"samples\.parquet row 1, column tokens: must be at least 0, got -3$"
    with pytest.raises(TraceError, match=expected):
        write_trace(tmp_path / "t", header, **tables)
    assert list(tmp_path.iterdir()) == []


def test_untyped_column_is_refused(tmp_path: Path, header: Header, tables: Tables) -> None:
    """A column of nothing but nulls needs its type too, as `Table.frame` gives it."""
    tables["samples"] = tables["samples"].with_columns(ended_s=pl.lit(None))
    with pytest.raises(TraceError, match=r"column ended_s: must be Float64, got Null$"):
        write_trace(tmp_path / "t", header, **tables)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ""}, "header.json, field model: must not be empty, got ''"),
        ({"format": 7}, "header.json, field format: must be 1, got 7"),
        ({"seeds": ["one"]}, "header.json, field seeds[0]: must be int, got 'one'"),
        (
            {"arms": {"plain": {"temperature": math.nan}}},
            "header.json, field arms.plain.temperature: must be finite, got nan",
        ),
    ],
)
def test_header_that_could_not_be_read_is_not_written(
    tmp_path: Path, header: Header, tables: Tables, changes: dict[str, object], message: str
) -> None:
    """A header built in Python passes the reader's checks before anything is written."""
    bad = msgspec.structs.replace(header, **changes)
    with pytest.raises(TraceError) as caught:
        write_trace(tmp_path / "t", bad, **tables)
    assert str(caught.value) == f"{tmp_path / 't'}/{message}"
    assert list(tmp_path.iterdir()) == []


def test_trace_is_replaced_whole(folder: Path, header: Header, tables: Tables) -> None:
    """Writing over a trace leaves no file of the old one behind."""
    del tables["segments"]
    write_trace(folder, header, **tables)
    assert read_trace(folder).segments is None
    assert not (folder / "profile.json").exists()
    assert [entry.name for entry in folder.parent.iterdir()] == ["small"]


def test_broken_trace_may_be_replaced(folder: Path, header: Header, tables: Tables) -> None:
    """A trace that can't be read any more is still a trace's folder."""
    (folder / "header.json").write_text("{")
    write_trace(folder, header, **tables)
    assert read_trace(folder).name == "small"


@pytest.mark.parametrize("inside", ["notes.txt", "samples.parquet", "header.json/x"])
def test_other_folders_are_never_replaced(
    tmp_path: Path, header: Header, tables: Tables, inside: str
) -> None:
    """A folder that isn't a trace's stays as it is, to the byte."""
    other = tmp_path / "other" / inside
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    with pytest.raises(TraceError, match=r"other: won't be replaced, for it holds "):
        write_trace(tmp_path / "other", header, **tables)
    assert contents(tmp_path) == {f"other/{inside}": b"mine"}


def test_trace_with_a_file_of_mine_is_not_replaced(
    folder: Path, header: Header, tables: Tables
) -> None:
    """A foreign file in a trace's folder is reason enough to keep it, though not to refuse it."""
    (folder / "README.md").write_text("mine")
    read_trace(folder)
    with pytest.raises(TraceError, match=r"holds 'README\.md', which is no part of a trace$"):
        write_trace(folder, header, **tables)


def test_file_in_the_way_is_not_replaced(tmp_path: Path, header: Header, tables: Tables) -> None:
    """A file under the folder's name is left alone."""
    (tmp_path / "t").write_text("mine")
    with pytest.raises(TraceError, match=r"t: must be a folder to be replaced by a trace$"):
        write_trace(tmp_path / "t", header, **tables)


def test_empty_folder_is_filled(tmp_path: Path, header: Header, tables: Tables) -> None:
    """A folder made beforehand is welcome."""
    (tmp_path / "t").mkdir()
    write_trace(tmp_path / "t", header, **tables)
    assert read_trace(tmp_path / "t").name == "small"


def test_link_keeps_pointing(folder: Path, header: Header, tables: Tables) -> None:
    """Writing through a link replaces what it points at, not the link."""
    link = folder.parent / "link"
    link.symlink_to(folder)
    del tables["segments"]
    write_trace(link, header, **tables)
    assert link.is_symlink()
    assert read_trace(folder).segments is None


@pytest.mark.parametrize("failing", ["write_bytes", "rename"])
def test_failure_leaves_the_old_trace(
    folder: Path, header: Header, tables: Tables, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """A full disk at the last file, or a failed rename, changes nothing and leaves no litter."""
    before = contents(folder.parent)
    true_rename = Path.rename

    def full(self: Path, *rest: object) -> Path:
        if failing == "rename" and self == folder:
            return true_rename(self, *rest)  # type: ignore[arg-type]
        if failing == "rename" and self.name.endswith(".old"):
            return true_rename(self, *rest)  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, failing, full)
    with pytest.raises(OSError, match="No space left"):
        write_trace(folder, header, **tables)
    monkeypatch.undo()
    assert contents(folder.parent) == before
    assert [entry.name for entry in folder.parent.iterdir()] == ["small"]


def test_odd_folder_names_are_no_patterns(folder: Path) -> None:
    """Brackets, stars and equals signs in a path mean themselves."""
    odd = folder.parent / "a=[1]*?"
    shutil.copytree(folder, odd)
    assert read_trace(odd).digest == read_trace(folder).digest


def test_frame_gives_the_types_of_the_table() -> None:
    """`Table.frame` fills absent columns with typed nulls and keeps strangers for the checks."""
    frame = SAMPLES.frame({"question_id": ["q"], "tokens": [5], "typo": [1]})
    assert frame.schema["ended_s"] == pl.Float64
    assert frame["arm"].to_list() == [None]
    assert "typo" in frame.columns


def test_frame_refuses_a_value_of_another_type() -> None:
    """A string is no number of tokens."""
    with pytest.raises(TypeError):
        SAMPLES.frame({"question_id": ["q"], "tokens": ["5"]})
