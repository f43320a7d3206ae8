"""The lines of a journal: what one run was, met and decided, as types and as bytes.

A journal is JSON lines: the header, then what happened in the order of time. It explains every
decision, becomes a trace, and lets a second process go on where a first one died. Writing and
reading the file belongs to the rooms outside.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from scheduler.actions import AnyAction
from scheduler.budget import Limit
from scheduler.codec import decode_action, encode
from scheduler.errors import CallerError
from scheduler.events import AnyEvent

if TYPE_CHECKING:
    from scheduler.allowance import Trim
    from scheduler.budget import TimeBudget

JOURNAL_FORMAT = 1
"""Version of the lines."""

Seconds = Annotated[float, msgspec.Meta(ge=0.0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """Base of every line."""


class JournalHeader(Line, frozen=True, kw_only=True, tag="header"):
    """What ran; the first line.

    Attributes:
        created: When the stream began, as ISO 8601 text; empty in a simulated world.
        boot_id: The boot of the machine that this was on; None where unknown.
        zero_s: What that boot's steady clock showed when the stream began, in seconds.
        command: What was called.
        model: Its name, as the engine knows it; empty where an `EngineLine` will say it.
        engine: Name and version; empty like the model.
        gpu: Name and number of accelerators; None where unknown.
        settings: Of the engine, by name.
        arms: Sampling parameters and messages, by name of the arm.
        policy: Its name with its arguments; None for a generation, which has none.
        total_s: Seconds of the stream; None without a limit.
        answers: The kind of the answers: how they are parsed and made canonical.
        packages: Versions by name.
        commit: Of this program; None where unknown.
        dirty: Whether its files differed from the commit; None where unknown.
        profile: Name of the latency profile; None without one.
        checkpoint_every_tokens: Each sample was measured whenever it had grown by so many; None
            for never.
        probe_every_tokens: Each sample was asked whenever it had grown by so many, whatever
            the policy wanted; None for never.
        format: Version of the lines.
    """

    created: str
    boot_id: str | None = None
    zero_s: float | None = None
    command: str
    model: str
    engine: str
    gpu: str | None = None
    settings: dict[str, str] = {}
    arms: dict[str, dict[str, Any]] = {}
    policy: str | None = None
    total_s: Seconds | None = None
    answers: str
    packages: dict[str, str] = {}
    commit: str | None = None
    dirty: bool | None = None
    profile: str | None = None
    checkpoint_every_tokens: Count | None = None
    probe_every_tokens: Count | None = None
    format: int = JOURNAL_FORMAT

    def __post_init__(self) -> None:
        if self.format != JOURNAL_FORMAT:
            raise CallerError(f"journal format {self.format!r} unknown, need {JOURNAL_FORMAT}")


class EngineLine(Line, frozen=True, kw_only=True, tag="engine"):
    """The engine came up after the header was written, which says nothing of it.

    Attributes:
        at_s: Seconds since the stream began.
        model: As in `JournalHeader`, like all that follow.
        engine: Name and version.
        gpu: Name and number of accelerators; None where unknown.
        settings: Of the engine, by name.
        profile: Name of the latency profile.
    """

    at_s: Seconds
    model: str
    engine: str
    gpu: str | None = None
    settings: dict[str, str] = {}
    profile: str

    def complete(self, header: JournalHeader) -> JournalHeader:
        """Put what runs into the header."""
        return msgspec.structs.replace(
            header,
            model=self.model,
            engine=self.engine,
            gpu=self.gpu,
            settings=self.settings,
            profile=self.profile,
        )


class QuestionLine(Line, frozen=True, kw_only=True, tag="question"):
    """What the core is not told of a question; stands before its `QuestionOpened`.

    Attributes:
        position: Its place in the stream, from 0.
        question_id: Its name.
        gold: The right answer; None where unknown.
    """

    position: Count
    question_id: str
    gold: str | None = None


class EventLine(Line, frozen=True, kw_only=True, tag="event"):
    """Something happened.

    Attributes:
        event: What.
        heard: Whether the core was told; False for what was measured for the journal alone.
        position: Of the question that opened, for `QuestionOpened`, which does not know it.
    """

    event: AnyEvent
    heard: bool = True
    position: Count | None = None


class ActionLine(Line, frozen=True, kw_only=True, tag="action"):
    """The core decided something.

    Attributes:
        at_s: Seconds since the stream began.
        position: Of the question.
        action: What.
    """

    at_s: Seconds
    position: Count
    action: AnyAction


class FaultLine(Line, frozen=True, kw_only=True, tag="fault"):
    """Something went wrong and the run went on.

    Attributes:
        at_s: Seconds since the stream began.
        position: Of the question; None between questions.
        message: What.
    """

    at_s: Seconds
    position: Count | None = None
    message: str


class TrimLine(Line, frozen=True, kw_only=True, tag="trim"):
    """A wish of the policy that the grant did not hold (`Trim`).

    Attributes:
        at_s: Seconds since the stream began.
        position: Of the question.
        field: Of the allowance.
        asked: What the policy asked for; None for all there is.
        granted: What it got.
        limit: What bounds it.
    """

    at_s: Seconds
    position: Count
    field: str
    asked: float | None
    granted: float
    limit: Limit


class TextLine(Line, frozen=True, kw_only=True, tag="text"):
    """What a sample generated.

    Attributes:
        position: Of its question.
        sample: Its number.
        text: All of it.
    """

    position: Count
    sample: Count
    text: str


class BudgetLine(Line, frozen=True, kw_only=True, tag="budget"):
    """The ledger after a question was opened or closed.

    Attributes:
        at_s: Seconds since the stream began.
        saved: As `TimeBudget.save` gives it.
    """

    at_s: Seconds
    saved: msgspec.Raw


class GivenLine(Line, frozen=True, kw_only=True, tag="given"):
    """An answer was handed over to whoever asked, and stays.

    Attributes:
        at_s: Seconds since the stream began.
        question_id: What the question was called.
        question: Its text.
        answer: What was handed over: the answer submitted, or what stands in for none.
    """

    at_s: Seconds
    question_id: str
    question: str
    answer: int


class ResumedLine(Line, frozen=True, kw_only=True, tag="resumed"):
    """A second process goes on from here; what ran in the first one is lost.

    Attributes:
        at_s: Seconds since the stream began.
        created: When, as ISO 8601 text.
    """

    at_s: Seconds
    created: str


class _WrittenAction(Line, frozen=True, kw_only=True, tag="action"):
    """An `ActionLine` whose action the codec reads and writes, infinite figures included."""

    at_s: Seconds
    position: Count
    action: msgspec.Raw


JournalLine = (
    JournalHeader
    | EngineLine
    | QuestionLine
    | EventLine
    | ActionLine
    | FaultLine
    | TrimLine
    | TextLine
    | BudgetLine
    | GivenLine
    | ResumedLine
)

_Written = (
    JournalHeader
    | EngineLine
    | QuestionLine
    | EventLine
    | _WrittenAction
    | FaultLine
    | TrimLine
    | TextLine
    | BudgetLine
    | GivenLine
    | ResumedLine
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[_Written] = msgspec.json.Decoder(_Written)


def trim_line(at_s: float, position: int, trim: Trim) -> TrimLine:
    """Return the line of a trim."""
    return TrimLine(
        at_s=at_s,
        position=position,
        field=trim.field,
        asked=None if trim.asked == inf else trim.asked,
        granted=trim.granted,
        limit=trim.limit,
    )


def budget_line(at_s: float, budget: TimeBudget) -> BudgetLine:
    """Return the line of a ledger, as it stands."""
    return BudgetLine(at_s=at_s, saved=msgspec.Raw(budget.save()))


def encode_line(line: JournalLine) -> bytes:
    """Return the line as JSON, without a line end."""
    if isinstance(line, ActionLine):
        action = msgspec.Raw(encode(line.action))
        return _encoder.encode(
            _WrittenAction(at_s=line.at_s, position=line.position, action=action)
        )
    return _encoder.encode(line)


def decode_line(raw: bytes) -> JournalLine:
    """Read a line back.

    Raises:
        CallerError: if the bytes are no line of this version.
    """
    try:
        line = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(f"not a line of a journal: {error}") from error
    if isinstance(line, _WrittenAction):
        action = decode_action(bytes(line.action))
        return ActionLine(at_s=line.at_s, position=line.position, action=action)
    return line
