"""The command with a real vLLM on the CPU: from the contest's file to submission and trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import polars as pl
import pytest
from ledgers import imbalance_of
from tiny_model import script_prompt

from engine.journal import Journal
from engine.options import Kind
from scheduler import BudgetLine, EngineLine, GivenLine
from simulations.traces import read_trace
from simulations.traces.__main__ import main as traces

if TYPE_CHECKING:
    from engine.vllm.settings import VllmSettings

pytestmark = pytest.mark.xdist_group("vllm")

QUESTIONS = 12
TOTAL_S = 300.0
RESERVE_S = 20.0
MARK = "SCHEDULER_TEST_RUN"
"""A variable that all processes of one run inherit, whoever their parent becomes."""


def gold_of(number: int) -> str:
    """Return what the tiny model answers to a question."""
    return "8" if number % 3 == 0 else "7"


def write_sheet(path: Path) -> None:
    """Write a contest's file; the answers become longer."""
    rows = ["id,problem,answer"]
    for number in range(QUESTIONS):
        script = script_prompt(40 + 10 * number, gold_of(number))
        rows.append(f"{number:06x},Question {number}: count down from {script},{gold_of(number)}")
    path.write_text("\n".join(rows))


def words(folder: Path, settings: VllmSettings, kind: Kind) -> list[str]:
    """Return the words that are typed."""
    given = {"--csv": folder / "reference.csv", "--out": folder / "run.jsonl"}
    given |= {"--submission": folder / "submission.parquet", "--json": folder / "answers.json"}
    given |= {"--total-s": TOTAL_S, "--reserve-s": RESERVE_S, "--engine": kind}
    given |= {"--model": settings.model, "--max-sequences": settings.max_sequences}
    given |= {"--max-model-len": settings.max_model_len}
    typed = [str(word) for option in given.items() for word in option]
    further = {"dtype": settings.dtype, "enforce_eager": "true"}
    further |= {"max_num_batched_tokens": settings.max_batched_tokens}
    further |= {"distributed_executor_backend": settings.extra["distributed_executor_backend"]}
    for name, value in further.items():
        typed += ["--vllm", f"{name}={value}"]
    return [sys.executable, "-m", "engine.kaggle", *typed]


def marked(mark: str) -> set[int]:
    """Return the processes of a run that live."""
    sought = f"{MARK}={mark}".encode()
    alive = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if sought in (folder / "environ").read_bytes().split(b"\0"):
                alive.add(int(folder.name))
        except OSError:  # it has ended meanwhile, or is another user's
            continue
    return alive


def all_gone(mark: str, within_s: float) -> bool:
    """Return whether all processes of a run end soon."""
    by_s = time.monotonic() + within_s
    while marked(mark) and time.monotonic() < by_s:
        time.sleep(0.05)
    return not marked(mark)


@pytest.mark.parametrize("kind", [Kind.SERVER, Kind.INPROCESS])
def test_a_run_on_vllm_ends_in_submission_and_trace(
    alone: None, tiny_settings: VllmSettings, tmp_path: Path, kind: Kind
) -> None:
    """Twelve answers in time, a journal that adds up and becomes a trace, and no process left."""
    del alone
    write_sheet(tmp_path / "reference.csv")
    mark = uuid4().hex
    with (
        (tmp_path / "said").open("w") as said,
        subprocess.Popen(
            words(tmp_path, tiny_settings, kind),
            env={**os.environ, MARK: mark},
            stdout=said,
            stderr=said,
        ) as process,
    ):
        assert process.pid in marked(mark)
        try:
            code = process.wait(TOTAL_S + 60.0)
        finally:
            process.kill()
    assert code == 0, (tmp_path / "said").read_text()
    assert all_gone(mark, within_s=2.0)

    submitted = pl.read_parquet(tmp_path / "submission.parquet")
    assert submitted.schema == {"id": pl.String, "answer": pl.Int64}
    ids = [f"{number:06x}" for number in range(QUESTIONS)]
    gold = [int(gold_of(number)) for number in range(QUESTIONS)]
    assert submitted.rows() == list(zip(ids, gold, strict=True))
    told = json.loads((tmp_path / "answers.json").read_bytes())
    assert (told["right"], told["known"]) == (QUESTIONS, QUESTIONS)

    journal, lines = Journal.resume(tmp_path / "run.jsonl")
    journal.close()
    given = [line for line in lines if isinstance(line, GivenLine)]
    assert [(line.question_id, line.answer) for line in given] == submitted.rows()
    usable_s = TOTAL_S - RESERVE_S
    assert given[-1].at_s < usable_s
    assert told["left_s"] == pytest.approx(usable_s - given[-1].at_s)
    assert sum(isinstance(line, EngineLine) for line in lines) == 1
    ledger = [line for line in lines if isinstance(line, BudgetLine)][-1]
    assert imbalance_of(bytes(ledger.saved), ledger.at_s, usable_s) is None

    assert traces(["from-journal", str(tmp_path / "run.jsonl"), str(tmp_path / "trace")]) == 0
    trace = read_trace(tmp_path / "trace")
    assert trace.questions["question_id"].to_list() == ids
    ended = trace.samples.filter(pl.col("finish_reason") == "stop")
    for number, name in enumerate(ids):
        samples = ended.filter(pl.col("question_id") == name)
        assert set(samples["answer"]) == {gold_of(number)}
        assert set(samples["tokens"]) == {40 + 10 * number}
