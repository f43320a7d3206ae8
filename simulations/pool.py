"""Logged questions in the shape the simulated world plays them from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler import FinishReason

if TYPE_CHECKING:
    from collections.abc import Sequence


class Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """What was logged of a sample after `tokens` tokens.

    Attributes:
        tokens: Tokens generated before it.
        mean_entropy: Mean token entropy so far, in nats, as last logged; None if never.
        tail_entropy: Mean token entropy of the last 128 tokens, in nats; likewise.
        confidence: DeepConf's token confidence over the last 128 tokens; likewise.
        probed: Whether an answer was asked for there.
        answer: That answer; None if nothing parsed.
    """

    tokens: int
    mean_entropy: float | None
    tail_entropy: float | None
    probed: bool
    answer: str | None
    confidence: float | None = None


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A stretch of tool time.

    Attributes:
        tokens: Tokens generated before it.
        seconds: Its length.
        told_tokens: Tokens that the tool's answer put into the context.
    """

    tokens: int
    seconds: float
    told_tokens: int = 0


class LoggedSample(msgspec.Struct, frozen=True):
    """One logged generation.

    Attributes:
        sample: Its number in the trace.
        tokens: All tokens it generated.
        answer: Its final answer; None if nothing parsed.
        finish_reason: Why it ended; `stopped` means that its end is not known.
        prompt_tokens: Tokens of its prompt; 0 where not logged.
        mean_entropy: Over the whole sample, in nats.
        tail_entropy: Over its last 128 tokens, in nats.
        checkpoints: In ascending order of tokens.
        tool_calls: In ascending order of tokens.
        candidates: The answers that it was asked to judge, in their order; empty for none.
        parent: Number, within its arm, of the sample that it builds on; None for none.
        parent_arm: The arm of that sample.
    """

    sample: int
    tokens: int
    answer: str | None
    finish_reason: FinishReason = FinishReason.STOP
    prompt_tokens: int = 0
    mean_entropy: float | None = None
    tail_entropy: float | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    candidates: tuple[str, ...] = ()
    parent: int | None = None
    parent_arm: str | None = None


class LoggedQuestion(msgspec.Struct, frozen=True):
    """One question with its pool of samples.

    Attributes:
        question_id: Its name, unique within the model.
        gold: The right answer.
        samples: By arm, the first one first, each in start order; of a question that is to be
            played, in the order in which starts draw them.
        question: Its text, where logged.
        features: Numbers known before the first sample.
    """

    question_id: str
    gold: str
    samples: dict[str, tuple[LoggedSample, ...]]
    question: str | None
    features: dict[str, float]

    @property
    def default_arm(self) -> str:
        """The arm that policies call the default one: the first, as on a live engine."""
        return next(iter(self.samples))

    @property
    def lone_arms(self) -> list[str]:
        """The arms that stand alone; the first one always counts as such."""
        return [arm for arm in self.samples if arm == self.default_arm or self.stands_alone(arm)]

    def stands_alone(self, arm: str) -> bool:
        """Whether the arm's samples neither judge answers of others nor build on samples."""
        return not any(
            sample.candidates or sample.parent is not None for sample in self.samples[arm]
        )


class Pool(msgspec.Struct, frozen=True):
    """All logged questions of one model.

    Attributes:
        model: Its name.
        questions: In the order of the trace.
    """

    model: str
    questions: tuple[LoggedQuestion, ...]

    def samples_of(self, index: int) -> Sequence[LoggedSample]:
        """Return a question's samples of its default arm."""
        question = self.questions[index]
        return question.samples[question.default_arm]

    def pass_rate(self, index: int) -> float:
        """Return the share of right ones among a question's samples of its default arm."""
        gold = self.questions[index].gold
        samples = self.samples_of(index)
        return sum(sample.answer == gold for sample in samples) / max(len(samples), 1)
