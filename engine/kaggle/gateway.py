"""Our double of Kaggle's gateway: it asks question after question and judges what comes back.

It behaves as the gateways of AIMO 2 and AIMO 3 were measured to, but for three things: nothing
goes through a socket, what would hang to the deadline is said at once, and the first call is
made as soon as it is told to run.
"""

from __future__ import annotations

import inspect
import io
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from engine.kaggle.judging import (
    AIMO2,
    AIMO3,
    ANSWER,
    ID,
    RULES,
    Failure,
    GatewayError,
    Judge,
    Rules,
    judge_raised,
)
from engine.questions import QuestionsError, read_questions
from terminal.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator

    from engine.questions import Question

__all__ = [
    "AIMO2",
    "AIMO3",
    "RULES",
    "SUBMISSION",
    "Call",
    "Failure",
    "GatewayError",
    "Rules",
    "Run",
    "Sheet",
    "read_sheet",
    "run_gateway",
]

SUBMISSION = Path("submission.parquet")
"""What Kaggle takes as the result of a notebook."""

_TEXT = ("question", "problem")

_Outcome: TypeAlias = "tuple[object, BaseException | None]"
"""What `predict` returned, or what it raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The questions of a contest.

    Attributes:
        frame: The columns `id` and `text`, of the types that polars finds in the file.
        questions: The same as texts, with their gold answers where the file has them.
    """

    frame: pl.DataFrame
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A question and its answer.

    Attributes:
        number: From 1.
        question: That was asked.
        frame: That came back, one row.
        seconds: From asking to the answer.
    """

    number: int
    question: Question
    frame: pl.DataFrame
    seconds: float

    @property
    def answer(self) -> object:
        """The value in the column `answer`; None if there is none."""
        return self.frame[ANSWER].item(0) if ANSWER in self.frame.columns else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that went well.

    Attributes:
        calls: In order.
        submission: What was handed in: the columns `id` and `answer`, a row a call.
    """

    calls: tuple[Call, ...]
    submission: pl.DataFrame


