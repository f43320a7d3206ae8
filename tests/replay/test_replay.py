"""The replay command: its JSON, its luck, and one clear line for everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from simulations.replay import main
from simulations.results import Results
from simulations.traces import import_jsonl

SCRIPT = Path(__file__).parents[2] / "simulations" / "replay.py"
QUICK = ("--streams", "6", "--profile", "assumed-qwen3-8b", "--jobs", "1")


@pytest.fixture
def replay(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - a function of any arguments
    """Replay the small trace and return its JSON."""

    def run(*arguments: str, traces: tuple[Path, ...] = ()) -> dict[str, Any]:
        target = tmp_path / "out.json"
        paths = [str(path) for path in traces or (trace,)]
        assert main([*paths, *QUICK, *arguments, "--json", str(target)]) == 0
        capsys.readouterr()
        found: dict[str, Any] = json.loads(target.read_bytes())
        return found

    return run


def test_json_has_the_fields_that_others_build_on(replay: Any) -> None:  # noqa: ANN401
    """Names and shapes of the results are a contract."""
    found = replay("--policy", "lead:width=4,lead=2,cap=4", "--policy", "share:width=4,equal=2")
    assert found["format"] == 1
    (trace,) = found["traces"]
    assert trace | {"digest": ""} == {
        "name": "tiny",
        "model": "tiny",
        "digest": "",
        "questions": 4,
        "samples": 48,
    }
    first, second = found["policies"]
    assert first["policy"] == "lead:width=4,lead=2,cap=4"
    for field in ("accuracy", "tokens_per_question", "seconds_per_question"):
        assert first[field]["low"] <= first[field]["mean"] <= first[field]["high"]
        assert first["by_model"]["tiny"][field] == first[field]
    assert set(first["regret"]) == {"pool_majority", "best_stopping"}
    assert sum(first["reasons"].values()) == 6 * 4
    assert (first["overruns"], first["unanswered"], first["exhausted"]) == (0, 0, 0)
    (paired,) = found["paired"]
    assert (paired["policy"], paired["baseline"]) == (second["policy"], first["policy"])
    for field in ("accuracy", "tokens_per_question", "seconds_per_question"):
        difference = second[field]["mean"] - first[field]["mean"]
        assert paired[field]["mean"] == pytest.approx(difference)
    msgspec.convert(found, Results)


def test_same_seed_same_bytes_for_any_jobs_in_a_new_process(trace: Path, tmp_path: Path) -> None:
    """The JSON depends on the settings and the seed alone."""
    written = []
    for jobs, module in (("1", False), ("2", False), ("3", True)):
        target = tmp_path / f"{jobs}.json"
        command = ["-m", "simulations.replay"] if module else [str(SCRIPT)]
        policies = ["--policy", "lead:width=4,cap=8", "--policy", "share"]
        luck = ["--streams", "60", "--seed", "5", "--jobs", jobs, "--json", str(target)]
        subprocess.run(
            [sys.executable, *command, str(trace), *policies, *luck],
            check=True,
            capture_output=True,
            cwd=tmp_path,
        )
        written.append(target.read_bytes())
    assert written[0] == written[1] == written[2]


def test_another_seed_is_other_luck(replay: Any) -> None:  # noqa: ANN401
    """Different seeds give different figures."""
    assert (
        replay("--policy", "lead:width=4,lead=2,cap=4", "--seed", "1")["policies"]
        != (replay("--policy", "lead:width=4,lead=2,cap=4", "--seed", "2")["policies"])
    )


def test_unlimited_has_no_total(replay: Any) -> None:  # noqa: ANN401
    """Without a limit of time every sample ends and nothing overruns."""
    found = replay("--policy", "self-consistency:k=12", "--unlimited")
    assert found["settings"]["total_s"] is None
    (policy,) = found["policies"]
    tokens = sum(100 + 40 * q + 17 * s for q in range(4) for s in range(12)) / 4
    assert policy["tokens_per_question"]["mean"] == pytest.approx(tokens)
    assert policy["reasons"] == {"cap": 24}


def test_more_samples_than_logged_are_reported(replay: Any) -> None:  # noqa: ANN401
    """A policy that wants more than was logged is told nothing untrue, and the run says so."""
    (policy,) = replay("--policy", "self-consistency:k=13", "--unlimited")["policies"]
    assert policy["exhausted"] == 6 * 4


def test_per_question_seconds_are_a_total_without_a_cap(replay: Any) -> None:  # noqa: ANN401
    """`--per-question-s S` is a total of N times S, and one question may take more than S."""
    found = replay("--policy", "self-consistency:k=12", "--per-question-s", "3")
    assert found["settings"]["total_s"] == 12.0
    elapsed = found["policies"][0]["burn_down"]["elapsed_s"]
    assert elapsed[0] > 3.0
    assert elapsed[-1] <= 12.0


def test_overhead_is_charged_to_the_stream(replay: Any) -> None:  # noqa: ANN401
    """Start-up and gateway time come off the total; the reserve is never touched."""
    charges = ("--startup-s", "2", "--gateway-s", "1", "--reserve-s", "1.5")
    found = replay("--policy", "self-consistency:k=12", "--total-s", "8", *charges)
    (policy,) = found["policies"]
    assert policy["overruns"] == policy["unanswered"] == 0
    assert max(policy["burn_down"]["elapsed_s"][:1]) <= 6.5


def test_logged_order_and_draws_need_no_luck(replay: Any) -> None:  # noqa: ANN401
    """Logged order and draws play the log as it was: every stream is the same."""
    args = ("--policy", "lead:width=2,lead=2,cap=12", "--order", "logged", "--draw", "logged")
    found = replay(*args)
    assert found["policies"][0]["burn_down"]["spread_s"] == pytest.approx([0.0] * 4, abs=1e-6)


def test_models_weigh_the_same_and_questions_are_clusters(
    replay: Any,  # noqa: ANN401
    trace: Path,
    tmp_path: Path,
) -> None:
    """Two models are reported each and together; together is the plain mean of both."""
    import_jsonl(trace.parent / "tiny.jsonl", tmp_path / "other", "other")
    found = replay("--policy", "lead:width=4,lead=2,cap=4", traces=(trace, tmp_path / "other"))[
        "policies"
    ][0]
    each = [model["accuracy"]["mean"] for model in found["by_model"].values()]
    assert found["by_model"].keys() == {"tiny", "other"}
    assert found["accuracy"]["mean"] == pytest.approx(sum(each) / 2)


def test_same_trace_twice_is_refused(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trace given twice would count its questions twice."""
    assert main([str(trace), str(trace), *QUICK]) == 2
    assert "holds the same as" in capsys.readouterr().err


