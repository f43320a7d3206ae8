"""`predict`: a plain function that always answers, in time and with the same types."""

from __future__ import annotations

import inspect
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from scripted_streams import PROFILE, Model, faulty, logged, text_of

from engine.errors import EngineDeadError, MissingPartError
from engine.journal import Journal
from engine.kaggle import make_dry_predict
from engine.scripted import Fault, Script, ScriptedEngine
from scheduler import CallerError, EngineLine, GivenLine, TimeBudget
from scheduler.journal import BudgetLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.kaggle import Predict

    Make = Callable[..., Predict]

FAST = Script(text=text_of(20))


def series(value: Any, name: str = "id") -> pl.Series:  # noqa: ANN401 - ids have many types
    """Return what a gateway sends."""
    return pl.Series(name, [value])


def answer_of(frame: pl.DataFrame) -> int:
    """Return the answer, and see to the shape."""
    assert frame.columns == ["id", "answer"]
    assert frame.schema["answer"] == pl.Int64
    assert frame.height == 1
    return int(frame["answer"].item())


def test_it_is_a_plain_function_of_that_name(make: Make) -> None:
    """A gateway refuses lambdas, bound methods and other names."""
    predict = make()
    assert inspect.isfunction(predict)
    assert predict.__name__ == "predict"


class Unreadable:
    """What cannot even be written out."""

    def __str__(self) -> str:
        """Refuse."""
        raise ValueError


@pytest.mark.parametrize(
    ("sent", "dtype"),
    [
        (series(7), pl.Int64),
        (series(1e3), pl.Float64),
        (series("000aaa"), pl.String),
        ("plain", pl.String),
        (7, pl.Int64),
        (np.int64(7), pl.Int64),
        (np.int32(7), pl.Int64),
        (None, pl.String),
        (pl.Series("id", [], dtype=pl.Int64), pl.String),
        (object, pl.String),
        (2**70, pl.String),
        (b"bytes", pl.String),
        (pl.Series("id", [[7, 1]]), pl.List(pl.Int64)),
        (Unreadable(), pl.String),
    ],
)
def test_an_id_comes_back_as_it_was_sent(make: Make, sent: object, dtype: Any) -> None:  # noqa: ANN401 - a type of polars
    """Its type stays, and the answer is a whole number beside it."""
    frame = make()(sent, series("what is 1=12", "problem"))
    assert answer_of(frame) == 12
    assert frame.schema["id"] == dtype
    if isinstance(sent, pl.Series) and len(sent):
        assert frame["id"].equals(sent)


class PandasSeries:
    """As much of pandas' Series as is read of it."""

    def __init__(self, value: object) -> None:
        self.iloc = [value]

    def __len__(self) -> int:
        """Count rows."""
        return 1


def test_a_series_of_pandas_is_read_too(make: Make) -> None:
    """Without importing pandas."""
    frame = make()(PandasSeries("q"), PandasSeries("what is 1=12"))
    assert (answer_of(frame), frame["id"].item()) == (12, "q")


@pytest.mark.parametrize("text", ["", "  \n", None, float("nan")])
def test_an_empty_text_costs_nothing(make: Make, text: object) -> None:
    """There is nothing to ask: the fallback is answered at once."""
    predict = make(fallback=5)
    began_s = time.perf_counter()
    assert answer_of(predict(series(1), series(text, "problem"))) == 5
    assert time.perf_counter() - began_s < 1.0


def test_a_text_that_comes_again_has_the_answer_that_was_given(make: Make) -> None:
    """Under another name and with other spaces; nothing is generated for it."""
    engine = ScriptedEngine(Model({"a =5": [FAST] * 8 + [Script(text=text_of(20, "9"))]}), PROFILE)
    predict = make(engine)
    first = answer_of(predict("a", "a =5"))
    generated = engine.generated
    assert answer_of(predict("b", "a  =5\n")) == first == 7
    assert engine.generated == generated


def test_an_id_that_comes_again_with_another_text_is_another_question(make: Make) -> None:
    """Names need not be unique."""
    predict = make()
    assert [answer_of(predict("x", f"what is {n}={n}")) for n in (3, 4)] == [3, 4]


def test_half_a_letter_and_bytes_are_text(make: Make) -> None:
    """Nothing that a tokenizer or a journal would choke on is passed on."""
    predict = make()
    assert answer_of(predict(1, "\ud800 what=3")) == 3
    assert answer_of(predict(2, b"what is \xff=4")) == 4


# Time.


