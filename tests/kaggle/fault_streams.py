"""Streams on which all may go wrong, played through the real `predict` and judged from outside.

What a stream meets is drawn from its seed and number alone. What it must hold is reckoned here
from what was promised (docs/kaggle.md), not from what the product says of itself.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import polars as pl
from failing_engines import EngineFault, FailingEngine
from ledgers import imbalance_of
from virtual_predict import ProcessKilledError, VirtualTime, virtual_world

from engine.journal import Journal
from engine.kaggle import make_predict
from scheduler import BudgetLine, CallerError, GivenLine, LatencyProfile
from scheduler.latency import Decode

if TYPE_CHECKING:
    from numpy.random import Generator

    from engine.kaggle import Predict

QUESTIONS = 50
"""That a gateway asks in one stream."""

POLICIES = (
    *("clamp", "shadow-price", "lead:width=4,cap=8,lead=3", "share:width=4,equal=3", "gears"),
    *("self-consistency:k=4", "uncatchable-leader:width=4", "line:width=4", "bank:width=4"),
    "parallel-probe:width=4,interval=100,stable=2,warm_up=1,patience=2",
)

TOTALS_S = (60.0, 600.0, 3600.0, 17_400.0)

LARGEST = 99_999

SLACK_S = 0.01
"""Virtual seconds that turns of the loop may take unseen."""

_CAP_S = 1740.0
_LATE_S, _LATE_SHARE = 1.0, 0.1
_RESERVE_SHARE, _FLOOR_SHARE = 0.02, 0.1
_TOKENS = 300
_ROOM = 8 * _TOKENS
_HOUR_S = 3600.0
_LONG = 100_000
_CLOSED_BY_S = 60.0
"""Virtual seconds after which whoever closes a `predict` has it closed."""


class GatewayFault(StrEnum):
    """What may be odd about calls."""

    LATE_CALLS = "calls late"
    REPEATED_IDS = "repeats ids"
    REPEATED_TEXT = "repeats texts"
    CHANGED_TYPES = "changes types"
    EMPTY_TEXT = "empty texts"
    LONG_TEXT = "texts of 100 kB"
    NONE = "sends None"
    MORE = "asks more than said"


class ClockFault(StrEnum):
    """What may happen to clocks and to the process that reads them."""

    CALENDAR = "calendar is set"
    SUSPENDED = "steady clock jumps"
    KILLED = "process is killed"
    REBOOTED = "machine reboots"


NO_FAULT = "none"
"""What streams without one are listed under."""

FAULTS: tuple[StrEnum, ...] = (*EngineFault, *GatewayFault, *ClockFault)


class Counts(msgspec.Struct, kw_only=True):
    """What is counted of one stream, or of several.

    Attributes:
        calls: Of `predict`.
        after_total: Calls that came when the total was over.
        right: Answers that were right.
        overruns: Answers after the total, of calls that came before; or of those that came
            later, answers that did not come at once.
        unanswered: Calls that raised.
        wrong_shapes: Answers that were not one row of the types that were due.
        late: Answers after their question's own deadline.
        changed: Texts that came again and got another answer, answers that the journal has
            otherwise.
        unbalanced: Journals whose ledger does not add up.
    """

    calls: int = 0
    after_total: int = 0
    right: int = 0
    overruns: int = 0
    unanswered: int = 0
    wrong_shapes: int = 0
    late: int = 0
    changed: int = 0
    unbalanced: int = 0


class Outcome(Counts, kw_only=True):
    """How a stream ended.

    Attributes:
        stream: Its number.
        faults: That it met.
        total_s: Of the stream.
        reserve_s: Of that, what no question may touch.
        left_s: What was left of the total after the last answer in time.
        mishaps: In words.
    """

    stream: int
    faults: tuple[str, ...]
    total_s: float
    reserve_s: float
    left_s: float
    mishaps: list[str]

    def note(self, what: str) -> None:
        """Keep a mishap in words."""
        self.mishaps.append(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a gateway sends, and what is due back.

    Attributes:
        sent_id: As sent.
        due_id: The column that is due.
        sent_text: As sent.
        text: What it says; empty where nothing.
        pause_s: Seconds before the call.
    """

    sent_id: object
    due_id: pl.Series
    sent_text: object
    text: str
    pause_s: float

    @property
    def key(self) -> str:
        """What two tellings of one problem have in common."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed on the time.

    Attributes:
        total_s: Seconds of the stream.
        questions: As `make_predict` takes it.
        reserve_s: As it does.
        floor_s: The same.
    """

    total_s: float
    questions: int | tuple[int, int] | None
    reserve_s: float | None
    floor_s: float | None

    @property
    def usable_s(self) -> float:
        """Seconds before the reserve."""
        return self.total_s - (
            self.total_s * _RESERVE_SHARE if self.reserve_s is None else self.reserve_s
        )

    def due_s(self, at_s: float, asked: int, *, first: bool) -> float:
        """Say by when a question has its answer, whatever happens.

        Args:
            at_s: When it came.
            asked: Questions that have come, it included.
            first: Whether it is the first call, which has no deadline of its own: it waits for
                the engine as long as later ones keep their floor, and then shares that floor.
        """
        most = self.questions[1] if isinstance(self.questions, tuple) else self.questions
        later = asked if most is None else max(0, most - asked)
        left_s = max(0.0, self.usable_s - at_s)
        floor_s = self.floor_s
        if floor_s is None:
            floor_s = 0.0 if most is None else _FLOOR_SHARE * self.usable_s / most
        kept_s = min(floor_s, left_s / (later + 1)) * later
        by_s = at_s + left_s - kept_s
        if first:
            by_s += kept_s / (later + 1)
        else:
            by_s = min(by_s, at_s + _CAP_S)
        return by_s + max(0.0, min(_LATE_S, _LATE_SHARE * (self.total_s - by_s)))


