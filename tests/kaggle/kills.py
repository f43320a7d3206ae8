"""Kills the process of `predict` at random moments of streams, and asks the next one all again.

`python tests/kaggle/kills.py --help` says how. Each stream has a total time that binds, one
journal, and several processes one after another; here, outside of them, is the gateway. Nothing
the product says of itself is believed: what was received is compared with what is received again
and with the journal, by the clock of this side.

Two things are not as in the product: boxes are read by a pattern, not by a process that loads
sympy for seconds, and processes are forks of this one, so that they need not import everything.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from loguru import logger
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))  # for what suites share

from ledgers import imbalance_of
from scripted_streams import BoxParser, text_of

from engine.kaggle import make_predict, predict
from engine.options import count, count_or_zero
from engine.scripted import Script, ScriptedEngine
from scheduler import (
    BudgetLine,
    CallerError,
    EngineLine,
    EventLine,
    GivenLine,
    JournalHeader,
    LatencyProfile,
    QuestionOpened,
    ResumedLine,
    TimeBudget,
    decode_line,
)
from scheduler.latency import Decode
from terminal.command import Parser, announce, new_file
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from numpy.random import Generator

    from scheduler import JournalLine, LedgerRow

QUESTIONS = 8
TOTAL_S = 3.0
RESERVE_S = 0.6
"""Of a stream; a loaded machine may keep an answer waiting for the rest of the reserve."""

POLICIES = ("self-consistency:k=6", "lead:width=4,cap=12,lead=3", "clamp", "shadow-price")

AT_ONCE_S = 1.0
"""A call so close to the total, or after it, has its answer so soon; most is the machine's."""

_PROG = "python tests/kaggle/kills.py"
_EPILOG = f"""Exit code 1 if anything that was promised did not hold.

example:
  {_PROG} --kills 200 --seed 1 --json kills.json
"""
_STEP_S = 0.001
_PROFILE = LatencyProfile(name="flat", decode=Decode(width=(1,), step_s=(_STEP_S,)), stop_s=0.002)
_CHUNK_TOKENS = 20
_TOKENS = (120.0, 0.6)  # median, sigma of the logarithm
_P_ENDLESS = 0.1  # of a sample
_START_S = (0.05, 0.3)
_DEAD_S = 0.4
_JUST_S = 0.004
_SAME_S = 0.05
"""Clocks may differ so much: the stream's begins with its first process."""
_LIFE_S = TOTAL_S / 4.0
_P_SPENT = 0.2
_PATIENCE_S = 60.0
"""Nothing takes as long."""


class Aim(StrEnum):
    """When a process is to be killed."""

    ANY = "any moment"
    START = "while it starts or its engine loads"
    ANSWER = "right after an answer"
    SPENT = "after the total"
    NEVER = "never"


