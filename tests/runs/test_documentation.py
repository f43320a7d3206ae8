"""The page on reports shows what the commands say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulations import explain, replay
from simulations.runs import Use

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")


def test_every_use_is_defined() -> None:
    """The table has a line for each part that a page can show."""
    for use in Use:
        assert f"\n| {use.value} | " in PAGE


def test_the_story_is_the_one_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example's two commands, and their output word for word."""
    journal = str(tmp_path / "stream.jsonl")
    assert replay.main(["--policy", "clamp", "--streams", "1", "--journal", journal]) == 0
    capsys.readouterr()
    assert explain.main([journal, "--question", "gsm8k/282"]) == 0
    assert capsys.readouterr().out.replace("\u00a0", " ").strip() in PAGE.replace("\u00a0", " ")
