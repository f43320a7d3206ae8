"""The sans-I/O core: events in, actions and the next wake-up out.

`Scheduler` drives a stream of questions under a `TimeBudget`, asking a `Policy` what to do. It
reads no clock and touches no engine, so a live engine and a replay drive the same object.
"""

from scheduler.actions import (
    DEFAULT_ARM,
    Action,
    AnyAction,
    ProbeSample,
    StartSample,
    StopSample,
    SubmitAnswer,
)
from scheduler.allowance import Allowance, Trim
from scheduler.budget import Grant, LedgerRow, Limit, QuestionsLeft, TimeBudget
from scheduler.codec import decode_action, decode_event, encode
from scheduler.errors import (
    ActionRefusedError,
    CallerError,
    EngineFaultError,
    PolicyError,
    PolicyRaisedError,
    SchedulerError,
)
from scheduler.events import (
    AnyEvent,
    Event,
    FinishReason,
    ProbeAnswered,
    QuestionOpened,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
    Woke,
)
from scheduler.journal import (
    ActionLine,
    BudgetLine,
    EngineLine,
    EventLine,
    FaultLine,
    GivenLine,
    JournalHeader,
    JournalLine,
    QuestionLine,
    ResumedLine,
    TextLine,
    TrimLine,
    budget_line,
    decode_line,
    encode_line,
    trim_line,
)
from scheduler.latency import LatencyProfile, decode_profile, encode_profile
from scheduler.policy import FORCED_WEIGHT, Policy
from scheduler.question import Question, Step
from scheduler.reasons import Reason
from scheduler.signals import SampleView
from scheduler.states import QuestionState, SampleState
from scheduler.stream import Scheduler
from scheduler.tally import Tally
from scheduler.view import QuestionView

__all__ = [
    "DEFAULT_ARM",
    "FORCED_WEIGHT",
    "Action",
    "ActionLine",
    "ActionRefusedError",
    "Allowance",
    "AnyAction",
    "AnyEvent",
    "BudgetLine",
    "CallerError",
    "EngineFaultError",
    "EngineLine",
    "Event",
    "EventLine",
    "FaultLine",
    "FinishReason",
    "GivenLine",
    "Grant",
    "JournalHeader",
    "JournalLine",
    "LatencyProfile",
    "LedgerRow",
    "Limit",
    "Policy",
    "PolicyError",
    "PolicyRaisedError",
    "ProbeAnswered",
    "ProbeSample",
    "Question",
    "QuestionLine",
    "QuestionOpened",
    "QuestionState",
    "QuestionView",
    "QuestionsLeft",
    "Reason",
    "ResumedLine",
    "SampleEvent",
    "SampleFailed",
    "SampleFinished",
    "SampleProgressed",
    "SampleStarted",
    "SampleState",
    "SampleView",
    "Scheduler",
    "SchedulerError",
    "StartSample",
    "Step",
    "StopSample",
    "SubmitAnswer",
    "Tally",
    "TextLine",
    "TimeBudget",
    "ToolCalled",
    "ToolReturned",
    "Trim",
    "TrimLine",
    "Woke",
    "budget_line",
    "decode_action",
    "decode_event",
    "decode_line",
    "decode_profile",
    "encode",
    "encode_line",
    "encode_profile",
    "trim_line",
]