class Moment(StrEnum):
    """What a process was doing when it was killed, as seen from outside."""

    STARTING = "making predict"
    LOADING = "loading the engine"
    CALL = "in a call"
    BETWEEN = "between two calls"
    SPENT = "after the total"


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """A kill and what it left behind.

    Attributes:
        stream: Number of the stream.
        at_s: Seconds since that began.
        moment: What the process was doing.
        held: Questions whose answers had been received by then.
        is_cut: Whether the journal's last line was unfinished.
        mishaps: What did not hold, in words.
    """

    stream: int
    at_s: float
    moment: Moment
    held: int
    is_cut: bool
    mishaps: tuple[str, ...]


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """All of them.

    Attributes:
        seed: That they were drawn from.
        streams: How many there were.
        answers: Received, those given again not counted.
        again: Answers that were asked for again of a later process, and given alike.
        slowest_again_s: The longest that an answer given again took.
        latest_s: The longest that an answer came after the reserve had begun.
        kills: In order.
        mishaps: What did not hold of whole streams, in words.
    """

    seed: int
    streams: int
    answers: int
    again: int
    slowest_again_s: float
    latest_s: float
    kills: tuple[Kill, ...]
    mishaps: tuple[str, ...]

    @property
    def has_failed(self) -> bool:
        """Whether anything did not hold."""
        return bool(self.mishaps) or any(kill.mishaps for kill in self.kills)

    def table(self) -> Table:
        """Show the kills by what the process was doing."""
        table = Table(title="kills", caption=self._caption())
        table.add_column("killed")
        for name in ("kills", "answers held", "lines cut", "mishaps"):
            table.add_column(name, justify="right")
        for moment in Moment:
            self._add_row(table, moment, [one for one in self.kills if one.moment is moment])
        table.add_section()
        self._add_row(table, "all", self.kills)
        return table

    def _add_row(self, table: Table, name: str, kills: Sequence[Kill]) -> None:
        figures = (
            len(kills),
            sum(kill.held for kill in kills),
            sum(kill.is_cut for kill in kills),
            sum(len(kill.mishaps) for kill in kills),
        )
        table.add_row(name, *map(str, figures))

    def _caption(self) -> str:
        return (
            f"{self.streams} streams with {len(self.mishaps)} mishaps, {self.answers} answers; "
            f"{self.again} given again, within {self.slowest_again_s:.3f} s; "
            f"at most {self.latest_s:.3f} s of {RESERVE_S:g} s reserve used"
        )


@dataclass(frozen=True, slots=True)
class Handed:
    """An answer as it was received.

    Attributes:
        text: Of the question.
        answer: To it.
        called_s: When it was asked for, in seconds since the stream began.
        received_s: When it came.
    """

    text: str
    answer: int
    called_s: float
    received_s: float

    def is_in(self, line: GivenLine) -> bool:
        """Say whether a line of the journal tells of it, with the right time."""
        return (line.question, line.answer) == (self.text, self.answer) and (
            self.called_s - _SAME_S <= line.at_s <= self.received_s + _SAME_S
        )


class Luck:
    """What the engine plays: answers and lengths differ from process to process.

    Args:
        rng: Where that comes from.
    """

    def __init__(self, rng: Generator) -> None:
        self._rng = rng

    def __call__(self, prompt: str) -> Script:
        """Say what follows a prompt."""
        answer = str(self._rng.integers(1, 10))
        if prompt.endswith("\\boxed{"):
            return Script(text=f"{answer}}}\n")
        median, sigma = _TOKENS
        tokens = 10 + int(median * self._rng.lognormal(0.0, sigma))
        return Script(text=text_of(10**6 if self._rng.random() < _P_ENDLESS else tokens, answer))


def live(pipe: Connection, journal: Path, policy: str, seed: Sequence[int], began: float) -> None:
    """Be the process: make `predict`, say so, answer calls until None comes."""
    logger.disable("engine")
    predict.AnswerParser = lambda _: BoxParser()
    rng = np.random.default_rng(seed)
    engine = ScriptedEngine(
        Luck(rng), _PROFILE, chunk_tokens=_CHUNK_TOKENS, start_s=rng.uniform(*_START_S)
    )
    function = make_predict(
        engine,
        policy,
        TOTAL_S,
        QUESTIONS,
        began=began,
        reserve_s=RESERVE_S,
        profile=_PROFILE,
        journal=journal,
    )
    pipe.send(None)
    while (call := pipe.recv()) is not None:
        pipe.send(int(function(*call)["answer"].item()))
    function.close()