class PandasSeries:
    """As much of pandas' Series as is read of it."""

    def __init__(self, value: object) -> None:
        self.iloc = [value]

    def __len__(self) -> int:
        """Count rows."""
        return 1


def draw_faults(rng: Generator) -> frozenset[StrEnum]:
    """Draw what goes wrong in a stream: nothing, or up to three things."""
    count = rng.choice(4, p=(0.05, 0.45, 0.3, 0.2))
    return frozenset(FAULTS[n] for n in rng.choice(len(FAULTS), size=count, replace=False))


def draw_terms(rng: Generator, faults: frozenset[StrEnum]) -> Terms:
    """Draw what is agreed on the time."""
    total_s = TOTALS_S[rng.integers(len(TOTALS_S))]
    usual_s = total_s / QUESTIONS
    known = (QUESTIONS, QUESTIONS, QUESTIONS, None, (40, 60))
    questions = 30 if GatewayFault.MORE in faults else known[rng.integers(len(known))]
    return Terms(
        total_s=total_s,
        questions=questions,
        reserve_s=None if rng.random() < 0.7 else total_s * float(rng.uniform(0.01, 0.2)),
        floor_s=None if rng.random() < 0.7 else usual_s * float(rng.uniform(0.0, 0.9)),
    )


def draw_calls(rng: Generator, faults: frozenset[StrEnum], total_s: float) -> list[Call]:
    """Draw what the gateway asks."""
    usual_s = total_s / QUESTIONS
    pause_s = 0.0
    if GatewayFault.LATE_CALLS in faults:
        pause_s = usual_s * float(rng.choice((0.05, 0.3, 1.0, 3.0)))
    share = float(rng.choice((0.1, 0.5)))
    calls: list[Call] = []
    for number in range(QUESTIONS):
        text = f"q{number} what is n={rng.integers(LARGEST + 1)}"
        if GatewayFault.REPEATED_TEXT in faults and calls and rng.random() < share:
            text = f" {calls[rng.integers(len(calls))].text}\n"
        if GatewayFault.EMPTY_TEXT in faults and rng.random() < share:
            text = ("", "  \n\t")[rng.integers(2)]
        if GatewayFault.LONG_TEXT in faults and rng.random() < 0.1:
            text = "x" * _LONG + text
        name = int(rng.integers(3)) if GatewayFault.REPEATED_IDS in faults else number
        sent_id, due_id = _id_of(rng, name, changed=GatewayFault.CHANGED_TYPES in faults)
        sent_text = _text_of(rng, text, changed=GatewayFault.CHANGED_TYPES in faults)
        if GatewayFault.NONE in faults and rng.random() < share:
            sent_id, due_id = None, pl.Series("id", [None], dtype=pl.String)
        if GatewayFault.NONE in faults and rng.random() < share:
            sent_text, text = (
                (None, pl.Series("problem", [None], dtype=pl.String))[rng.integers(2)],
                "",
            )
        late_s = pause_s * rng.exponential() if pause_s else usual_s * 1e-3
        calls.append(
            Call(sent_id=sent_id, due_id=due_id, sent_text=sent_text, text=text, pause_s=late_s)
        )
    return calls


