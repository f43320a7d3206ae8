"""The tune command says what is wrong with its input in one clear line."""

from __future__ import annotations

import fcntl
import sys
from typing import TYPE_CHECKING

import pytest

from simulations.tune import main

if TYPE_CHECKING:
    from pathlib import Path

BAD_ARGUMENTS = [
    ([], "the following arguments are required: --policy"),
    (["--policy", "laed"], "unknown policy 'laed': did you mean 'lead'?"),
    (["--policy", "null"], "policy 'null' has no knobs to tune"),
    (["--policy", "lead", "--knob", "widht"], "policy 'lead' has no knob 'widht': did you mean"),
    (["--policy", "lead:cap=9", "--knob", "cap"], "knob 'cap' is fixed by 'lead:cap=9' and cannot"),
    (["--policy", "self-consistency:k=4"], "policy 'self-consistency:k=4' fixes all its knobs"),
    (["--policy", "lead:widht=4"], "policy 'lead' has no parameter 'widht': did you mean 'width'?"),
    (["--policy", "lead:width=wide"], "policy 'lead', parameter width: "),
    (["--policy", "lead:width=65"], "parameter cap must be finite and at least 65, got 64"),
    (["--policy", "missing.json"], "missing.json: No such file or directory"),
    (["--policy", "lead", "--match", "laed"], "unknown policy 'laed'"),
    (["--policy", "lead", "--baseline", "lead:width=99"], "parameter cap must be finite and"),
    (["--policy", "lead", "--unlimited"], "argument --unlimited: needs --match"),
    (["--policy", "lead", "--unlimited", "--total-s", "3"], "not allowed with argument"),
    (["--policy", "lead", "--folds", "7"], "argument --folds: must be at most the 6 questions"),
    (["--policy", "lead", "--folds", "1"], "argument --folds: must be a whole number from 2"),
    (["--policy", "lead", "--trials", "0"], "argument --trials: must be a whole number from 1"),
    (["--policy", "lead", "--streams", "0"], "argument --streams: must be a whole number from 1"),
    (["--policy", "lead", "--questions", "7"], "argument --questions: must be at most the 6 of"),
    (["--policy", "lead", "--profile", "assumed-qwen3-8c"], "assumed-qwen3-8b"),
    (["--policy", "lead", "--storage", "no/such/tune.db"], "argument --storage: must be a file in"),
    (["--policy", "lead", "--storage", "mongo://host/db"], "argument --storage: cannot be used: "),
    (["--policy", "lead", "--storage", "redis://host"], "argument --storage: cannot be used: "),
    (["--policy", "lead", "--out", "no/such/best.json"], "argument --out: must be a file in"),
    (["--policy", "lead", "--trails", "9"], "unrecognized arguments: --trails"),
]


def said_by(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command with bad input and return its one line."""
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else -1
    said = capsys.readouterr()
    assert code == 2
    assert said.err.count("\n") == 1
    assert not said.out
    return said.err


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_one_line(
    quick: tuple[str, ...],
    trace: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    """What is wrong is named, with exit code 2, before any work."""
    monkeypatch.chdir(tmp_path)
    assert message in said_by([str(trace), *quick, *arguments], capsys)


def test_bad_traces_are_one_line(
    quick: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without a trace is named."""
    said = said_by([str(tmp_path / "none"), *quick, "--policy", "lead"], capsys)
    assert str(tmp_path / "none") in said


def test_a_file_of_something_else_is_left_alone(
    quick: tuple[str, ...], trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A storage that is no database is refused and not touched."""
    file = tmp_path / "notes.txt"
    file.write_text("Not a database, but a text that is long enough to look like one. " * 40)
    before = file.read_bytes()
    said = said_by([str(trace), *quick, "--policy", "lead", "--storage", str(file)], capsys)
    assert "argument --storage: cannot be used: " in said
    assert "file is not a database" in said
    assert file.read_bytes() == before


def test_a_file_is_for_one_run_at_a_time(
    quick: tuple[str, ...], trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run on the same file is told so, since it would take our trial for a killed one."""
    file = tmp_path / "tune.db"
    with file.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = said_by([str(trace), *quick, "--policy", "lead", "--storage", str(file)], capsys)
    assert f"argument --storage: {file} is in use by another run" in said


def test_a_missing_optuna_names_its_extra(
    quick: tuple[str, ...],
    trace: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without Optuna installed, the message says what to install."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = said_by([str(trace), *quick, "--policy", "lead"], capsys)
    assert "pip install 'adaptive-compute-scheduler[fit]'" in said
