"""What may come back to a gateway: every row of what was measured, and what the run then leaves."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from engine.kaggle import make_dry_predict
from engine.kaggle.gateway import (
    AIMO2,
    AIMO3,
    Failure,
    GatewayError,
    Rules,
    Run,
    read_sheet,
    run_gateway,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COUNT = 3
LONG = "x" * 20_000


class DataFrame:
    """As much of pandas' table as a gateway looks at."""

    __module__ = "pandas.core.frame"

    def __init__(self, columns: dict[str, list[object]]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __len__(self) -> int:
        return len(self._columns[self.columns[0]])

    def __getitem__(self, name: str) -> list[object]:
        return self._columns[name]


class Series:
    """The same of its column."""

    __module__ = "pandas.core.series"

    def __init__(self, values: list[object], name: str | None = None) -> None:
        self._values = values
        self.name = name

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[object]:
        return iter(self._values)


def raising(error: BaseException) -> Callable[..., object]:
    """Return a case in which every call raises."""

    def case(call: int, question_id: object) -> object:
        del call, question_id
        raise error

    return case


def table(question_id: object, answer: object = 7, **more: object) -> pl.DataFrame:
    """Return what a gateway likes best."""
    return pl.DataFrame({"id": [question_id], "answer": [answer], **more})


def later(then: Callable[[Any], object]) -> Callable[..., object]:
    """Return a case in which the second call and those after it return something else."""
    return lambda call, question_id: (table if call == 1 else then)(question_id)


GOOD = None
CASES: dict[str, tuple[Callable[[int, Any], object], Failure | None, Failure | None]] = {
    "polars table": (lambda _, i: table(i), GOOD, GOOD),
    "pandas table": (lambda _, i: DataFrame({"id": [i], "answer": [7]}), GOOD, GOOD),
    "wrong id": (lambda _, i: table(f"not {i}"), GOOD, Failure.INVALID),
    "missing id": (lambda *_: pl.DataFrame({"answer": [7]}), GOOD, Failure.INVALID),
    "int": (lambda *_: 7, Failure.AT_END, Failure.EXCEPTION),
    "numpy.int64": (lambda *_: np.int64(7), Failure.AT_END, Failure.EXCEPTION),
    "str": (lambda *_: "7", Failure.AT_END, Failure.EXCEPTION),
    "numpy.int32": (lambda *_: np.int32(7), Failure.INVALID, Failure.EXCEPTION),
    "list": (lambda *_: [7], Failure.INVALID, Failure.EXCEPTION),
    "dict": (lambda _, i: {"id": i, "answer": 7}, Failure.INVALID, Failure.EXCEPTION),
    "array": (lambda *_: np.array([7]), Failure.INVALID, Failure.EXCEPTION),
    "named pandas Series": (lambda *_: Series([7], "answer"), GOOD, Failure.EXCEPTION),
    "unnamed pandas Series": (lambda *_: Series([7]), Failure.AT_END, Failure.EXCEPTION),
    "polars Series": (lambda *_: pl.Series("answer", [7]), Failure.AT_END, Failure.EXCEPTION),
    "None": (lambda *_: None, Failure.INVALID, Failure.INVALID),
    "two rows": (lambda _, i: pl.concat([table(i)] * 2), Failure.INVALID, Failure.INVALID),
    "no row": (lambda _, i: table(i).head(0), Failure.INVALID, Failure.INVALID),
    "polars, then pandas": (
        later(lambda i: DataFrame({"id": [i], "answer": [7]})),
        Failure.AT_END,
        Failure.AT_END,
    ),
    "another order of columns": (
        later(lambda i: table(i).select("answer", "id")),
        Failure.AT_END,
        Failure.AT_END,
    ),
    "another number of columns": (
        later(lambda i: table(i, sure=[True])),
        Failure.AT_END,
        Failure.AT_END,
    ),
    "types that have nothing in common": (
        later(lambda i: table(i, [7])),
        Failure.AT_END,
        Failure.AT_END,
    ),
    "no answer": (lambda _, i: table(i).drop("answer"), Failure.AT_END, Failure.AT_END),
    "null": (later(lambda i: table(i, None)), GOOD, GOOD),
    "text": (later(lambda i: table(i, "seven")), GOOD, GOOD),
    "out of range": (lambda _, i: table(i, -123_456), GOOD, GOOD),
    "2**70": (lambda _, i: table(i, 2**70), Failure.SERVER, Failure.SERVER),
    "raises": (raising(ValueError("no")), Failure.ABORTED, Failure.ABORTED),
    "raises at length": (raising(ValueError(LONG)), Failure.CONNECTION, Failure.CONNECTION),
    "SystemExit": (raising(SystemExit(1)), Failure.HANG, Failure.HANG),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), Failure.HANG, Failure.HANG),
}
"""What each call returns, and how that ends in the third contest and in the second."""


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Three questions with their gold answers."""
    path = tmp_path / "test.csv"
    path.write_text("id,problem,answer\na,What is 1?,1\nb,What is 2?,2\nc,What is 3?,3\n")
    return path


def play(case: Callable[[int, Any], object], csv: Path, rules: Rules) -> Run:
    """Run the gateway with a `predict` that returns what a case says of a call and an id."""
    calls = []

    def predict(question_id: pl.Series, text: pl.Series) -> object:
        calls.append(text)
        return case(len(calls), question_id.item(0))

    try:
        return run_gateway(
            predict, read_sheet(csv), rules, submission=csv.with_name("submission.parquet")
        )
    except GatewayError as error:
        error.add_note(f"{len(calls)} calls")
        raise


@pytest.mark.parametrize("rules", [AIMO2, AIMO3], ids=lambda rules: rules.name)
@pytest.mark.parametrize("name", CASES)
def test_what_may_come_back(name: str, rules: Rules, csv: Path) -> None:
    """Each row that was measured: a failure shows in its time, in one line, and leaves no file."""
    case, third, second = CASES[name]
    failure = third if rules is AIMO3 else second
    file = csv.with_name("submission.parquet")
    if failure is None:
        run = play(case, csv, rules)
        written = pl.read_parquet(file)
        assert written.equals(run.submission)
        assert written.columns == ["id", "answer"]
        assert written["id"].to_list() == ["a", "b", "c"]
        return
    with pytest.raises(GatewayError) as failed:
        play(case, csv, rules)
    assert failed.value.failure is failure
    at_end = failure is Failure.AT_END
    assert failed.value.call == (None if at_end else 1)
    assert failed.value.__notes__ == [f"{COUNT if at_end else 1} calls"]
    said = str(failed.value)
    assert said.startswith(failure if at_end else f"call 1 (id 'a'): {failure}: ")
    assert "\n" not in said
    assert len(said) < 250
    assert not file.exists()


def test_a_failure_ends_the_run_at_its_call(csv: Path) -> None:
    """The second of three returns nothing: the third is never made, an older file stays whole."""
    play(lambda _, i: table(i), csv, AIMO3)
    file = csv.with_name("submission.parquet")
    before = file.read_bytes()
    with pytest.raises(GatewayError, match=r"call 2 \(id 'b'\): invalid submission") as failed:
        play(later(lambda _: None), csv, AIMO3)
    assert failed.value.__notes__ == ["2 calls"]
    assert file.read_bytes() == before
    assert sorted(path.name for path in csv.parent.iterdir()) == ["submission.parquet", "test.csv"]


def test_the_shipped_predict_is_taken_by_both(csv: Path) -> None:
    """It answers what it is sent; whoever watches sees the gold answers, which it never does."""
    heard = []
    for rules in (AIMO2, AIMO3):
        run = run_gateway(
            make_dry_predict(),
            read_sheet(csv),
            rules,
            submission=None,
            on_answer=lambda call: heard.append((call.number, call.answer, call.question.gold)),
        )
        assert run.submission["answer"].to_list() == [0] * COUNT
        assert heard == [(1, 0, "1"), (2, 0, "2"), (3, 0, "3")]
        assert all(call.seconds > 0.0 for call in run.calls)
        heard.clear()


@pytest.mark.parametrize(
    ("rules", "failure"), [(AIMO3, Failure.DEADLINE), (AIMO2, Failure.CONNECTION)]
)
def test_a_late_call_goes_on_alone(csv: Path, rules: Rules, failure: Failure) -> None:
    """The run ends without it, under the name that each contest has for that."""
    free, done = threading.Event(), threading.Event()

    def case(call: int, question_id: object) -> pl.DataFrame:
        if call == 1:
            free.wait(0.3)
        else:
            free.wait(10.0)
            done.set()
        return table(question_id)

    with pytest.raises(GatewayError, match=r"call 2 .*no answer within 0.1 s") as failed:
        play(case, csv, replace(rules, deadline_s=0.1))
    assert failed.value.failure is failure
    assert not done.is_set()
    free.set()
    assert done.wait(5.0)


def test_the_deadlines_are_those_measured() -> None:
    """Half an hour in the second contest, and in the third one that nobody meets."""
    assert (AIMO2.deadline_s, AIMO3.deadline_s) == (1800.0, 32_400.0)


def test_the_server_has_one_thread_and_lets_it_go(csv: Path) -> None:
    """All calls come from it, and it ends with the run."""
    threads = []

    def case(call: int, question_id: object) -> pl.DataFrame:
        del call
        threads.append(threading.current_thread())
        return table(question_id)

    play(case, csv, AIMO3)
    assert len(set(threads)) == 1
    threads[0].join(5.0)
    assert not threads[0].is_alive()
