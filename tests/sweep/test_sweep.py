"""Sweeps: the grid, its rows, and going on after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from policies import parse_policy
from scheduler import CallerError
from simulations.replay import main
from simulations.sweep_plan import read_plan
from simulations.sweep_table import COLUMNS, SCHEMA
from simulations.traces import import_jsonl

SCRIPT = Path(__file__).parents[2] / "simulations" / "replay.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one small trace."""
    lines = [
        {
            "question_id": f"q{question}",
            "sample": sample,
            "gold": "7",
            "answer": "7" if (sample + question) % 2 else str(sample % 3),
            "tokens": 100 + 40 * question + 17 * sample,
        }
        for question in range(4)
        for sample in range(12)
    ]
    log = tmp_path / "tiny.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    import_jsonl(log, tmp_path / "tiny")
    return tmp_path


def write(folder: Path, name: str = "grid.toml", **changes: object) -> Path:
    """Write a sweep of four cells, or another."""
    fields: dict[str, object] = {
        "traces": ["tiny"],
        "profiles": ["assumed-qwen3-8b"],
        "policies": ["share", "lead:width=4,lead=2,cap=4"],
        "per_question_s": [2, "unlimited"],
        "streams": 3,
        **changes,
    }
    path = folder / name
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items()))
    return path


def test_a_sweep_is_the_product_of_its_lists(folder: Path) -> None:
    """Every policy meets every profile, time and order, each cell once."""
    grid = write(folder, orders=["random", "hard-first", "random"], per_question_s=[1, 2, 3])
    plan = read_plan(grid)
    assert len(plan.cells) == 2 * 3 * 2
    assert len({cell.name for cell in plan.cells}) == len(plan.cells)
    assert plan.out == folder / "grid.parquet"


def test_rows_add_up_to_the_streams(folder: Path) -> None:
    """Each question's plays are the streams that held it, and every column is documented."""
    grid = write(folder)
    assert main(["--sweep", str(grid), "--jobs", "1"]) == 0
    rows = pl.read_parquet(folder / "grid.parquet")
    assert rows.schema == SCHEMA
    assert all(text.endswith(".") for _, text in COLUMNS.values())
    plays = rows.group_by("cell").agg(pl.col("plays").sum(), pl.col("correct").sum())
    assert plays["plays"].to_list() == [3 * 4] * 4
    assert rows["pass_rate"].to_list() == [0.5] * rows.height
    assert (rows["correct"] <= rows["plays"]).all()


def test_a_cell_plays_what_a_replay_plays(folder: Path, tmp_path: Path) -> None:
    """A cell's sums are those of the same replay without a sweep."""
    grid = write(folder)
    assert main(["--sweep", str(grid), "--jobs", "1"]) == 0
    rows = pl.read_parquet(folder / "grid.parquet")
    target = tmp_path / "one.json"
    common = ["--profile", "assumed-qwen3-8b", "--per-question-s", "2", "--streams", "3"]
    policy = ["--policy", "lead:width=4,lead=2,cap=4", "--jobs", "1", "--json", str(target)]
    assert main([str(folder / "tiny"), *common, *policy]) == 0
    found = json.loads(target.read_bytes())["policies"][0]
    cell = rows.filter(pl.col("policy").str.starts_with("lead"), pl.col("total_s") == 8.0)
    assert cell["tokens"].sum() / cell["plays"].sum() == found["tokens_per_question"]["mean"]
    assert cell["correct"].sum() / cell["plays"].sum() == found["accuracy"]["mean"]


