"""What a gateway makes of what `predict` returns: taken, refused at once or refused at the end.

Measured on the gateways of AIMO 2 and AIMO 3, which differ. What was measured on one of them
alone is taken to be so on both where the same code carries it; what was measured on neither is
refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

ID, ANSWER = "id", "answer"

_MESSAGE_BYTES = 8192
"""gRPC carries no longer message of an error."""

_START_S = 900.0
"""Both gateways wait for the server so long."""

_SHOWN = 120
"""Characters of a message or value that an error shows."""

_UNSENDABLE = {"Int128", "UInt128", "Object"}
"""Types of columns that do not get from the server to the gateway."""


class Failure(StrEnum):
    """How a run ends that brings no submission."""

    REFUSED = "refused at the start"
    """The function is none that the gateway finds."""
    UNSTARTED = "server never started"
    """It was not there in time, since something heavy came before `serve()`."""
    INVALID = "invalid submission"
    """What came back is not what an answer may be."""
    EXCEPTION = "exception in the gateway"
    """The gateway trips over what came back."""
    AT_END = "exception after the last question"
    """It trips over it once all questions are answered."""
    SERVER = "server exception"
    """What is returned does not get out of the server."""
    ABORTED = "run aborted"
    """`predict` raised."""
    CONNECTION = "connection failure"
    """gRPC gave up."""
    DEADLINE = "deadline exceeded"
    """The answer came too late."""
    HANG = "hangs to the deadline"
    """The server's one worker has died silently, so nobody answers."""


class GatewayError(Exception):
    """The run has failed, and with it everything; the message is one line.

    Args:
        failure: How.
        what: What was wrong.
        call: Number of the call, from 1; None if it was no call's fault alone.
        question_id: Of that call.
    """

    def __init__(
        self, failure: Failure, what: str, *, call: int | None = None, question_id: object = None
    ) -> None:
        where = "" if call is None else f"call {call} (id {_short(repr(question_id))}): "
        super().__init__(f"{where}{failure}: {_short(what)}")
        self.failure = failure
        self.call = call


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What sets one gateway apart from the other.

    Attributes:
        name: Of the contest.
        text: Name of the Series that holds the problem.
        start_s: Seconds from the start until the server has to be there.
        deadline_s: Seconds for each call after the first, which has as long as it likes.
        late: What it is called when a call takes longer.
        methods: Whether bound methods are found.
        strict: Whether an answer must be a table with the very id that was sent, checked at
            once; otherwise the id is overwritten, and most faults are found at the end.
    """

    name: str
    text: str
    start_s: float
    deadline_s: float
    late: Failure
    methods: bool
    strict: bool


AIMO2 = Rules(
    name="aimo2",
    text="question",
    start_s=_START_S,
    deadline_s=30 * 60.0,
    late=Failure.CONNECTION,
    methods=True,
    strict=True,
)
"""The second contest: kaggle_evaluation 0.3.0."""

AIMO3 = Rules(
    name="aimo3",
    text="problem",
    start_s=_START_S,
    deadline_s=9 * 3600.0,
    late=Failure.DEADLINE,
    methods=False,
    strict=False,
)
"""The third contest: kaggle_evaluation 0.9.0."""

RULES = {rules.name: rules for rules in (AIMO2, AIMO3)}


class Judge:
    """Takes the answers of a run one after another.

    Args:
        rules: Of the contest.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._taken: list[tuple[_Shape, pl.DataFrame]] = []
        self._ids: list[pl.Series] = []

    def take(self, returned: object, sent_id: pl.Series) -> pl.DataFrame:
        """Take what came back from a call, as far as it is judged at once.

        Args:
            returned: By `predict`.
            sent_id: The id that was sent, one row.

        Returns:
            The answer as a table.

        Raises:
            GatewayError: if the run fails here.
        """
        call = len(self._taken) + 1
        try:
            shape, frame = self._judge(returned, sent_id)
        except _Refusal as refusal:
            raise GatewayError(
                refusal.failure, refusal.what, call=call, question_id=sent_id.item(0)
            ) from None
        self._taken.append((shape, frame))
        self._ids.append(sent_id)
        return frame

    def submission(self) -> pl.DataFrame:
        """Put the answers together, which is where the gateway trips over many of them.

        Returns:
            A row a call; the columns `id` and `answer`, and what else was returned.

        Raises:
            GatewayError: if the run fails here.
        """
        shapes = [shape for shape, _ in self._taken]
        odd = next((at for at, shape in enumerate(shapes) if shape is not shapes[0]), None)
        if odd is not None:
            raise _at_end(f"call {odd + 1} returned {shapes[odd]}, call 1 {shapes[0]}")
        if shapes[0] not in {_Shape.POLARS, _Shape.PANDAS, _Shape.NAMED}:
            raise _at_end(f"the calls returned {shapes[0]}, not a table with {ID} and {ANSWER}")
        frames = [frame for _, frame in self._taken]
        for number, frame in enumerate(frames, 1):
            if frame.columns != frames[0].columns:
                raise _at_end(
                    f"call {number} returned the columns {', '.join(frame.columns)}, "
                    f"call 1 {', '.join(frames[0].columns)}"
                )
        try:
            table = pl.concat(frames, how="vertical_relaxed")
        except pl.exceptions.PolarsError as error:
            raise _at_end(f"types differ between calls: {error}") from error
        if ANSWER not in table.columns:
            raise _at_end(f"there is no column {ANSWER}, but {', '.join(table.columns)}")
        if not self._rules.strict:
            table = table.with_columns(pl.concat(self._ids))
        return table.select(ID, pl.exclude(ID))

    def _judge(self, returned: object, sent_id: pl.Series) -> tuple[_Shape, pl.DataFrame]:
        if returned is None:
            raise _Refusal(Failure.INVALID, "nothing was returned")
        shape = _shape(returned)
        if self._rules.strict and shape not in {_Shape.POLARS, _Shape.PANDAS}:
            raise _Refusal(Failure.EXCEPTION, f"{_kind(returned)} was returned, not a table")
        if shape is _Shape.OTHER:
            raise _Refusal(Failure.INVALID, f"{_kind(returned)} was returned")
        frame = _table(shape, returned)
        for name, dtype in frame.schema.items():
            if str(dtype) in _UNSENDABLE:
                raise _Refusal(Failure.SERVER, f"column {name}: {dtype} can't be sent")
        if frame.height != 1:
            raise _Refusal(Failure.INVALID, f"{frame.height} rows were returned for one")
        if self._rules.strict:
            if ID not in frame.columns:
                raise _Refusal(Failure.INVALID, f"there is no column {ID}")
            if not frame[ID].equals(sent_id):
                raise _Refusal(Failure.INVALID, f"the {ID} returned is {frame[ID].item(0)!r}")
        return shape, frame


