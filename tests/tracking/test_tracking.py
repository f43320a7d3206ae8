"""What a command found is kept where `--track` says, and can be read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec
import polars as pl

from simulations.compare import cli as compare
from simulations.replay import main as replay
from simulations.results import Results
from simulations.tune import main as tune

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

ROOT = Path(__file__).parents[2]
QUICK = ["--streams", "2", "--questions", "5", "--jobs", "1"]
PLAYED = [*QUICK, "--policy", "share", "--policy", "lead:width=8"]


def kept(run: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return what a run's folder says of itself, and its figures."""
    return json.loads((run / "run.json").read_text()), pl.read_csv(run / "figures.csv")


def results_in(path: Path) -> Results:
    """Read a replay's results."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def test_a_replay_in_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Command, digests, figures with intervals, results and report; a second run stands beside."""
    runs = tmp_path / "all" / "runs"
    for _ in range(2):
        assert replay([*PLAYED, "--track", str(runs)]) == 0
    assert capsys.readouterr().err.endswith(f"tracked in {runs / 'replay-0002'}\n")
    about, figures = kept(runs / "replay-0001")
    results = results_in(runs / "replay-0001" / "results.json")
    assert about["job"] == "replay"
    assert about["command"].endswith(f"lead:width=8 --track {runs}")
    assert about["digests"] == [results.traces[0].digest, results.settings.profile_digest]
    row = figures.filter(policy="lead:width=8", figure="accuracy").row(0, named=True)
    accuracy = results.policies[1].accuracy
    assert (row["mean"], row["low"], row["high"]) == (accuracy.mean, accuracy.low, accuracy.high)
    less = figures.filter(pl.col("figure") == "accuracy less share")
    assert less["mean"].to_list() == [results.paired[0].accuracy.mean]
    assert about["command"] in (runs / "replay-0001" / "report.html").read_text()
    both = pl.read_csv(runs / "*" / "figures.csv")
    assert both["run"].unique().sort().to_list() == ["replay-0001", "replay-0002"]


def test_a_comparison_and_a_tuning_in_a_folder(tmp_path: Path) -> None:
    """A sweep's comparison names the terms; a tuning keeps the left-out figures and the policy."""
    plan = tmp_path / "sweep.toml"
    plan.write_text(
        'policies = ["share", "null"]\nper_question_s = [1, 2]\nquestions = 5\nstreams = 2\n'
    )
    assert replay(["--sweep", str(plan), "--jobs", "1"]) == 0
    runs = tmp_path / "runs"
    page = tmp_path / "compare.html"
    words = [str(plan.with_suffix(".parquet")), "--track", str(runs), "--html", str(page)]
    with patch.object(compare, "comparison_page", wraps=compare.comparison_page) as rendered:
        assert compare.main(words) == 0
    assert rendered.call_count == 1
    about, figures = kept(runs / "compare-0001")
    assert len(about["digests"]) == 2
    assert set(figures["policy"]) == {
        f"{policy} ({total} s, random, 5 questions)"
        for policy in ("share", "null")
        for total in (5, 10)
    }
    assert (runs / "compare-0001" / "compare.html").read_bytes() == page.read_bytes()
    what = ["--policy", "share", "--knob", "width", "--trials", "2", "--folds", "2"]
    how = ["--questions", "5", "--streams", "4", "--jobs", "1"]
    assert tune([*what, *how, "--storage", f"{tmp_path}/tune.db", "--track", str(runs)]) == 0
    about, figures = kept(runs / "tune-0001")
    assert about["job"] == "tune"
    assert "share (tuned)" in set(figures["policy"])
    assert json.loads((runs / "tune-0001" / "policy.json").read_text())["policy"] == "share"


def records(path: Path) -> Iterator[Any]:
    """Read the records of an offline run: LevelDB's log format after a header of 7 bytes.

    A block has 32 KiB; a piece has a checksum (4 bytes), its length (2) and its kind (1): whole,
    first, middle, last.
    """
    from wandb.proto.wandb_internal_pb2 import Record  # noqa: PLC0415 - an extra

    content, at, block, pieces = path.read_bytes(), 7, 32768, b""
    while at + 7 <= len(content):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        pieces += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:
            record = Record()
            record.ParseFromString(pieces)
            pieces = b""
            yield record


def test_weights_and_biases_offline(tmp_path: Path) -> None:
    """Without a network the run's file holds the command, the figures and both files."""
    places = {f"WANDB_{name}_DIR": str(tmp_path) for name in ("DATA", "CACHE", "CONFIG")}
    environment = {
        **os.environ,
        **places,
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "simulations.replay", *PLAYED, "--track", "wandb:demo"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "wandb" not in done.stdout
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert done.stderr.splitlines()[-1] == f"tracked in {path.parent}"
    config, summary, files = {}, {}, {}
    for record in records(path):
        for item in (*record.config.update, *record.run.config.update):
            config[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        for item in record.summary.update:
            summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        for entry in record.artifact.manifest.contents:
            files[entry.path] = Path(entry.local_path)
    assert config["command"].endswith("--track wandb:demo")
    results = results_in(files["results.json"])
    assert config["digests"] == [results.traces[0].digest, results.settings.profile_digest]
    for name in ("mean", "low", "high"):
        assert summary[f"share/accuracy/{name}"] == getattr(results.policies[0].accuracy, name)
    assert config["command"] in files["report.html"].read_text()
    (table,) = path.parent.glob("files/media/table/*.json")
    logged = json.loads(table.read_text())
    assert logged["columns"] == ["policy", "figure", "mean", "low", "high"]
    assert len(logged["data"]) == 2 * 3 + 1


def test_places_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a project without a name, a missing extra, a sweep: one line, before the work."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("simulations.tracking.find_spec", lambda _: None)
    for place, said in (
        (str(tmp_path / "file"), "must be a folder or wandb:PROJECT, got"),
        (str(tmp_path / "file" / "in"), "Not a directory"),
        ("wandb:", "wants a project, as in wandb:PROJECT"),
        ("wandb:demo", "try pip install 'adaptive-compute-scheduler[wandb]'"),
    ):
        assert replay([*PLAYED, "--track", place]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert said in told.err
        assert told.err.count("\n") == 1
    assert replay(["--sweep", "plan.toml", "--track", str(tmp_path)]) == 2
    assert "a sweep's is that of simulations.compare" in capsys.readouterr().err
