"""One line of the import format: a sample, with its question and its checkpoints."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from simulations.traces.schema import UNNAMED_ARM
from simulations.traces.typed_json import Text

_MOST = 2**63 - 1  # what an Int64 column holds
Count = Annotated[int, Meta(ge=0, le=_MOST)]
Position = Annotated[int, Meta(ge=1, le=_MOST)]
Reason = Annotated[str, Meta(pattern=r"\A(stop|length|stopped|error)\Z")]
Entropy = Annotated[float, Meta(ge=0.0)]


class CheckpointRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A point of a sample where something was measured or asked.

    Attributes:
        tokens: Tokens generated before it.
        answer: What the sample answered when asked there; null: not parsable; absent: not asked.
        mean_entropy: Nats, mean over all tokens so far.
        tail_entropy: Nats, mean over the last 128 tokens.
        confidence: On the engine's own scale; higher is surer.
    """

    tokens: Position
    answer: str | int | UnsetType | None = UNSET
    mean_entropy: Entropy | None = None
    tail_entropy: Entropy | None = None
    confidence: float | None = None


class SampleRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sample. The first five fields are required, null is unknown.

    Attributes:
        question_id: The question.
        sample: Number within question and arm, in start order where the run had one.
        gold: The question's right answer.
        answer: The sample's final answer; null: nothing parsable.
        tokens: All generated tokens.
        question: The question's text.
        features: Numbers known of the question before its first sample.
        prompt_tokens: Tokens of the prompt.
        arm: How it was sampled.
        finish_reason: Why it ended; `stopped`: it never finished.
        mean_entropy: Nats, mean over the whole sample.
        tail_entropy: Nats, mean over the last 128 tokens.
        checkpoints: In any order.
    """

    question_id: Text
    sample: Count
    gold: Text | int
    answer: str | int | None
    tokens: Count
    question: str | None = None
    features: dict[Text, float | None] | None = None
    prompt_tokens: Count | None = None
    arm: Text = UNNAMED_ARM
    finish_reason: Reason | None = None
    mean_entropy: Entropy | None = None
    tail_entropy: Entropy | None = None
    checkpoints: list[CheckpointRecord] = []


sample_decoder = msgspec.json.Decoder(SampleRecord)


def answer_text(answer: str | int | UnsetType | None) -> str | None:
    """Write an answer as the string that votes are counted by; a blank one is none."""
    text = "" if answer is None or answer is UNSET else str(answer)
    return text if text.strip() else None