def read_sheet(path: Path) -> Sheet:
    """Read a contest's file.

    Args:
        path: A CSV with `id`, `problem` or `question` and perhaps `answer` (gold).

    Raises:
        QuestionsError: naming the file, the row, the column and the value.
    """
    if not path.name.removesuffix(".gz").endswith(".csv") or _holds_json(path):
        raise QuestionsError(
            f"{path}: must be CSV with the columns id, problem (or question) and perhaps answer, "
            "as Kaggle's test.csv is; JSON lines and parquet are for engine.solve"
        )
    questions = read_questions(path)
    try:
        frame = pl.read_csv(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise QuestionsError(f"{path}: {str(error).splitlines()[0]}") from error
    text = next((name for name in _TEXT if name in frame.columns), None)
    if ID not in frame.columns or text is None:
        missing = ID if text is not None else " or ".join(_TEXT)
        raise QuestionsError(f"{path}, column {missing}: is missing")
    return Sheet(frame=frame.select(ID, pl.col(text).alias("text")), questions=tuple(questions))


def _holds_json(path: Path) -> bool:
    """Whether a file looks like JSON, whatever its name; one that cannot be read does not."""
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip()[:1] in {b"{", b"["}
    except OSError:
        return False


def run_gateway(
    predict: Callable[..., object],
    sheet: Sheet,
    rules: Rules = AIMO3,
    *,
    began_s: float | None = None,
    rng: Generator | None = None,
    twice: bool = False,
    submission: Path | None = SUBMISSION,
    on_answer: Callable[[Call], None] | None = None,
) -> Run:
    """Ask every question and hand in the answers.

    Args:
        predict: Called in a thread of its own, one call at a time.
        sheet: The questions.
        rules: Of the contest.
        began_s: When the gateway began to wait for `predict`, as `time.perf_counter()` told
            then; None for now.
        rng: Shuffles the questions, as public reruns do; None asks in the file's order.
        twice: Ask all of them again once all are answered, shuffled anew if at all.
        submission: Written after the last question, whole or not at all; None for nowhere.
        on_answer: Called after each answer that is taken.

    Raises:
        GatewayError: if a real run would have failed; nothing is handed in then.
        OSError: if the submission cannot be written.
    """
    _require_start(perf_counter() if began_s is None else began_s, rules)
    _require_endpoint(predict, rules)
    judge = Judge(rules)
    calls: list[Call] = []
    server = _Server(predict)
    try:
        for number, place in enumerate(_order(sheet, rng, twice=twice), 1):
            row = sheet.frame.slice(place, 1)
            began_s = perf_counter()
            returned = _ask(server, number, row, rules)
            seconds = perf_counter() - began_s
            frame = judge.take(returned, row[ID])
            call = Call(
                number=number, question=sheet.questions[place], frame=frame, seconds=seconds
            )
            calls.append(call)
            if on_answer is not None:
                on_answer(call)
    finally:
        server.close()
    table = judge.submission()
    if submission is not None:
        content = io.BytesIO()
        table.write_parquet(content)
        write_whole(submission, content.getvalue())
    return Run(calls=tuple(calls), submission=table)


def _require_start(began_s: float, rules: Rules) -> None:
    waited_s = perf_counter() - began_s
    if waited_s > rules.start_s:
        raise GatewayError(
            Failure.UNSTARTED, f"predict was there after {waited_s:.1f} s, of {rules.start_s:g}"
        )


def _require_endpoint(predict: Callable[..., object], rules: Rules) -> None:
    name = getattr(predict, "__name__", None)
    if name != "predict":
        raise GatewayError(
            Failure.REFUSED, f"the function must be named predict, got {name or predict!r}"
        )
    if inspect.ismethod(predict) and not rules.methods:
        raise GatewayError(Failure.REFUSED, "predict must be a plain function, got a bound method")


def _order(sheet: Sheet, rng: Generator | None, *, twice: bool) -> Iterator[int]:
    for _ in range(1 + twice):
        count = len(sheet.questions)
        yield from range(count) if rng is None else map(int, rng.permutation(count))


def _ask(server: _Server, number: int, row: pl.DataFrame, rules: Rules) -> object:
    """Make a call; its number decides how long it may take."""
    # Polars restarts system calls after a signal: Ctrl-C would not end a wait without a limit.
    wait_s = threading.TIMEOUT_MAX if number == 1 else rules.deadline_s
    question_id, text = row[ID], row["text"].rename(rules.text)
    try:
        returned, raised = server.call(question_id, text, wait_s)
    except TimeoutError:
        raise GatewayError(
            rules.late,
            f"no answer within {rules.deadline_s:g} s; predict goes on alone",
            call=number,
            question_id=question_id.item(0),
        ) from None
    if raised is not None:
        failure, what = judge_raised(raised)
        raise GatewayError(failure, what, call=number, question_id=question_id.item(0)) from raised
    return returned


class _Server:
    """Calls a function in one thread, which is not the main one.

    The thread is a daemon: an executor's would keep the process from ending for as long as a
    call goes on that nobody waits for any more.
    """

    def __init__(self, predict: Callable[..., object]) -> None:
        self._predict = predict
        self._calls: SimpleQueue[tuple[pl.Series, pl.Series, Future[_Outcome]] | None]
        self._calls = SimpleQueue()
        threading.Thread(target=self._serve, name="server", daemon=True).start()

    def call(self, question_id: pl.Series, text: pl.Series, wait_s: float) -> _Outcome:
        """Call the function.

        Raises:
            TimeoutError: if it takes longer than `wait_s`.
        """
        outcome: Future[_Outcome] = Future()
        self._calls.put((question_id, text, outcome))
        return outcome.result(wait_s)

    def close(self) -> None:
        """End the thread once it is free."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            question_id, text, outcome = call
            try:
                outcome.set_result((self._predict(question_id, text), None))
            except BaseException as error:  # noqa: BLE001 - each kind is judged
                outcome.set_result((None, error))