class _Refusal(Exception):  # noqa: N818 - never seen outside; it becomes a GatewayError
    """What is wrong with one answer."""

    def __init__(self, failure: Failure, what: str) -> None:
        super().__init__(what)
        self.failure = failure
        self.what = what


class _Shape(StrEnum):
    """What came back, as far as gateways tell apart."""

    POLARS = "a polars DataFrame"
    PANDAS = "a pandas DataFrame"
    NAMED = "a named pandas Series"
    UNNAMED = "an unnamed pandas Series"
    SERIES = "a polars Series"
    SCALAR = "a plain value"
    OTHER = "something else"


def _shape(returned: object) -> _Shape:
    if isinstance(returned, pl.DataFrame):
        return _Shape.POLARS
    if isinstance(returned, pl.Series):
        return _Shape.SERIES
    match _pandas_name(returned):
        case "DataFrame":
            return _Shape.PANDAS
        case "Series":
            return _Shape.NAMED if getattr(returned, "name", None) else _Shape.UNNAMED
    # Of numpy's integers the gateway of AIMO 3 knows the default one alone.
    return _Shape.SCALAR if isinstance(returned, int | float | str | np.int64) else _Shape.OTHER


def _pandas_name(value: object) -> str | None:
    """Give the name of a value's class in pandas, which is not imported for it."""
    for kind in type(value).__mro__:
        if kind.__module__.partition(".")[0] == "pandas" and kind.__name__ in {
            "DataFrame",
            "Series",
        }:
            return kind.__name__
    return None


def _table(shape: _Shape, returned: Any) -> pl.DataFrame:  # noqa: ANN401 - of any library
    columns: dict[str, Sequence[object]]
    match shape:
        case _Shape.POLARS:
            frame: pl.DataFrame = returned
            return frame
        case _Shape.PANDAS:
            columns = {str(name): list(returned[name]) for name in returned.columns}
        case _Shape.NAMED | _Shape.UNNAMED:
            columns = {str(returned.name or ANSWER): list(returned)}
        case _Shape.SERIES:
            columns = {returned.name or ANSWER: returned.to_list()}
        case _:
            columns = {ANSWER: [returned]}
    return pl.DataFrame(columns, strict=False)


def _at_end(what: str) -> GatewayError:
    return GatewayError(Failure.AT_END, what)


def judge_raised(error: BaseException) -> tuple[Failure, str]:
    """Say what becomes of a run in which `predict` raised, and why."""
    text = repr(error)
    if not isinstance(error, Exception):
        return Failure.HANG, f"{type(error).__name__} ends the server's only worker"
    size = len(str(error).encode(errors="replace"))
    if size > _MESSAGE_BYTES:
        return Failure.CONNECTION, f"a message of {size:,} bytes was raised, of {_MESSAGE_BYTES:,}"
    return Failure.ABORTED, f"predict raised {text}"


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