class Life:
    """A process with `predict`, seen from the gateway.

    Args:
        journal: That it writes or goes on with.
        policy: The rule.
        seed: Of its engine.
    """

    def __init__(self, journal: Path, policy: str, seed: Sequence[int]) -> None:
        fork = multiprocessing.get_context("fork")
        self._pipe, theirs = fork.Pipe()
        began = time.time()  # as a notebook says it at its top, a restarted one too
        self._process: BaseProcess = fork.Process(
            target=live, args=(theirs, journal, policy, seed, began)
        )
        self._process.start()
        theirs.close()

    def hear(self, until_s: float) -> tuple[bool, int | None]:
        """Wait for what it sends, until a moment of the steady clock; say whether it came.

        Raises:
            EOFError: if the process has died.
            TimeoutError: if nothing came for far too long.
        """
        wait_s = max(0.0, until_s - time.monotonic())
        if wait((self._pipe,), min(wait_s, _PATIENCE_S)):
            return True, self._pipe.recv()
        if wait_s > _PATIENCE_S:
            raise TimeoutError
        return False, None

    def tell(self, call: tuple[str, str] | None) -> None:
        """Call `predict`; None ends the process."""
        self._pipe.send(call)

    def kill(self) -> None:
        """Kill it with SIGKILL, which it cannot notice."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def end(self) -> None:
        """Let it close `predict` and end."""
        self.tell(None)
        self._process.join(_PATIENCE_S)
        self._pipe.close()


class Stream:
    """One stream: a gateway and one process after another.

    Args:
        seed: Of the campaign.
        number: Of the stream.
        path: Of its journal.
        aims: How to kill one process after another; the last one is left alone.
    """

    def __init__(self, seed: int, number: int, path: Path, aims: Sequence[Aim]) -> None:
        self._rng = np.random.default_rng([seed, number, 1])
        self._seed = (seed, number)
        self._number = number
        self._path = path
        self._aims = aims
        self._policy = POLICIES[self._rng.integers(len(POLICIES))]
        numbers = self._rng.permutation(1000)[:QUESTIONS]
        self._calls = [(f"id {n}", f"what is {n}?") for n in map(int, numbers)]
        self._zero_s = 0.0
        self._lives = 0
        self._received: dict[str, int] = {}
        self._handed: list[Handed] = []
        self._rows: tuple[LedgerRow, ...] = ()
        self._cut_calls = 0
        self._mishaps: list[str] = []
        self.kills: list[Kill] = []
        self.mishaps: list[str] = []
        self.again = 0
        self.slowest_again_s = 0.0
        self.latest_s = 0.0

    @property
    def answers(self) -> int:
        """How many questions were answered."""
        return len(self._received)

    def play(self) -> None:
        """Play it to its last question."""
        for aim in (*self._aims, Aim.NEVER):
            if self._live(aim):
                break
            time.sleep(self._rng.uniform(0.0, _DEAD_S))
        self._inspect()
        if len(self._received) < len(self._calls):
            self._note(f"{len(self._received)} of {len(self._calls)} questions answered")
        self.mishaps.extend(self._mishaps)

    def _now_s(self) -> float:
        return time.monotonic() - self._zero_s

    # One process.

    def _live(self, aim: Aim) -> bool:
        """Ask a process all questions until it is killed; return whether it lived to the end."""
        if not self._path.exists() or not self._path.stat().st_size:
            self._zero_s = time.monotonic()
        life = Life(self._path, self._policy, [*self._seed, self._lives])
        self._lives += 1
        try:
            moment = self._ask_all(life, aim)
            if moment is None:
                life.end()
                return True
            self._kill(life, moment)
        except (EOFError, OSError) as error:
            self._note(f"a process died or hung by itself at {self._now_s():.2f} s: {error!r}")
            life.kill()
        return False

    def _ask_all(self, life: Life, aim: Aim) -> Moment | None:
        """Ask until it is time to kill; say what the process does then, None if it may live."""
        kill_at_s = self._draw_moment(aim)
        killed_after = self._rng.integers(1, QUESTIONS) if aim is Aim.ANSWER else None
        if not life.hear(kill_at_s)[0]:
            return Moment.STARTING
        for number, (name, text) in enumerate(self._calls, 1):
            if aim is Aim.SPENT and number == QUESTIONS:
                time.sleep(max(0.0, TOTAL_S - self._now_s()) + _JUST_S)
                kill_at_s = time.monotonic() + self._rng.uniform(0.0, 2.0 * _JUST_S)
            if time.monotonic() >= kill_at_s:
                return Moment.BETWEEN
            called_s = self._now_s()
            life.tell((name, text))
            is_there, answer = life.hear(kill_at_s)
            if not is_there or answer is None:
                self._cut_calls += 1
                return Moment.CALL
            self._judge(text, answer, called_s)
            if number == killed_after:
                time.sleep(self._rng.uniform(0.0, _JUST_S))
                return Moment.BETWEEN
        return Moment.BETWEEN if aim is Aim.SPENT else None

    def _draw_moment(self, aim: Aim) -> float:
        """Draw when to kill a process that begins now, by the steady clock."""
        now_s = time.monotonic()
        if aim is Aim.ANY:  # a Poisson process: no moment is likelier than another
            return now_s + self._rng.exponential(_LIFE_S)
        if aim is Aim.START:
            return now_s + self._rng.uniform(0.0, _START_S[1])
        return inf

    def _judge(self, text: str, answer: int, called_s: float) -> None:
        """Judge an answer."""
        now_s = self._now_s()
        self._handed.append(Handed(text, answer, called_s, now_s))
        usable_s = TOTAL_S - RESERVE_S
        if called_s < usable_s:
            self.latest_s = max(self.latest_s, now_s - usable_s)
        if now_s > max(TOTAL_S, called_s + AT_ONCE_S):
            self._note(f"{text} called at {called_s:.2f}, answered at {now_s:.2f} s")
        if text not in self._received:
            self._received[text] = answer
        elif self._received[text] == answer:
            self.again += 1
            self.slowest_again_s = max(self.slowest_again_s, now_s - called_s)
        else:
            self._note(f"{text} had the answer {self._received[text]}, now {answer}")

    def _kill(self, life: Life, moment: Moment) -> None:
        """Kill a process and judge what it leaves."""
        life.kill()
        at_s = self._now_s()
        is_up, is_cut = self._inspect()
        if at_s > TOTAL_S:
            moment = Moment.SPENT
        elif not is_up and moment is not Moment.STARTING:
            moment = Moment.LOADING
        self.kills.append(
            Kill(
                stream=self._number,
                at_s=at_s,
                moment=moment,
                held=len(self._received),
                is_cut=is_cut,
                mishaps=tuple(self._mishaps),
            )
        )
        self._mishaps.clear()

    def _note(self, what: str) -> None:
        self._mishaps.append(f"stream {self._number}: {what}")

    # The journal.

    def _inspect(self) -> tuple[bool, bool]:
        """Judge the journal; say whether the last engine came up, and if the last line is cut."""
        raw = self._path.read_bytes() if self._path.exists() else b""
        whole, _, rest = raw.rpartition(b"\n")
        try:
            lines = [decode_line(line) for line in whole.split(b"\n")] if whole else []
        except CallerError as error:
            self._note(f"the journal is damaged: {error}")
            return False, bool(rest)
        self._compare_given(lines)
        ledgers = [line for line in lines if isinstance(line, BudgetLine)]
        if ledgers:
            self._compare_ledger(ledgers[-1])
        marks = [one for one in lines if isinstance(one, JournalHeader | ResumedLine | EngineLine)]
        return bool(marks) and isinstance(marks[-1], EngineLine), bool(rest)

    def _compare_given(self, lines: Sequence[JournalLine]) -> None:
        """See to it that the journal holds what was received, and that none of it is asked again.

        A caller who no longer waits may have the answer shortly before its question is opened.
        """
        given: dict[str, int] = {}
        earlier: set[str] = set()
        extra = received = 0
        for line in lines:
            if isinstance(line, ResumedLine):
                earlier = set(given)
            elif isinstance(line, GivenLine):
                if received < len(self._handed) and self._handed[received].is_in(line):
                    received += 1
                else:
                    extra += 1
                before = given.setdefault(line.question, line.answer)
                if before != line.answer:
                    self._note(f"{line.question} has the answers {before} and {line.answer}")
            elif (
                isinstance(line, EventLine)
                and isinstance(line.event, QuestionOpened)
                and line.event.question in earlier
            ):
                self._note(f"{line.event.question} was asked though it had an answer")
        if received < len(self._handed):
            self._note(f"the journal lacks {self._handed[received]}")
        if extra > self._cut_calls:
            self._note(f"the journal has {extra} answers that nobody received")

    def _compare_ledger(self, line: BudgetLine) -> None:
        """See to it that a ledger balances and goes on with the last one that was seen."""
        wrong = imbalance(line)
        if wrong is not None:
            self._note(f"the ledger: {wrong}")
        rows = TimeBudget.resume(bytes(line.saved), line.at_s).rows
        closed = self._rows[:-1]  # the last one may have been open
        if rows[: len(closed)] != closed:
            self._note("the ledger forgot rows")
        self._rows = rows


def imbalance(line: BudgetLine) -> str | None:
    """Say where a ledger does not add up or granted what was not there; None if it does."""
    usable_s = TOTAL_S - RESERVE_S
    wrong = imbalance_of(bytes(line.saved), line.at_s, usable_s)
    if wrong is not None:
        return wrong
    for row in TimeBudget.resume(bytes(line.saved), line.at_s).rows:
        if (row.granted_s or 0.0) > max(0.0, usable_s - row.opened_s) + 1e-6:
            return f"{row.granted_s} s granted at {row.opened_s}"
    return None


def draw_aims(rng: Generator) -> list[Aim]:
    """Draw the kills of a stream; at times the last one comes when the total is over."""
    aims = [Aim.ANY, Aim.ANY, Aim.ANY, Aim.START, Aim.ANSWER]
    drawn = [aims[place] for place in rng.permutation(len(aims))[:3]]
    return [*drawn[:-1], Aim.SPENT] if rng.random() < _P_SPENT else drawn


def play_stream(seed: int, aims: Sequence[Aim]) -> tuple[list[Kill], list[str]]:
    """Play a stream with the kills that are said; return them and the mishaps of the whole."""
    with TemporaryDirectory() as folder:
        stream = Stream(seed, 0, Path(folder) / "run.jsonl", aims)
        stream.play()
        return stream.kills, stream.mishaps


def kill_many(kills: int, seed: int) -> Campaign:
    """Play streams until so many processes were killed."""
    streams: list[Stream] = []
    done: list[Kill] = []
    with TemporaryDirectory() as folder, progress(f"{kills} kills", kills) as report:
        while len(done) < kills:
            number = len(streams)
            aims = draw_aims(np.random.default_rng([seed, number, 0]))[: kills - len(done)]
            stream = Stream(seed, number, Path(folder) / f"{number}.jsonl", aims)
            stream.play()
            streams.append(stream)
            done.extend(stream.kills)
            report(len(done))
    return Campaign(
        seed=seed,
        streams=len(streams),
        answers=sum(stream.answers for stream in streams),
        again=sum(stream.again for stream in streams),
        slowest_again_s=max(stream.slowest_again_s for stream in streams),
        latest_s=max(stream.latest_s for stream in streams),
        kills=tuple(done),
        mishaps=tuple(what for stream in streams for what in stream.mishaps),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog=_PROG,
        description="Kill the process of predict at random moments, and see what survives.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--kills", type=count, default=200, metavar="N", help="(default: %(default)s)")
    add("--seed", type=count_or_zero, default=1, metavar="N", help="(default: %(default)s)")
    add("--json", type=new_file, metavar="FILE", help="write every kill; overwrites")
    options: argparse.Namespace = parser.parse_args(argv)
    campaign = kill_many(options.kills, options.seed)
    console = Console(soft_wrap=True)
    console.print(campaign.table())
    for what in (*campaign.mishaps, *(word for kill in campaign.kills for word in kill.mishaps)):
        console.print(what, markup=False)
    if options.json is not None:
        write_whole(options.json, msgspec.json.format(msgspec.json.encode(campaign), indent=2))
    announce(options.json)
    return int(campaign.has_failed)


if __name__ == "__main__":
    sys.exit(main())