@pytest.mark.parametrize("policy", ["self-consistency:k=8", "clamp", "shadow-price"])
def test_a_stream_ends_before_its_reserve(make: Make, policy: str) -> None:
    """Whatever the rule wants: every question is answered, and the total is kept."""
    engine = ScriptedEngine(
        Model({f"{n}=7": [Script(text=text_of(2000))] for n in range(4)}), PROFILE
    )
    began_s = time.monotonic()
    predict = make(engine, policy, 3.0, 4, reserve_s=1.2)
    for n in range(4):
        answer_of(predict(n, f"{n}=7"))
    assert time.monotonic() - began_s < 3.0


def test_a_notebook_that_began_earlier_has_less(make: Make) -> None:
    """What passed before is charged; with nothing left the fallback comes at once."""
    predict = make(began=time.time() - 100.0, total_s=60.0, fallback=3)
    began_s = time.monotonic()
    assert answer_of(predict(1, "what is 1=7")) == 3
    assert time.monotonic() - began_s < 2.0


def test_once_the_total_is_spent_no_error_is_logged(make: Make) -> None:
    """Nothing is wrong then; an engine that blocks its thread is an error while there is time."""
    with logged() as lines:
        predict = make(began=time.time() - 100.0, total_s=60.0)
        assert [answer_of(predict(n, f"what is {n}=7")) for n in range(2)] == [0, 0]
    assert [line for line in lines if "no time is left" in line] == [
        "INFO 0: 0 at once, no time is left",
        "INFO 1: 0 at once, no time is left",
    ]
    assert not any(line.startswith("ERROR") for line in lines)
    with logged() as lines:
        answer_of(make(Blocks(Model(), PROFILE), total_s=2.0, reserve_s=1.5)(1, "1=7"))
    assert any(line.startswith("ERROR 1: 0 without the engine's thread") for line in lines)


def test_a_calendar_that_was_set_back_has_no_stream_begin_later(make: Make) -> None:
    """It begins now at the latest, and answers."""
    assert answer_of(make(began=time.time() + 3600.0)(1, "what is 1=8")) == 8


@pytest.mark.parametrize("questions", [2, (1, 5), None])
def test_more_questions_than_said_are_answered(make: Make, questions: Any) -> None:  # noqa: ANN401
    """From what is left."""
    predict = make(questions=questions)
    assert [answer_of(predict(n, f"what is {n}={n}")) for n in range(4)] == [0, 1, 2, 3]


# Engines.


class Comes(ScriptedEngine):
    """An engine whose first start takes or refuses.

    Attributes:
        error: What each start raises.
    """

    error: Exception | None = None

    async def start(self) -> None:
        """Come up or not."""
        if self.error is not None:
            raise self.error
        await super().start()


def test_the_first_question_waits_for_the_engine(make: Make) -> None:
    """Loading is charged to the stream, not to the question."""
    predict = make(Comes(Model(), PROFILE, chunk_tokens=100, start_s=0.5))
    began_s = time.monotonic()
    assert answer_of(predict(1, "what is 1=7")) == 7
    assert time.monotonic() - began_s > 0.5


def test_whatever_question_meets_an_engine_that_loads_waits_for_it_apart(make: Make) -> None:
    """The first call asks nothing; the second has less time of its own than loading takes."""
    rule = "clamp:base_s=0.3,high_s=0.3"
    engine = Comes(Model({"1=7": [FAST]}), PROFILE, chunk_tokens=10, start_s=0.8)
    predict = make(engine, rule)
    assert answer_of(predict(0, "")) == 0
    assert answer_of(predict(1, "1=7")) == 7


def test_only_the_first_call_may_wait_for_longer_than_the_cap(make: Make) -> None:
    """It has no deadline of its own; later ones have, though no engine comes."""
    engine = Comes(Model(), PROFILE, start_s=60.0)
    predict = make(engine, total_s=3.0, reserve_s=0.5, cap_s=0.3)
    took_s = []
    for n in range(3):
        began_s = time.monotonic()
        assert answer_of(predict(n, f"{n}=7")) == 0
        took_s.append(time.monotonic() - began_s)
    assert took_s[0] > 1.5
    assert max(took_s[1:]) < 1.0


def test_an_engine_that_never_comes_costs_no_answer(make: Make) -> None:
    """The first question waits, less the floor of the others; all are answered in time."""
    engine = Comes(Model(), PROFILE)
    engine.error = EngineDeadError("no")
    began_s = time.monotonic()
    predict = make(engine, total_s=3.0, reserve_s=1.2, fallback=4)
    assert [answer_of(predict(n, f"what is {n}=7")) for n in range(3)] == [4] * 3
    assert time.monotonic() - began_s < 3.0


