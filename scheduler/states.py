"""The states of a question and of its samples, as tables.

Two kinds of machine run side by side: one for the question, one for each sample. A table maps
(state, event) to the next state. An event that has no entry cannot be true in that state: the
core reports it as the engine's fault, once, here, and otherwise ignores it.

A question is OPEN until its answer is submitted and ANSWERED ever after; there is no way back.
Events that arrive then only tell how its last samples left the engine.

A sample is ASKED when the start action leaves the core, RUNNING or WAITING (for a tool) while
the engine has it, STOPPING once we gave it up, and then one of the three ends. FINISHED votes;
STOPPED and FAILED never do. A sample that finishes while STOPPING was given up before it ended:
it is STOPPED, so that a decision once made holds, whatever the engine's delay. Only a finish
with the reason `stop` or `length` votes: one with `stopped` leads to STOPPED and one with
`error` to FAILED (`FINISH_STATES`).
"""

from __future__ import annotations

from enum import Enum

from scheduler.events import (
    FinishReason,
    ProbeAnswered,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
)


class QuestionState(Enum):
    """Where a question stands."""

    OPEN = "open"
    ANSWERED = "answered"


class SampleState(Enum):
    """Where a sample stands."""

    ASKED = "asked"
    RUNNING = "running"
    WAITING = "waiting"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


FINISH_STATES = {
    FinishReason.STOPPED: SampleState.STOPPED,
    FinishReason.ERROR: SampleState.FAILED,
}
"""Where a finish leads instead of FINISHED, by its reason."""

LIVE = frozenset({SampleState.ASKED, SampleState.RUNNING, SampleState.WAITING})
"""Samples that may still vote."""

SAMPLE_TRANSITIONS: dict[SampleState, dict[type[SampleEvent], SampleState]] = {
    SampleState.ASKED: {
        SampleStarted: SampleState.RUNNING,
        SampleFinished: SampleState.FINISHED,
        SampleFailed: SampleState.FAILED,
    },
    SampleState.RUNNING: {
        SampleProgressed: SampleState.RUNNING,
        ProbeAnswered: SampleState.RUNNING,
        ToolCalled: SampleState.WAITING,
        SampleFinished: SampleState.FINISHED,
        SampleFailed: SampleState.FAILED,
    },
    SampleState.WAITING: {
        ProbeAnswered: SampleState.WAITING,
        ToolReturned: SampleState.RUNNING,
        SampleFinished: SampleState.FINISHED,
        SampleFailed: SampleState.FAILED,
    },
    SampleState.STOPPING: {
        # What was under way when the stop left; it changes nothing.
        SampleStarted: SampleState.STOPPING,
        SampleProgressed: SampleState.STOPPING,
        ProbeAnswered: SampleState.STOPPING,
        ToolCalled: SampleState.STOPPING,
        ToolReturned: SampleState.STOPPING,
        SampleFinished: SampleState.STOPPED,
        SampleFailed: SampleState.FAILED,
    },
    # An answer to a probe may be overtaken by the sample's own end.
    SampleState.FINISHED: {ProbeAnswered: SampleState.FINISHED},
    SampleState.STOPPED: {ProbeAnswered: SampleState.STOPPED},
    SampleState.FAILED: {ProbeAnswered: SampleState.FAILED},
}
"""State of a sample, event about it → its next state."""