def _plain(value: object) -> pl.Series:
    return pl.Series("id", [value])


def _id_of(rng: Generator, number: int, *, changed: bool) -> tuple[object, pl.Series]:
    """Return an id as it is sent and as it is due."""
    word = f"{number}a"
    if not changed:
        return _plain(word), _plain(word)
    series = (
        pl.Series("id", [number]),
        pl.Series("id", [float(number)]),
        pl.Series("id", [word]),
        pl.Series("other", [number], dtype=pl.UInt8),
        pl.Series("id", [word], dtype=pl.Categorical),
        pl.Series("id", [[number, 1]]),
        pl.Series("id", [None], dtype=pl.Int64),
        pl.Series("id", [{"a": number}]),
        pl.Series("id", [bool(number)]),
    )
    sent_as = (
        *((one, one.rename("id")) for one in series),
        (number, _plain(number)),
        (word, _plain(word)),
        (float(number), _plain(float(number))),
        (np.int64(number), _plain(number)),
        (np.float32(number), _plain(float(number))),
        (np.str_(word), _plain(word)),
        (PandasSeries(number), _plain(number)),
        (PandasSeries(word), _plain(word)),
        (2**70, _plain(str(2**70))),
        (word.encode(), _plain(word)),
    )
    return sent_as[rng.integers(len(sent_as))]


def _text_of(rng: Generator, text: str, *, changed: bool) -> object:
    """Return a text as it is sent."""
    series = pl.Series("problem", [text])
    if not changed:
        return series
    ways = (series, text, PandasSeries(text), text.encode(), np.str_(text))
    return ways[rng.integers(len(ways))]