def test_an_engine_that_cannot_come_is_not_waited_for(make: Make) -> None:
    """What no attempt mends is known at once."""
    engine = Comes(Model(), PROFILE)
    engine.error = MissingPartError("no vLLM")
    predict = make(engine, total_s=300.0)
    began_s = time.monotonic()
    assert [answer_of(predict(n, f"what is {n}=7")) for n in range(3)] == [0] * 3
    assert time.monotonic() - began_s < 10.0


def test_what_is_missing_is_said_before_the_start(make: Make) -> None:
    """Not after the last question."""

    class Lacks(ScriptedEngine):
        def require_parts(self) -> None:
            raise MissingPartError("model: there is no folder /kaggle/input/x")

    with pytest.raises(MissingPartError, match="there is no folder"):
        make(Lacks(Model(), PROFILE))


def test_an_engine_that_dies_is_started_again_within_the_question(make: Make) -> None:
    """Its votes are drawn anew."""
    scripts = [faulty(Fault.DEAD, 20), FAST]
    engine = ScriptedEngine(Model({"1=7": scripts}), PROFILE)
    assert answer_of(make(engine)(1, "1=7")) == 7
    assert engine.start_number == 2


class Blocks(ScriptedEngine):
    """An engine that blocks the loop it shares."""

    async def encode_chat(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - never returns in time
        """Block."""
        time.sleep(4.0)  # noqa: ASYNC251 - that is the fault
        return (1,)


def test_an_engine_that_blocks_its_thread_holds_up_no_answer(make: Make) -> None:
    """Whoever asks does not depend on that thread."""
    began_s = time.monotonic()
    predict = make(Blocks(Model(), PROFILE), total_s=3.0, questions=2, reserve_s=1.2, fallback=1)
    assert [answer_of(predict(n, f"{n}=7")) for n in range(2)] == [1, 1]
    assert time.monotonic() - began_s < 3.0


def test_an_engine_that_blocks_its_thread_holds_up_no_later_call_past_the_cap(make: Make) -> None:
    """Though an equal share of the time would be longer than a gateway waits."""
    predict = make(Blocks(Model(), PROFILE), total_s=30.0, questions=2, cap_s=0.5, fallback=1)
    predict(0, "")
    began_s = time.monotonic()
    assert answer_of(predict(1, "1=7")) == 1
    assert time.monotonic() - began_s < 3.0


class Raises(ScriptedEngine):
    """An engine that raises what nobody catches."""

    async def encode_chat(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - never returns
        """Raise."""
        raise SystemExit(1)


def test_not_even_an_exit_comes_through(make: Make) -> None:
    """It would hang a gateway; the next question goes the same way."""
    predict = make(Raises(Model(), PROFILE), total_s=3.0, fallback=2)
    assert [answer_of(predict(n, f"{n}=7")) for n in range(2)] == [2, 2]


def test_whatever_is_raised_in_a_call_is_answered() -> None:
    """KeyboardInterrupt too."""
    from engine.kaggle.predict import predict_of  # noqa: PLC0415 - below the public face

    def interrupt(*_: str) -> int:
        raise KeyboardInterrupt

    assert answer_of(predict_of(interrupt, 9, lambda: None, lambda: None)("a", "b")) == 9


def test_it_works_off_the_main_thread(make: Make) -> None:
    """As gateways call it."""
    predict, frames = make(), []
    thread = threading.Thread(target=lambda: frames.append(predict(1, "what is 1=8")))
    thread.start()
    thread.join(20.0)
    assert answer_of(frames[0]) == 8


def test_closing_answers_whoever_waits(make: Make) -> None:
    """A question that is open then is given up at once, with what has voted."""
    engine = ScriptedEngine(Model({"1=7": [Script(text=text_of(10**6))]}), PROFILE)
    predict, frames = make(engine, total_s=60.0, fallback=6), []
    thread = threading.Thread(target=lambda: frames.append(predict(1, "1=7")))
    thread.start()
    while not engine.running:
        time.sleep(0.01)
    began_s = time.monotonic()
    predict.close()
    thread.join(20.0)
    assert answer_of(frames[0]) == 6
    assert time.monotonic() - began_s < 10.0


# The number.


def test_a_leader_outside_the_range_gives_way_to_the_best_within(make: Make) -> None:
    """Votes within the range count where the leader's does not; without `likely` none does."""
    scripts = [Script(text=text_of(20, a)) for a in ("2000", "2000", "2000", "8")]
    for likely, expected in ((True, 8), (False, 0)):
        engine = ScriptedEngine(Model({"1=7": scripts}), PROFILE)
        predict = make(engine, "self-consistency:k=4", largest=999, likely=likely)
        assert answer_of(predict(1, "1=7")) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"answers": "any"},
        {"fallback": -1},
        {"fallback": 100_000},
        {"largest": -1},
        {"total_s": 0.0},
        {"total_s": float("inf")},
        {"reserve_s": 31.0},
        {"questions": 0},
        {"policy": "nonsense"},
    ],
)
def test_impossible_arguments_are_refused_at_the_start(make: Make, options: dict[str, Any]) -> None:
    """In one line."""
    with pytest.raises(CallerError):
        make(**options)


