"""The command, in-process: tables, files, and one clear line for what is wrong."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl
import pytest

from simulations.compare.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Rows = Callable[..., pl.DataFrame]
    Save = Callable[..., Path]


def test_tables_fit_eighty_columns_and_name_everything(
    sweep: Rows, saved: Save, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is wider, no column collapses, and all sections are there."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main([str(saved(sweep()))]) == 0
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert not re.search(r"…(?:\s|$)", shown)
    for title in ("Policies with 3,000 s", "Cost to match", "Wins against", "large: Policies"):
        assert title in shown
    for word in ("accuracy", "ratio of", "reached", "better/", "hausted", "share:width=16,"):
        assert word in shown


def test_equal_inputs_give_equal_bytes(sweep: Rows, saved: Save, tmp_path: Path) -> None:
    """JSON and page are the same from one run to the next; another seed changes intervals."""
    rows = saved(sweep())
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        files = ["--json", str(tmp_path / f"{name}.json")]
        assert main([str(rows), "--seed", seed, *files]) == 0
    one, two, other = ((tmp_path / f"{name}.json").read_bytes() for name in "abc")
    assert one == two != other
    found = json.loads(one)
    assert found["format"] == 1
    assert list(found) == ["format", "seed", "resamples", "level", "contexts"]
    assert str(tmp_path).encode() not in one


def test_a_file_given_twice_changes_nothing(sweep: Rows, saved: Save, tmp_path: Path) -> None:
    """Equal duplicates are merged before anything is compared."""
    rows, copy = saved(sweep()), saved(sweep(), "copy.parquet")
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    assert main([str(rows), "--json", str(one)]) == 0
    assert main([str(rows), str(copy), "--json", str(two)]) == 0
    assert one.read_bytes() == two.read_bytes()


def test_the_page_holds_two_pictures_a_context(
    sweep: Rows, saved: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is loaded from elsewhere, every policy is in the key, fronts are steps."""
    idle = ("null", 0.0, 0, 0.0)
    rows = pl.concat(
        [sweep(), sweep(terms={"order": "hard-first"}, played=[("lead", 0.1, 900, 9.0), idle])]
    )
    page = tmp_path / "page.html"
    assert main([str(saved(rows)), "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count('class="chart"') == 4
    assert text.count('"interpolate":"step-after"') == 8
    assert "Context 2 of 2" in text
    assert "Not drawn, for they spend no token: null." in text
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!data:)', markup)
    assert f"wrote {page}" in capsys.readouterr().err


def test_hostile_names_stay_text(sweep: Rows, saved: Save, tmp_path: Path) -> None:
    """Neither a policy nor a model can end a tag or a script, nor be markup in a terminal."""
    rows = sweep(
        played=[("</script><b>:[red]=1", 0.0, 5, 4.0)], models=("<i>", "[/nothing]"), totals=(None,)
    )
    page = tmp_path / "page.html"
    assert main([str(saved(rows)), "--html", str(page)]) == 0
    assert "<b>:" not in page.read_text(encoding="utf-8")
    assert "<i>" not in page.read_text(encoding="utf-8").partition("<script>")[0]


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--seed", "x"], ["--json", "/no/where"]])
def test_bad_arguments_are_one_line(
    sweep: Rows, saved: Save, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """The line names the argument and the value; the exit code is 2."""
    with pytest.raises(SystemExit) as left:
        main([str(saved(sweep())), *arguments])
    assert left.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert arguments[0] in line
    assert repr(arguments[1]) in line


def test_bad_files_are_one_line(
    sweep: Rows, saved: Save, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contradiction in a file leaves by exit code 2 and a line that names it."""
    path = saved(sweep().with_columns(plays=-pl.col("plays")))
    assert main([str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.err == f"error: {path}, row 1, column plays: must be at least 1, got -40\n"
    assert shown.out == ""


def test_help_teaches_by_example(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows commands that can be copied."""
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert "python -m simulations.compare sweep.parquet --json" in capsys.readouterr().out
