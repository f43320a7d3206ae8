"""The gateway's double asks and judges as the real ones were measured to."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from engine.kaggle.gateway import (
    AIMO2,
    AIMO3,
    Failure,
    GatewayError,
    Rules,
    Sheet,
    read_sheet,
    run_gateway,
)
from engine.questions import QuestionsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    """Three questions with gold answers."""
    path = tmp_path / "test.csv"
    path.write_text("id,problem,answer\na,one?,1\nb,two?,2\nc,three?,3\n")
    return read_sheet(path)


def good(question_id: pl.Series, problem: pl.Series) -> pl.DataFrame:
    """Answer as a gateway wants it."""
    del problem
    return pl.DataFrame({"id": question_id.rename("id"), "answer": [7]})


def failure_of(
    answer: Callable[..., Any], sheet: Sheet, rules: Rules
) -> tuple[Failure, int | None]:
    """Run a function named predict to its failure."""

    def predict(question_id: pl.Series, problem: pl.Series) -> Any:  # noqa: ANN401 - anything
        return answer(question_id, problem)

    with pytest.raises(GatewayError) as caught:
        run_gateway(predict, sheet, rules, submission=None)
    return caught.value.failure, caught.value.call


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        (("1", "2", "3"), pl.Int64),
        (("1", "1e3", "3"), pl.Float64),
        (("1", "x", "3"), pl.String),
    ],
)
def test_ids_have_the_types_that_polars_finds(
    tmp_path: Path, ids: tuple[str, ...], dtype: type[pl.DataType]
) -> None:
    """Each call brings a one-row Series `id` and one `problem`, in a thread of the server's."""
    path = tmp_path / "test.csv"
    path.write_text("id,problem\n" + "".join(f"{name},what?\n" for name in ids))
    seen: list[tuple[Any, ...]] = []

    def predict(*sent: pl.Series) -> pl.DataFrame:
        seen.append(
            (*((one.name, one.dtype, len(one)) for one in sent), threading.current_thread())
        )
        return good(*sent)

    run_gateway(predict, read_sheet(path), submission=None)
    for question_id, problem, thread in seen:
        assert question_id == ("id", dtype, 1)
        assert problem == ("problem", pl.String, 1)
        assert thread is not threading.main_thread()


def test_the_first_call_has_no_deadline_and_later_ones_have(sheet: Sheet) -> None:
    """The engine loads in the first one."""
    calls = iter(range(3))

    def answer(question_id: pl.Series, problem: pl.Series) -> pl.DataFrame:
        time.sleep(0.3 if next(calls) in {0, 2} else 0.0)
        return good(question_id, problem)

    assert failure_of(answer, sheet, replace(AIMO3, deadline_s=0.15)) == (Failure.DEADLINE, 3)


def test_a_server_that_comes_late_is_not_asked(sheet: Sheet) -> None:
    """Loading before `serve()` loses the run after fifteen minutes, in both contests."""
    asked = []

    def predict(question_id: pl.Series, problem: pl.Series) -> pl.DataFrame:
        asked.append(question_id)
        return good(question_id, problem)

    for rules in (AIMO2, AIMO3):
        now_s = time.perf_counter()
        run_gateway(predict, sheet, rules, began_s=now_s - 890.0, submission=None)
        asked.clear()
        with pytest.raises(GatewayError, match=r"server never started: .* 9\d\d\.\d s, of 900"):
            run_gateway(predict, sheet, rules, began_s=now_s - 901.0, submission=None)
        assert not asked


class Endpoint:
    """A predict that is a method."""

    def predict(self, question_id: pl.Series, problem: pl.Series) -> pl.DataFrame:
        """Answer."""
        return good(question_id, problem)


def test_some_functions_are_not_found(sheet: Sheet) -> None:
    """One of another name by neither, bound methods not by AIMO 3."""
    for rules in (AIMO2, AIMO3):
        with pytest.raises(GatewayError, match="must be named predict"):
            run_gateway(good, sheet, rules, submission=None)
    with pytest.raises(GatewayError, match="bound method"):
        run_gateway(Endpoint().predict, sheet, AIMO3, submission=None)
    run_gateway(Endpoint().predict, sheet, AIMO2, submission=None)


def test_the_submission_comes_after_the_last_question(sheet: Sheet, tmp_path: Path) -> None:
    """Whole or not at all; the set may come twice, in an order of its own each time."""
    target = tmp_path / "submission.parquet"
    there: list[bool] = []

    def predict(question_id: pl.Series, problem: pl.Series) -> pl.DataFrame:
        there.append(target.exists())
        return good(question_id, problem)

    rng = np.random.default_rng(2)
    run = run_gateway(predict, sheet, AIMO3, rng=rng, twice=True, submission=target)
    assert there == [False] * 6
    ids = [call.question.question_id for call in run.calls]
    assert sorted(ids[:3]) == sorted(ids[3:]) == ["a", "b", "c"]
    assert pl.read_parquet(target).columns == ["id", "answer"]
    assert pl.read_parquet(target)["id"].to_list() == ids


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,answer\na,1\n", "column question"),
        ("problem\nwhat?\n", "column question_id"),
        ("id,problem\n", "at least one question"),
        ("id,problem\na,x\na,y\n", "must be unique"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: str, words: str) -> None:
    """In one line that names it."""
    path = tmp_path / "test.csv"
    path.write_text(content)
    with pytest.raises(QuestionsError, match=words) as caught:
        read_sheet(path)
    assert str(path) in str(caught.value)