class FaultStream:
    """One stream.

    Args:
        seed: Of the campaign.
        number: Of the stream.
        faults: That it meets; None draws them.
    """

    def __init__(self, seed: int, number: int, faults: frozenset[StrEnum] | None = None) -> None:
        rng = self._rng = np.random.default_rng([seed, number])
        drawn = draw_faults(rng)
        self.faults = drawn if faults is None else faults
        self._number = number
        self._terms = terms = draw_terms(rng, self.faults)
        self._calls = draw_calls(rng, self.faults, terms.total_s)
        self._policy = POLICIES[rng.integers(len(POLICIES))]
        took_s = terms.total_s / QUESTIONS * float(rng.choice((0.2, 0.6)))
        step_s = took_s / _TOKENS
        self._profile = LatencyProfile(
            name="flat", decode=Decode(width=(1,), step_s=(step_s,)), stop_s=step_s
        )
        self._logprobs = 3 if rng.random() < 0.2 else 0
        self._reads_long = GatewayFault.LONG_TEXT in self.faults and rng.random() < 0.7
        self._began_s = float(rng.choice((0.0, 0.1 * terms.total_s)))  # before `make_predict`
        self._kills_s = self._draw_kills()
        self._suspensions = self._draw_suspensions()
        self._time = VirtualTime(
            self._began_s,
            suspensions=self._suspensions,
            calendar_jumps=self._draw_calendar(),
        )
        self._outcome = Outcome(
            stream=number,
            faults=tuple(sorted(map(str, self.faults))) or (NO_FAULT,),
            total_s=terms.total_s,
            reserve_s=terms.total_s - terms.usable_s,
            left_s=terms.total_s,
            mishaps=[],
        )
        self._given: dict[str, int] = {}
        self._handed: list[int] = []
        self._asked: set[str] = set()

    def play(self) -> Outcome:
        """Play it and judge it."""
        with TemporaryDirectory() as folder, virtual_world(self._time):
            path = Path(folder) / "run.jsonl"
            self._play_all(path)
            self._judge_journal(path)
        return self._outcome

    # Luck.

    def _draw_kills(self) -> list[float]:
        if not self.faults & {ClockFault.KILLED, ClockFault.REBOOTED}:
            return []
        count = self._rng.integers(1, 4)
        times = self._rng.uniform(self._began_s, self._terms.total_s, size=count)
        return sorted(times.tolist())

    def _draw_suspensions(self) -> list[tuple[float, float]]:
        """Draw jumps of the steady clock that the reserve has room for, all of them together."""
        if ClockFault.SUSPENDED not in self.faults:
            return []
        room_s = 0.8 * (self._terms.total_s - self._terms.usable_s)
        count = int(self._rng.integers(1, 5))
        times = self._rng.uniform(0.0, self._terms.total_s, size=count).tolist()
        return [(at_s, room_s / count) for at_s in times]

    def _draw_calendar(self) -> list[tuple[float, float]]:
        """Draw when the calendar is set, an hour ahead or back, once `predict` is made.

        Where the machine boots meanwhile there is nothing else to go by, so it is left alone.
        """
        if not self.faults & {ClockFault.CALENDAR, ClockFault.KILLED}:
            return []
        if ClockFault.REBOOTED in self.faults:
            return []
        count = self._rng.integers(1, 5)
        times = self._rng.uniform(self._began_s, self._terms.total_s, size=count).tolist()
        return [(at_s, _HOUR_S * float(self._rng.choice((-1, 1)))) for at_s in times]

    # Playing.

    def _play_all(self, path: Path) -> None:
        predict = self._make(path)
        calls = list(self._calls)
        while calls:
            if predict is None or self._is_dead():
                predict = self._restart(path)
                if self._rng.random() < 0.5:  # some gateways ask all over again
                    calls = list(self._calls)
                continue
            if self._call(predict, calls[0]):
                calls.pop(0)
        if predict is not None:
            self._close(predict)

    def _make(self, path: Path) -> Predict | None:
        """Make `predict`; None if the process is killed before it is made."""
        terms, time = self._terms, self._time
        time.killed_at_s = self._kills_s[0] if self._kills_s else inf
        own = frozenset(fault for fault in self.faults if isinstance(fault, EngineFault))
        engine = FailingEngine(
            own,
            self._rng,
            self._profile,
            tokens=_TOKENS,
            stream_s=terms.total_s,
            max_model_len=_ROOM + (_LONG if self._reads_long else 0),
        )
        return make_predict(
            engine,
            self._policy,
            terms.total_s,
            terms.questions,
            began=time.calendar().timestamp() - time.now_s,
            reserve_s=terms.reserve_s,
            floor_s=terms.floor_s,
            logprobs=self._logprobs,
            profile=self._profile,
            journal=path,
        )

    def _is_dead(self) -> bool:
        return self._time.now_s >= self._time.killed_at_s

    def _restart(self, path: Path) -> Predict | None:
        """Let a second process go on with the journal, at times after a torn line."""
        time = self._time
        time.threads[-1].close()
        self._kills_s.pop(0)
        if self._rng.random() < 0.5:
            with path.open("ab") as file:
                file.write(b'{"kind":"event","event"')
        time.pass_to(time.now_s + self._terms.total_s * float(self._rng.uniform(0.0, 0.05)))
        if ClockFault.REBOOTED in self.faults:
            time.reboot()
        self._kills_s = [at_s for at_s in self._kills_s if at_s > time.now_s]
        return self._make(path)

    def _call(self, predict: Predict, call: Call) -> bool:
        """Call `predict` and judge what it does; whether the process has lived through it."""
        terms, time, tally = self._terms, self._time, self._outcome
        try:
            time.threads[-1].wait(Future(), call.pause_s)
        except ProcessKilledError:
            return False
        called_s = time.now_s
        answer: object = None
        raised: BaseException | None = None
        try:
            answer = predict(call.sent_id, call.sent_text)
        except BaseException as error:  # noqa: BLE001 - that is what is judged
            raised = error
        if self._is_dead():
            return False
        tally.calls += 1
        first = tally.calls == 1
        if call.key:
            self._asked.add(call.key)
        due_s = terms.due_s(called_s, len(self._asked), first=first)
        due_s += sum(
            for_s for at_s, for_s in self._suspensions if called_s - for_s <= at_s <= time.now_s
        )
        took = f"call {tally.calls} at {called_s:.2f} s, answered at {time.now_s:.2f}"
        if time.now_s > due_s + SLACK_S:
            tally.late += 1
            tally.note(f"{took}: was due at {due_s:.2f}")
        if called_s > terms.total_s:
            tally.after_total += 1
            tally.overruns += time.now_s > called_s + SLACK_S
        else:
            tally.left_s = min(tally.left_s, max(0.0, terms.total_s - time.now_s))
            tally.overruns += time.now_s > terms.total_s
            if time.now_s > terms.total_s:
                tally.note(f"{took}: after {terms.total_s:.2f}")
        if raised is not None:
            tally.unanswered += 1
            tally.note(f"{took}: {raised!r}")
            return True
        wrong = shape_of(answer, call.due_id)
        if wrong is not None:
            tally.wrong_shapes += 1
            tally.note(f"{took}: {wrong}")
        else:
            self._judge_answer(call, int(answer["answer"].item()), took)  # type: ignore[index] # a frame
        return True

    def _judge_answer(self, call: Call, answer: int, took: str) -> None:
        self._handed.append(answer)
        self._outcome.right += call.text.strip().endswith(f"={answer}")
        before = self._given.setdefault(call.key, answer)
        if before != answer:
            self._outcome.changed += 1
            self._outcome.note(f"{took}: {answer}, before it was {before}")

    def _close(self, predict: Predict) -> None:
        began_s = self._time.now_s
        self._time.killed_at_s = inf
        predict.close()
        if self._time.now_s > began_s + _CLOSED_BY_S:
            self._outcome.late += 1
            self._outcome.note(f"closing took {self._time.now_s - began_s:.2f} s")

    # The journal.

    def _judge_journal(self, path: Path) -> None:
        tally = self._outcome
        try:
            journal, lines = Journal.resume(path)
        except CallerError as error:
            tally.unbalanced += 1
            tally.note(f"the journal cannot be read: {error}")
            return
        journal.close()
        ledgers = [line for line in lines if isinstance(line, BudgetLine)]
        if ledgers:
            wrong = imbalance_of(bytes(ledgers[-1].saved), ledgers[-1].at_s, self._terms.usable_s)
            if wrong is not None:
                tally.unbalanced += 1
                tally.note(f"ledger: {wrong}")
        given = [line.answer for line in lines if isinstance(line, GivenLine)]
        if given != self._handed:
            tally.changed += 1
            tally.note(f"the journal has {len(given)} answers, handed were {len(self._handed)}")


def shape_of(answer: object, due_id: pl.Series) -> str | None:
    """Say what is wrong with what `predict` returned; None if nothing is."""
    if not isinstance(answer, pl.DataFrame):
        return f"returned a {type(answer).__name__}"
    if answer.columns != ["id", "answer"] or answer.height != 1:
        return f"returned columns {answer.columns}, {answer.height} rows"
    if answer.schema["id"] != due_id.dtype or not answer["id"].equals(due_id):
        return f"id {due_id.item()!r} ({due_id.dtype}) came back as {answer['id']!r}"
    if answer.schema["answer"] != pl.Int64 or answer["answer"].item() is None:
        return f"answer {answer['answer']!r}"
    if not 0 <= answer["answer"].item() <= LARGEST:
        return f"answer {answer['answer'].item()} is out of range"
    return None
