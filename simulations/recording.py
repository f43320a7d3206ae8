"""Writing a simulated stream down as a live one is: the lines of a journal.

What the core hears and decides passes through its scheduler, and what happens when nobody
listens, such as the end of a sample that the answer stopped, through the world. So both are
taken here with a pencil in their hands, and the driver between them stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from scheduler import (
    DEFAULT_ARM,
    ActionLine,
    EventLine,
    FaultLine,
    JournalHeader,
    QuestionLine,
    SampleEvent,
    Scheduler,
    StartSample,
    budget_line,
    trim_line,
)
from simulations.tournament import Block, draw_streams, play_stream
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduler import (
        AnyAction,
        AnyEvent,
        JournalLine,
        LatencyProfile,
        Policy,
        QuestionOpened,
        Step,
        TimeBudget,
    )
    from simulations.pool import LoggedQuestion, Pool
    from simulations.results import Settings
    from simulations.tournament import Entry


def record_stream(
    pool: Pool, entry: Entry, profile: LatencyProfile, settings: Settings, command: str
) -> list[JournalLine]:
    """Play the first stream with one policy and write it down.

    Args:
        pool: The questions.
        entry: The policy.
        profile: What the engine costs.
        settings: What is played.
        command: What was called, for the header.

    Returns:
        The journal, its header first; equal arguments give equal lines.
    """
    ((_, drawn),) = draw_streams(Block(pool, 0, 1), settings)
    arms = [arm for question in drawn for arm in question.samples]
    header = JournalHeader(
        created="",
        command=command,
        model=pool.model,
        engine="simulated",
        arms={arm: {} for arm in arms},
        policy=entry.name,
        total_s=settings.total_s,
        answers="logged",
        profile=profile.name,
    )
    recording = Recording({question.question_id: question for question in drawn}, [header])
    play_stream(entry.spec.for_model(pool.model), profile, settings, drawn, recording)
    return recording.lines


@dataclass(frozen=True, slots=True)
class Recording:
    """Where a stream is written down.

    Attributes:
        questions: That are played, by name.
        lines: Of the journal.
    """

    questions: Mapping[str, LoggedQuestion]
    lines: list[JournalLine] = field(default_factory=list)

    def scheduler(self, policy: Policy, budget: TimeBudget, profile: LatencyProfile) -> Scheduler:
        """Make a scheduler that writes down what it hears and decides."""
        return _RecordedScheduler(self, policy, budget, profile)

    def world(self, profile: LatencyProfile, progress_every_tokens: int | None) -> World:
        """Make a world that writes down what happens while nobody listens."""
        return _RecordedWorld(self, profile, progress_every_tokens)


class _RecordedScheduler(Scheduler):
    __slots__ = ("_logged", "_recording")

    def __init__(
        self, recording: Recording, policy: Policy, budget: TimeBudget, latency: LatencyProfile
    ) -> None:
        super().__init__(policy, budget, latency)
        self._recording = recording
        self._logged: LoggedQuestion | None = None

    def open(self, event: QuestionOpened) -> Step:
        """Open the next question, and write down that it came and what was decided."""
        step = super().open(event)
        lines, name = self._recording.lines, event.question_id
        position = self.position
        self._logged = question = self._recording.questions[name]
        lines.append(QuestionLine(position=position, question_id=name, gold=question.gold))
        lines.append(EventLine(event=event, position=position))
        lines.append(budget_line(event.at_s, self.budget))
        lines += [trim_line(event.at_s, position, trim) for trim in step.trims]
        self._decided(event.at_s, step)
        return step

    def handle(self, event: AnyEvent) -> Step:
        """Take an event, and write down what it was and what was decided."""
        if isinstance(event, SampleEvent):
            self._recording.lines.append(EventLine(event=event))
        step = super().handle(event)
        self._decided(event.at_s, step)
        return step

    def _decided(self, at_s: float, step: Step) -> None:
        lines, position = self._recording.lines, self.position
        for fault in step.faults:
            message = f"{type(fault).__name__}: {fault}"
            lines.append(FaultLine(at_s=at_s, position=position, message=message))
        for action in step.actions:
            lines.append(ActionLine(at_s=at_s, position=position, action=self._named(action)))
        if not self.is_open:
            lines.append(budget_line(at_s, self.budget))

    def _named(self, action: AnyAction) -> AnyAction:
        """Put the name of the arm that is meant into a start, as a live run does."""
        if isinstance(action, StartSample) and action.arm == DEFAULT_ARM and self._logged:
            return replace(action, arm=self._logged.default_arm)
        return action


class _RecordedWorld(World):
    __slots__ = ("_recording",)

    def __init__(
        self, recording: Recording, profile: LatencyProfile, progress_every_tokens: int | None
    ) -> None:
        super().__init__(profile, progress_every_tokens)
        self._recording = recording

    def miss(self, event: AnyEvent) -> None:
        """Write down what happened though nobody listened."""
        if isinstance(event, SampleEvent):
            self._recording.lines.append(EventLine(event=event, heard=False))
