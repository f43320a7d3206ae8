"""`predict` as Kaggle's gateways want it: a plain function that always answers.

A gateway finds it by its name, calls it off the main thread, hangs on `SystemExit`, aborts on
any other exception and fails after the last question on a change of types. So whatever happens,
one row with the columns `id` and `answer` comes back.
"""

from __future__ import annotations

import atexit
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from loguru import logger

from engine.answers import AnswerKind, AnswerParser
from engine.answers.kinds import LARGEST, MODULUS
from engine.arms import BUNDLED, read_arms
from engine.clock import StreamClock
from engine.header import journal_header
from engine.kaggle.calls import answer_frame, text_of
from engine.kaggle.choosing import Choice
from engine.kaggle.limits import CAP_S, Limits, require_limits
from engine.kaggle.loop_thread import LoopThread
from engine.kaggle.record import open_record
from engine.kaggle.stream import Stream
from engine.rig import Measure, Rig, tool_of
from policies import parse_policy
from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from engine.arms import Arm
    from engine.glance import Glance
    from engine.port import Engine
    from scheduler import LatencyProfile


class Predict(Protocol):
    """The function; it may be called from any thread, one call at a time."""

    close: Callable[[], None]
    """Ends the engine and the journal; the process's end does so too."""
    look: Callable[[], Glance | None]
    """Says what there is to see of the stream; from any thread. None while the engine starts."""

    def __call__(self, question_id: object, question: object, /) -> pl.DataFrame:
        """Answer a question.

        Args:
            question_id: A one-row Series of polars or pandas, or the plain value.
            question: The same.

        Returns:
            One row with the columns `id`, as it came, and `answer` (Int64).
        """


def make_predict(  # noqa: PLR0913 - each has a default but the first three
    engine: Engine,
    policy: str,
    total_s: float,
    questions: int | tuple[int, int] | None = 50,
    *,
    began: float | None = None,
    reserve_s: float | None = None,
    floor_s: float | None = None,
    cap_s: float | None = CAP_S,
    answers: str = AnswerKind.INTEGER,
    largest: int | None = None,
    fallback: int = 0,
    likely: bool = True,
    arms: Path | Mapping[str, Arm] = BUNDLED,
    logprobs: int = Measure().logprobs,
    profile: LatencyProfile | None = None,
    journal: Path | str | None = None,
) -> Predict:
    """Make `predict`; the engine begins to start in the background.

    The stream's clock starts here or at `began`, and loading is charged to it. A question that
    meets an engine which has not been up yet waits for it as long as later questions keep their
    floor: without an engine none of them could be answered either. The first call has no deadline
    of its own with Kaggle's gateways. Later calls cost `cap_s` at most, loading included, and all
    of them together end before the reserve.

    A text that comes again gets the answer that was given. An engine that dies is started again
    while its question waits.

    Args:
        engine: Not started; such as `InProcessEngine(VllmSettings(model="/kaggle/input/…"))`.
        policy: As `replay.py --policy` takes it.
        total_s: Seconds of the whole stream.
        questions: How many come: a number, (at least, at most), or None for unknown. A text
            that comes again does not count.
        began: When the notebook began, as `time.time()` told then; None for now.
        reserve_s: Seconds at the end that no question may touch; None for a fiftieth of all.
        floor_s: Seconds kept for each question that may still come; None for a tenth of an
            equal share.
        cap_s: The most that one question may cost; None for no cap.
        answers: `integer` (0 to 99999, AIMO 3) or `integer-mod-1000` (AIMO 1 and 2).
        largest: The largest answer that the contest takes; None for that of the kind.
        fallback: Answered where nothing is known.
        likely: Whether, where the leader lies outside the range or there is none, the best
            number within it is answered: of the votes, then of what samples said to probes.
        arms: How to sample: a portfolio's file, or arms by name, the first one in use.
        logprobs: How many of the likeliest tokens tell the entropy; 0 for none, which is faster.
        profile: What the engine costs; None measures it for a minute once it is up.
        journal: Where everything is written, and from where a restarted process goes on; None
            for nowhere.

    Raises:
        CallerError: naming the argument that is impossible.
        MissingPartError: if a part that the engine needs can be seen to be missing.
        ArmsError: if the arms cannot be read.
    """
    # A calendar that was set back meanwhile would have it begin later than now.
    ago_s = 0.0 if began is None else max(0.0, time.time() - began)
    clock = StreamClock.since(ago_s)
    limits = Limits(
        total_s=total_s, questions=questions, reserve_s=reserve_s, floor_s=floor_s, cap_s=cap_s
    )
    require_limits(limits)
    kind = _kind(answers)
    choice = Choice(high=_largest(kind, largest), fallback=fallback, likely=likely)
    spec = parse_policy(policy)
    portfolio = read_arms(arms) if isinstance(arms, Path) else arms
    rig = Rig(
        engine=engine,
        arms=portfolio,
        tool=tool_of(portfolio.values()),
        parser=AnswerParser(kind),
        measure=Measure(logprobs=logprobs),
    )
    rig.require(spec.mixed_arms())
    engine.require_parts()
    header = journal_header(
        rig,
        clock,
        command="engine.kaggle.make_predict",
        answers=kind,
        info=None,
        policy=policy,
        total_s=total_s,
    )
    record = open_record(None if journal is None else Path(journal), limits, clock, header)
    stream = Stream(rig, spec, limits, choice, record, profile=profile, thread=LoopThread())
    atexit.register(stream.close)
    return predict_of(stream.answer, fallback, stream.close, stream.look)


def predict_of(
    answer: Callable[[str, str], int],
    fallback: int,
    close: Callable[[], None],
    look: Callable[[], Glance | None],
) -> Predict:
    """Make the plain function around whatever answers.

    Args:
        answer: Takes a question's name and text.
        fallback: Answered where that raises.
        close: As in `Predict`.
        look: The same.
    """

    def predict(question_id: object = None, question: object = None, *_: object) -> pl.DataFrame:
        value = fallback
        try:
            value = answer(text_of(question_id), text_of(question))
        except BaseException as error:  # noqa: BLE001 - a gateway hangs or aborts on any of them
            logger.error("predict answers {} after {!r}", fallback, error)
        return answer_frame(question_id, value)

    made = cast("Predict", predict)
    made.close = close
    made.look = look
    return made


def make_dry_predict(sleep_s: float = 0.0) -> Predict:
    """Make a `predict` that answers 0 at once or after a sleep: what is left is the gateway's.

    Args:
        sleep_s: Seconds that each call takes.
    """

    def answer(question_id: str, text: str) -> int:
        del question_id, text
        time.sleep(sleep_s)
        return 0

    return predict_of(answer, 0, lambda: None, lambda: None)


def _kind(answers: str) -> AnswerKind:
    takes = (AnswerKind.INTEGER, AnswerKind.INTEGER_MOD_1000)
    if answers not in takes:
        raise CallerError(f"answers must be {' or '.join(takes)}, got {answers!r}")
    return AnswerKind(answers)


def _largest(kind: AnswerKind, largest: int | None) -> int:
    most = LARGEST if kind is AnswerKind.INTEGER else MODULUS - 1
    if largest is None:
        return most
    if not 0 <= largest <= sys.maxsize:
        raise CallerError(f"largest must be at least 0, got {largest!r}")
    return min(largest, most)
