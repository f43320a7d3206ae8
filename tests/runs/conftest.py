"""Journals by hand, a line at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from scheduler import (
    ActionLine,
    BudgetLine,
    EventLine,
    FaultLine,
    FinishReason,
    GivenLine,
    JournalHeader,
    ProbeAnswered,
    ProbeSample,
    QuestionLine,
    QuestionOpened,
    Reason,
    ResumedLine,
    SampleFailed,
    SampleFinished,
    SampleStarted,
    StartSample,
    StopSample,
    SubmitAnswer,
    TimeBudget,
    ToolCalled,
    ToolReturned,
    encode_line,
)
from simulations.runs import Run, run_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scheduler import JournalLine


class Journal:
    """A journal under way; every method tells of one thing at `at_s`, of the latest question."""

    def __init__(self, total_s: float | None = 20.0, policy: str | None = "share") -> None:
        self.budget = TimeBudget(20.0 if total_s is None else total_s, questions=2, reserve_s=1.0)
        self.position = -1
        self.lines: list[JournalLine] = [
            JournalHeader(
                created="2026-01-01T00:00:00+00:00",
                command="run",
                model="Tiny-1B",
                engine="tiny 1.0",
                policy=policy,
                total_s=total_s,
                answers="integer",
            )
        ]

    def open(self, at_s: float, name: str = "q1", gold: str | None = "7") -> None:
        """A question comes."""
        self.position += 1
        self.budget.open(name, at_s)
        event = QuestionOpened(at_s=at_s, question_id=name, question=f"What is {name}?")
        self.lines += [
            QuestionLine(position=self.position, question_id=name, gold=gold),
            EventLine(event=event, position=self.position),
            BudgetLine(at_s=at_s, saved=msgspec.Raw(self.budget.save())),
        ]

    def start(self, at_s: float, *samples: int, begun_s: float | None = None, **more: Any) -> None:  # noqa: ANN401 - fields of the action
        """Samples are asked for and, unless they never are, begin."""
        for sample in samples:
            self._act(at_s, StartSample(sample=sample, reason=Reason.WIDEN, **more))
        for sample in samples if begun_s is not None else ():
            self._hear(SampleStarted(at_s=begun_s or 0.0, **self._address(sample)))

    def end(self, at_s: float, sample: int, answer: str | None = "7", **more: Any) -> None:  # noqa: ANN401 - fields of the event
        """A sample ends."""
        fields = {"tokens": 100, **self._address(sample), **more}
        self._hear(SampleFinished(at_s=at_s, answer=answer, **fields))

    def leave(self, at_s: float, sample: int) -> None:
        """A stopped sample leaves the engine."""
        self.end(at_s, sample, None, finish_reason=FinishReason.STOPPED)

    def fail(self, at_s: float, sample: int) -> None:
        """The engine loses a sample."""
        self._hear(SampleFailed(at_s=at_s, message="boom", **self._address(sample)))

    def probe(self, at_s: float, sample: int, answer: str | None) -> None:
        """A sample is asked and answers at once."""
        self._act(at_s, ProbeSample(sample=sample, reason=Reason.ROUND))
        self._hear(ProbeAnswered(at_s=at_s, answer=answer, tokens=50, **self._address(sample)))

    def wait(self, at_s: float, until_s: float, sample: int) -> None:
        """A sample waits for a tool."""
        self._hear(ToolCalled(at_s=at_s, **self._address(sample)))
        self._hear(ToolReturned(at_s=until_s, **self._address(sample)))

    def stop(self, at_s: float, sample: int, reason: Reason = Reason.ANSWERED) -> None:
        """A stop is decided."""
        self._act(at_s, StopSample(sample=sample, reason=reason))

    def submit(self, at_s: float, answer: str | None, reason: Reason = Reason.LEAD) -> None:
        """The answer is out."""
        self._act(at_s, SubmitAnswer(answer=answer, reason=reason, numbers={"margin": 2.0}))
        self.budget.close(at_s, reason)
        self.lines.append(BudgetLine(at_s=at_s, saved=msgspec.Raw(self.budget.save())))

    def fault(self, at_s: float, message: str) -> None:
        """Something goes wrong."""
        self.lines.append(FaultLine(at_s=at_s, position=self.position, message=message))

    def give(self, at_s: float, answer: int, name: str = "q1") -> None:
        """An answer is handed over."""
        text = f"What is {name}?"
        self.lines.append(GivenLine(at_s=at_s, question_id=name, question=text, answer=answer))

    def resume(self, at_s: float) -> None:
        """A second process takes over."""
        self.lines.append(ResumedLine(at_s=at_s, created="later"))
        self.budget = TimeBudget.resume(self.budget.save(), at_s, again=True)

    def write(self, path: Path) -> Path:
        """Write the file."""
        path.write_bytes(b"".join(encode_line(line) + b"\n" for line in self.lines))
        return path

    @property
    def run(self) -> Run:
        """The run as it is read."""
        return run_of((("", line) for line in self.lines), "run.jsonl")

    def _address(self, sample: int) -> dict[str, int]:
        return {"position": self.position, "sample": sample}

    def _act(self, at_s: float, action: Any) -> None:  # noqa: ANN401 - any action
        self.lines.append(ActionLine(at_s=at_s, position=self.position, action=action))

    def _hear(self, event: Any) -> None:  # noqa: ANN401 - any event
        self.lines.append(EventLine(event=event))


@pytest.fixture
def begin() -> Callable[..., Journal]:
    """Begin a journal of a stream of two questions, by default in 20 seconds."""
    return Journal