# The journal.


def lines_of(path: Path) -> tuple[Any, ...]:
    """Read a journal."""
    journal, lines = Journal.resume(path)
    journal.close()
    return lines


def test_a_second_process_keeps_answers_and_clock(make: Make, tmp_path: Path) -> None:
    """What was given is given again at once, and the ledger goes on."""
    path = tmp_path / "run.jsonl"
    first = make(journal=path, total_s=30.0)
    assert answer_of(first("a", "what is 1=7")) == 7
    first.close()
    engine = ScriptedEngine(Model(), PROFILE, chunk_tokens=100)
    second = make(engine, journal=path, total_s=30.0)
    assert answer_of(second("a", "what is 1=7")) == 7
    assert engine.generated == 0
    assert answer_of(second("b", "what is 2=9")) == 9
    second.close()
    lines = lines_of(path)
    assert [(g.question_id, g.answer) for g in lines if isinstance(g, GivenLine)] == [
        ("a", 7),
        ("a", 7),
        ("b", 9),
    ]
    assert [line.model for line in lines if isinstance(line, EngineLine)] == ["script"] * 2
    ledger = [line for line in lines if isinstance(line, BudgetLine)][-1]
    rows = TimeBudget.resume(bytes(ledger.saved), ledger.at_s).rows
    assert [row.question_id for row in rows if row.question_id] == ["a", "b"]


def test_a_question_that_was_cut_short_is_asked_again(make: Make, tmp_path: Path) -> None:
    """What Ctrl-C made of it was given to nobody, so the next process does not repeat it."""
    path = tmp_path / "run.jsonl"
    engine = ScriptedEngine(Model({"1=7": [Script(text=text_of(10**6))]}), PROFILE)
    first = make(engine, journal=path, total_s=60.0, fallback=6)
    thread = threading.Thread(target=first, args=("a", "what is 1=7"))
    thread.start()
    while not engine.running:
        time.sleep(0.01)
    first.close()
    thread.join(20.0)
    second = make(journal=path, total_s=60.0, fallback=6)
    assert answer_of(second("a", "what is 1=7")) == 7
    second.close()
    given = [line.answer for line in lines_of(path) if isinstance(line, GivenLine)]
    assert given == [7]


def test_a_second_process_waits_for_its_engine_apart(make: Make, tmp_path: Path) -> None:
    """Though answers were given before: the question's own time begins when it is up."""
    path, rule = tmp_path / "run.jsonl", "clamp:base_s=0.3,high_s=0.3"
    first = make(policy=rule, journal=path)
    predict_first = answer_of(first("a", "what is 1=7"))
    first.close()
    engine = Comes(Model({"2=9": [Script(text=text_of(20, "9"))]}), PROFILE, start_s=0.8)
    second = make(engine, policy=rule, journal=path)
    assert answer_of(second("a", "what is 1=7")) == predict_first
    assert answer_of(second("b", "2=9")) == 9


def test_a_journal_of_another_stream_is_refused_and_let_go(make: Make, tmp_path: Path) -> None:
    """The same process may open it again."""
    path = tmp_path / "run.jsonl"
    make(journal=path).close()
    with pytest.raises(CallerError, match="was begun with total_s"):
        make(journal=path, total_s=31.0)
    make(journal=path).close()


def test_a_dry_run_answers_nothing_in_no_time() -> None:
    """Overhead without an engine: under 5 ms of work a question at the 99th percentile."""
    predict = make_dry_predict()
    ids, texts = series(7), series("x" * 2000, "problem")
    predict(ids, texts)
    took_s = []
    for _ in range(300):
        began_s = time.thread_time()
        assert answer_of(predict(ids, texts)) == 0
        took_s.append(time.thread_time() - began_s)
    assert np.percentile(took_s, 99) < 5e-3


def test_answers_given_cost_no_time_either(make: Make) -> None:
    """The path of a question that needs no engine: under 5 ms of work at the 99th percentile."""
    predict = make()
    predict("a", "what is 1=7")
    took_s = []
    for _ in range(200):
        began_s = time.thread_time()
        predict("a", "what is 1=7")
        took_s.append(time.thread_time() - began_s)
    assert np.percentile(took_s, 99) < 5e-3
