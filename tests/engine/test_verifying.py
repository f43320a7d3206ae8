"""Verifying arms: what their prompts hold, and what is said of candidates that don't fit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from scripted_streams import ARM, PROFILE, rig_of, text_of
from test_session import Ears
from virtual_time import play

from engine.arms import Arm, Extras, read_arms
from engine.port import Message
from engine.scripted import Script, ScriptedEngine
from engine.session import Session
from scheduler import Reason, SampleFailed, SampleFinished, StartSample

QUESTION = "which is it, {first} or {question}?"
JUDGE = Arm(messages=(Message(role="user", content="{question}\n{first} | {second}"),))


def judged(*starts: tuple[str, tuple[str, ...]]) -> tuple[Ears, list[str]]:
    """Start samples of arms with candidates; return what was told and the prompts."""
    ears = Ears()
    prompts: list[str] = []

    def model(prompt: str) -> Script:
        prompts.append(prompt)
        return Script(text=text_of(50))

    async def main() -> None:
        rig = replace(rig_of(ScriptedEngine(model, PROFILE)), arms={"plain": ARM, "judge": JUDGE})
        session = Session(rig, ears, asyncio.get_running_loop().time)
        await session.start()
        session.prompts.open(0, QUESTION)
        for number, (arm, candidates) in enumerate(starts):
            action = StartSample(sample=number, arm=arm, candidates=candidates, reason=Reason.WIDEN)
            session.start_sample(0, action)
        assert await session.drained(0)
        await session.close()

    play(main)
    return ears, prompts


def test_a_prompt_holds_the_candidates_in_their_order() -> None:
    """Each pair has a prompt of its own; what a question holds is never taken for a place."""
    ears, prompts = judged(("judge", ("7", "8")), ("judge", ("8", "7")), ("plain", ()))
    assert prompts == [f"{QUESTION}\n7 | 8\n", f"{QUESTION}\n8 | 7\n", f"{QUESTION}\n"]
    ends = [event for event in ears.heard if isinstance(event, SampleFinished)]
    assert [end.answer for end in ends] == ["7"] * 3


@pytest.mark.parametrize(
    ("arm", "candidates", "said"),
    [
        ("judge", (), "arm 'judge' judges two candidates, got []"),
        ("judge", ("7",), "arm 'judge' judges two candidates, got ['7']"),
        ("judge", ("7", "8", "9"), "arm 'judge' judges two candidates, got ['7', '8', '9']"),
        ("plain", ("7", "8"), "arm 'plain' judges no candidates, got ['7', '8']"),
    ],
)
def test_other_candidates_fail_the_sample(arm: str, candidates: tuple[str, ...], said: str) -> None:
    """In one clear message; the engine is not asked, other samples go on."""
    ears, prompts = judged((arm, candidates), ("judge", ("7", "8")))
    (failed,) = [event for event in ears.heard if isinstance(event, SampleFailed)]
    assert (failed.sample, failed.message) == (0, said)
    assert len(prompts) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{question} {first}", "messages hold {first} without {second}"),
        ("{question} {second}", "messages hold {second} without {first}"),
        ("{first} {second}", "no message holds {question}"),
    ],
)
def test_half_a_pair_of_places_is_refused(content: str, said: str) -> None:
    """An arm that shows one candidate only would judge nothing."""
    message: dict[str, Any] = {"role": "user", "content": content}
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"messages": [message]}, Arm)


def test_the_bundled_verifier_judges_and_the_others_do_not() -> None:
    """Its prompt shows the question and the candidates, and asks for a box."""
    arms = read_arms()
    assert [name for name, arm in arms.items() if arm.judges] == ["verifier"]
    (message,) = arms["verifier"].chat("What is 3 + 4?", Extras(("7", "8")))
    for part in ("What is 3 + 4?", "7 and 8", "\\boxed{}"):
        assert part in message.content