BAD_ARGUMENTS = [
    (["--policy", "led"], "unknown policy 'led': did you mean 'lead'?"),
    (["--policy", "lead:widht=3"], "policy 'lead' has no parameter 'widht': did you mean 'width'?"),
    (["--policy", "lead:width=0"], "policy 'lead', parameter width must be"),
    (["--policy", "lead:width=wide"], "policy 'lead', parameter width: "),
    (["--policy", "lead:width=2.5"], "got '2.5'"),
    (["--policy", "share:forced=maybe"], "policy 'share', parameter forced: "),
    (["--policy", "adaptive-consistency:confidence=nan"], "confidence must be from 0.5 to 1"),
    (["--policy", "missing.json"], "missing.json"),
    (["--questions", "5"], "argument --questions: must be at most the 4 of tiny, got 5"),
    (["--questions", "0"], "argument --questions: must be a whole number from 1, got '0'"),
    (["--total-s", "-1"], "argument --total-s: must be a number of seconds"),
    (["--total-s", "nan"], "got 'nan'"),
    (["--per-question-s", "inf"], "got 'inf'"),
    (["--total-s", "9", "--unlimited"], "not allowed with argument"),
    (["--total-s", "9", "--reserve-s", "10"], "argument --reserve-s: must be at most"),
    (["--streams", "0"], "argument --streams: must be a whole number from 1"),
    (["--seed", "-1"], "argument --seed: must be a whole number from 0"),
    (["--order", "easy"], "argument --order: invalid choice: 'easy'"),
    (["--profile", "assumed-qwen3-8c"], "assumed-qwen3-8b"),
    (["--profile", "no.json"], "no.json"),
    (["--json", "no/such/folder/x.json"], "argument --json: must be a file in a folder"),
    (["--htlm", "x"], "unrecognized arguments: --htlm"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_one_line(
    trace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """What is wrong with an argument is said in one line that names it, with exit code 2."""
    try:
        code = main([str(trace), *arguments])
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else -1
    said = capsys.readouterr()
    assert code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def rewrite(path: Path, **columns: Any) -> None:  # noqa: ANN401 - values of any column
    """Put other columns into a table of a trace."""
    pl.read_parquet(path).with_columns(**columns).write_parquet(path)


def spoil_truncated(trace: Path) -> None:
    """Cut the samples in half."""
    raw = (trace / "samples.parquet").read_bytes()
    (trace / "samples.parquet").write_bytes(raw[: len(raw) // 2])


def spoil_version(trace: Path) -> None:
    """Claim a format of the future."""
    header = json.loads((trace / "header.json").read_bytes())
    (trace / "header.json").write_text(json.dumps(header | {"format": 99}))


BAD_TRACES = [
    (spoil_truncated, "samples.parquet"),
    (spoil_version, "format"),
    (lambda t: (t / "questions.parquet").unlink(), "questions.parquet"),
    (lambda t: rewrite(t / "samples.parquet", tokens=pl.col("tokens") * 1.5), "tokens"),
    (lambda t: rewrite(t / "samples.parquet", tokens=-pl.col("tokens")), "tokens"),
    (lambda t: rewrite(t / "samples.parquet", sample=pl.lit(0, pl.Int64)), "sample"),
    (lambda t: rewrite(t / "questions.parquet", gold=pl.lit("")), "gold"),
    (
        lambda t: rewrite(t / "samples.parquet", mean_entropy=pl.lit(float("nan"))),
        "mean_entropy",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_TRACES)
def test_bad_traces_are_one_line(
    trace: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Any,  # noqa: ANN401 - a function of a path
    message: str,
) -> None:
    """What is wrong with a trace is said in one line that names file and column."""
    spoil(trace)
    assert main([str(trace), *QUICK]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_empty_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a trace is named."""
    assert main([str(tmp_path), *QUICK]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert said.count("\n") == 1