def test_a_second_start_plays_nothing_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done is kept; a wider grid plays only what is new and keeps the rest."""
    grid = write(folder)
    assert main(["--sweep", str(grid), "--jobs", "1"]) == 0
    before = (folder / "grid.parquet").read_bytes()
    monkeypatch.setattr("simulations.sweep.scatter", refuse_work)
    assert main(["--sweep", str(grid), "--jobs", "1"]) == 0
    assert (folder / "grid.parquet").read_bytes() == before
    write(folder, policies=["share"])
    assert main(["--sweep", str(grid), "--jobs", "1"]) == 0
    kept = pl.read_parquet(folder / "grid.parquet")
    assert kept["cell"].n_unique() == 4


def refuse_work(_function: object, calls: list[object], **_settings: object) -> list[object]:
    """Stand where workers stand and have nothing to do."""
    assert not calls
    return []


@pytest.mark.parametrize("workers", [["--jobs", "2"], ["--jobs", "2", "--backend", "dask"]])
def test_bytes_do_not_depend_on_the_workers(folder: Path, workers: list[str]) -> None:
    """Two processes or a dask cluster of two leave the bytes that one process leaves."""
    settings = {"per_question_s": [0.5, 1, 2, 3, "unlimited"], "orders": ["random", "hard-last"]}
    one = write(folder, "one.toml", **settings)
    assert main(["--sweep", str(one), "--jobs", "1"]) == 0
    many = write(folder, "many.toml", **settings)
    subprocess.run(
        [sys.executable, str(SCRIPT), "--sweep", str(many), *workers],
        check=True,
        capture_output=True,
    )
    assert (folder / "one.parquet").read_bytes() == (folder / "many.parquet").read_bytes()


def test_a_killed_sweep_goes_on(folder: Path) -> None:
    """After kill −9 the finished cells are kept, the rest is played, and the bytes agree."""
    settings = {"per_question_s": [1 + i / 100 for i in range(40)], "streams": 20}
    whole = write(folder, "whole.toml", **settings)
    assert main(["--sweep", str(whole), "--jobs", "2"]) == 0
    killed = write(folder, "killed.toml", **settings)
    command = [sys.executable, str(SCRIPT), "--sweep", str(killed), "--jobs", "2"]
    parts = folder / "killed.parquet.parts"
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while len(list(parts.glob("*.parquet"))) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    done = len(list(parts.glob("*.parquet")))
    assert 10 <= done < 80
    assert not (folder / "killed.parquet").exists()
    assert main(["--sweep", str(killed), "--jobs", "2"]) == 0
    assert (folder / "killed.parquet").read_bytes() == (folder / "whole.parquet").read_bytes()
    assert not parts.exists()


BAD = [
    ({"policies": []}, "field policies: must not be empty"),
    ({"policies": ["led"]}, "unknown policy 'led'"),
    ({"profiles": ["assumed-qwen3-8c"]}, "assumed-qwen3-8b"),
    ({"per_question_s": [-1]}, "field per_question_s: must be finite and at least 0, got -1"),
    ({"per_question_s": ["endless"]}, "endless"),
    ({"orders": ["easy-first"]}, "easy-first"),
    ({"questions": 5}, "field questions: must be at most the 4 of tiny, got 5"),
    ({"streams": 0}, "field streams: must be at least 1, got 0"),
    ({"seed": -1}, "field seed: must be from 0, got -1"),
    ({"reserve_s": 9, "per_question_s": [2]}, "field reserve_s: must be at most the total of 8 s"),
    ({"traces": ["nowhere"]}, "nowhere"),
    ({"polices": ["share"]}, "polices"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_a_bad_file_is_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    message: str,
) -> None:
    """What is wrong with a sweep's file is said in one line that names it."""
    grid = write(folder, **changes)
    assert main(["--sweep", str(grid)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_other_options_belong_into_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option beside a sweep would have no effect, so it is refused."""
    assert main(["--sweep", str(write(folder)), "--policy", "lead"]) == 2
    assert "argument --sweep: policy belongs into" in capsys.readouterr().err


def test_results_of_something_else_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the results that holds something else is not overwritten."""
    pl.DataFrame({"a": [1]}).write_parquet(folder / "grid.parquet")
    assert main(["--sweep", str(write(folder))]) == 2
    assert "grid.parquet: is no results of a sweep" in capsys.readouterr().err


def test_a_missing_backend_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without ray installed, the message says what to install."""
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["--sweep", str(write(folder)), "--backend", "ray"]) == 2
    assert "adaptive-compute-scheduler[ray]" in capsys.readouterr().err


def test_cells_are_named_by_what_they_depend_on(folder: Path) -> None:
    """Another seed, policy or trace is another cell; another place of the file is not."""
    name = read_plan(write(folder)).cells[0].name
    assert read_plan(write(folder, "other.toml")).cells[0].name == name
    assert read_plan(write(folder, seed=1)).cells[0].name != name
    with pytest.raises(CallerError):
        parse_policy("share:width=none")
