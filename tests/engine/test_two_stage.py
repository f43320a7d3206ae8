"""Two-stage arms: samples that build on what another one has thought, maybe on a second engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from scripted_streams import ARM, PROFILE, logged, rig_of, text_of
from test_session import Ears
from virtual_time import play

from engine.arms import Arm, ArmsError, read_arms
from engine.errors import EngineDeadError, MissingPartError
from engine.port import Message
from engine.reasoning import reasoning_of
from engine.scripted import Fault, Script, ScriptedEngine
from engine.session import Session
from scheduler import Reason, SampleFailed, SampleFinished, StartSample

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

QUESTION = "what is it=7"
REFINE = Arm(
    messages=(
        Message(role="user", content="{question}"),
        Message(role="assistant", content="{reasoning}\nSo"),
    ),
    engine="second",
    builds_on="plain",
)
ARMS = {
    "plain": ARM,
    "other": ARM,
    "refine": REFINE,
    "reread": msgspec.structs.replace(REFINE, engine="main"),
}
THOUGHT = "<think>\nit is seven\n</think>\n\n\\boxed{7}"


class Engine(ScriptedEngine):
    """Plays its scripts one after another, the last again and again, and keeps the prompts."""

    def __init__(self, *scripts: Script, **how: Any) -> None:  # noqa: ANN401 - as the scripted one
        super().__init__(self._next, PROFILE, **how)
        self.scripts = list(scripts or [Script(text=text_of(100))])
        self.prompts: list[str] = []
        self.encoded = 0

    def _next(self, prompt: str) -> Script:
        self.prompts.append(prompt)
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    async def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[int, ...]:
        """Count the chats."""
        self.encoded += 1
        return await super().encode_chat(messages, thinking=thinking, tools=tools)


def converse(
    act: Callable[[Session], Coroutine[Any, Any, None]],
    main: Engine | None = None,
    second: Engine | None = None,
    *,
    is_alone: bool = False,
) -> tuple[Ears, Engine, Engine]:
    """Let a session with two engines, or with the main one alone, act on question 0."""
    ears, main, second = Ears(), main or Engine(), second or Engine()

    async def run() -> None:
        rig = replace(rig_of(main), arms=ARMS, second=None if is_alone else second)
        session = Session(rig, ears, asyncio.get_running_loop().time)
        await session.start()
        session.prompts.open(0, QUESTION)
        await act(session)
        await session.close()
        assert session.live == 0
        assert (main.running, second.running) == (0, 0)

    play(run)
    return ears, main, second


def start(session: Session, sample: int, arm: str = "plain", parent: int | None = None) -> None:
    """Start a sample of question 0."""
    action = StartSample(sample=sample, arm=arm, parent=parent, reason=Reason.WIDEN)
    session.start_sample(0, action)


def ends(ears: Ears, kind: type = SampleFinished) -> list[Any]:
    """Return the ends of one kind."""
    return [event for event in ears.heard if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        (THOUGHT, "it is seven"),
        ("it is seven\n</think>\n\\boxed{7}", "it is seven"),
        ("<think>\nit is", "it is"),
        ("it is \\boxed{7}", "it is \\boxed{7}"),
        ("<think>\n\n</think>\n\\boxed{7}", ""),
    ],
)
def test_reasoning_is_what_stands_before_the_end_of_thinking(text: str, reasoning: str) -> None:
    """All of a text without marks; of a thinking model no mark and no answer."""
    assert reasoning_of(text) == reasoning


def test_a_sample_goes_on_from_the_reasoning_of_its_parent() -> None:
    """On the second engine; the answer that was begun is not closed, and made once for both."""

    async def act(session: Session) -> None:
        start(session, 0)
        assert await session.drained(0)
        start(session, 1, "refine", 0)
        start(session, 2, "refine", 0)
        assert await session.drained(0)

    ears, main, second = converse(act, Engine(Script(text=THOUGHT)))
    assert main.prompts == [f"{QUESTION}\n"]
    assert second.prompts == [f"{QUESTION}\nit is seven\nSo"] * 2
    assert second.encoded == 1
    assert [(end.sample, end.answer) for end in ends(ears)] == [(0, "7"), (1, "7"), (2, "7")]


def test_a_parent_may_still_run_or_have_been_stopped() -> None:
    """Its text until then counts, also where its engine gives texts at the end alone."""

    async def act(session: Session) -> None:
        start(session, 0)
        await asyncio.sleep(0.505)
        start(session, 1, "reread", 0)
        await asyncio.sleep(0.1)
        session.stop_sample(0, 0)
        await asyncio.sleep(0.1)
        start(session, 2, "refine", 0)
        assert await session.drained(0)

    class Quiet(Engine):
        """Holds the text back."""

        async def generate(self, request: Any) -> Any:  # noqa: ANN401 - as the scripted one
            text = ""
            async for chunk in super().generate(request):
                text += chunk.text
                is_last = chunk.finish_reason is not None
                yield msgspec.structs.replace(chunk, text=text if is_last else "")

    letters = "abcdefghijklmnopqrstuvwxyz" * 10
    _, main, second = converse(act, Quiet(Script(text=letters), Script(text=text_of(50))))
    assert main.prompts[1] == f"{QUESTION}\n{letters[:50]}\nSo"
    (told,) = second.prompts
    reasoning = told.removeprefix(f"{QUESTION}\n").removesuffix("\nSo")
    assert letters.startswith(reasoning)
    assert 50 < len(reasoning) < 70


@pytest.mark.parametrize(
    ("arm", "parent", "said"),
    [
        ("refine", None, "arm 'refine' builds on a sample of 'plain', got none"),
        ("refine", 7, "arm 'refine' builds on sample 7, which never ran"),
        ("refine", 1, "arm 'refine' builds on samples of 'plain', sample 1 is of 'other'"),
        ("plain", 0, "arm 'plain' builds on no sample, got 0"),
        ("refine", 2, "sample 2, which it builds on, has no text"),
    ],
)
def test_a_parent_that_does_not_do_fails_the_sample(
    arm: str, parent: int | None, said: str
) -> None:
    """In one clear message; no engine is asked."""

    async def act(session: Session) -> None:
        start(session, 0)
        start(session, 1, "other")
        start(session, 2)
        session.stop_sample(0, 2)
        assert await session.drained(0)
        start(session, 3, arm, parent)
        assert await session.drained(0)

    ears, main, second = converse(act)
    (failed,) = ends(ears, SampleFailed)
    assert (failed.sample, failed.message) == (3, said)
    assert len(main.prompts) == 2
    assert second.prompts == []


def test_without_a_second_engine_its_samples_fail() -> None:
    """With a message that says so; the others run."""

    async def act(session: Session) -> None:
        start(session, 0)
        assert await session.drained(0)
        start(session, 1, "refine", 0)
        start(session, 2, "reread", 0)
        assert await session.drained(0)

    ears, _, _ = converse(act, is_alone=True)
    (failed,) = ends(ears, SampleFailed)
    assert failed.sample == 1
    assert failed.message == "arm 'refine' runs on the second engine, and there is none"
    assert [end.sample for end in ends(ears)] == [0, 2]


def test_texts_are_kept_until_the_question_closes() -> None:
    """Also that of a sample that is let go of later is not kept then."""

    async def act(session: Session) -> None:
        start(session, 0)
        assert await session.drained(0)
        start(session, 1)
        await asyncio.sleep(0.1)
        assert list(session._ended[0]) == [0]
        session.stop_question(0)
        session.close_question(0)
        assert await session.drained(0)
        assert not session._ended.get(0)
        start(session, 2, "refine", 0)

    ears, _, _ = converse(act)
    (failed,) = ends(ears, SampleFailed)
    assert failed.message == "arm 'refine' builds on sample 0, which never ran"


def test_no_text_is_kept_where_no_arm_builds_on_it() -> None:
    """A long generation would fill the memory with them."""

    async def run() -> None:
        session = Session(rig_of(Engine()), Ears(), asyncio.get_running_loop().time)
        await session.start()
        session.prompts.open(0, QUESTION)
        start(session, 0)
        assert await session.drained(0)
        assert not session._ended
        await session.close()

    play(run)


@pytest.mark.parametrize("dies", ["main", "second"])
def test_an_engine_that_dies_takes_its_own_samples_alone(dies: str) -> None:
    """It is started again and takes new ones; the other engine hears nothing of it."""
    fatal = (Script(text=text_of(100), fault=Fault.DEAD), Script(text=text_of(100)))
    whole = Script(text=text_of(60))
    main = Engine(whole, *fatal) if dies == "main" else Engine()
    second = Engine(*fatal) if dies == "second" else Engine()

    async def act(session: Session) -> None:
        start(session, 0)
        assert await session.drained(0)
        start(session, 1)
        start(session, 2, "refine", 0)
        assert await session.drained(0)
        start(session, 3)
        start(session, 4, "refine", 0)
        assert await session.drained(0)

    with logged() as lines:
        ears, _, _ = converse(act, main, second)
    (failed,) = ends(ears, SampleFailed)
    lost = 1 if dies == "main" else 2
    assert failed.sample == lost
    assert sorted(end.sample for end in ends(ears)) == sorted({0, 1, 2, 3, 4} - {lost})
    assert (main.start_number, second.start_number) == ((2, 1) if dies == "main" else (1, 2))
    assert sum(line.startswith("ERROR") for line in lines) == 1


def test_a_text_that_died_with_its_engine_fails_the_sample_and_no_other_engine() -> None:
    """The parent's engine is started again, that of the sample is not."""

    class Forgetful(Engine):
        """Dies of being asked for a text."""

        async def decode(self, ids: Sequence[int]) -> str:
            """Die."""
            del ids
            raise EngineDeadError("gone")

    async def act(session: Session) -> None:
        start(session, 0)
        await asyncio.sleep(0.5)
        start(session, 1, "refine", 0)
        assert await session.drained(0)

    main, second = Forgetful(), Engine()
    with logged():
        ears, _, _ = converse(act, main, second)
    said = {failed.sample: failed.message for failed in ends(ears, SampleFailed)}
    assert said == {0: "gone", 1: "the text of sample 0 is lost"}
    assert (main.start_number, second.start_number) == (2, 1)


def test_a_silent_second_engine_is_found_dead() -> None:
    """While the main one has nothing to do."""

    async def act(session: Session) -> None:
        start(session, 0)
        assert await session.drained(0)
        start(session, 1, "refine", 0)
        assert await session.drained(0)

    second = Engine(Script(text=text_of(100), fault=Fault.HANG), Script(text=text_of(100)))
    with logged():
        ears, main, _ = converse(act, None, second)
    (failed,) = ends(ears, SampleFailed)
    assert failed.message == "no token for any sample for 20 s"
    assert (main.start_number, second.start_number) == (1, 2)


def test_a_second_engine_that_can_never_start_stops_nobody_else() -> None:
    """Loading goes on without it, and its samples say what is missing."""

    class Missing(Engine):
        """Lacks something."""

        async def start(self) -> None:
            """Say what."""
            raise MissingPartError("no such model")

    ears, main = Ears(), Engine()

    async def run() -> None:
        rig = replace(rig_of(main), arms=ARMS, second=Missing())
        session = Session(rig, ears, asyncio.get_running_loop().time)
        await session.load()
        session.prompts.open(0, QUESTION)
        start(session, 0)
        assert await session.drained(0)
        start(session, 1, "refine", 0)
        assert await session.drained(0)
        await session.close()

    with logged():
        play(run)
    assert [end.sample for end in ends(ears)] == [0]
    (failed,) = ends(ears, SampleFailed)
    assert (failed.sample, failed.message) == (1, "no such model")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('messages = [{ role = "user", content = "{question} {reasoning}" }]', "without builds_on"),
        (
            'messages = [{ role = "user", content = "{question}" }]\nbuilds_on = "a"',
            r"builds_on without \{reasoning\} in a message",
        ),
        (
            'messages = [{ role = "user", content = "{question} {reasoning}" }]\nbuilds_on = "b"',
            "arm 'a': builds_on must be one of a, got 'b'",
        ),
        (
            'messages = [{ role = "user", content = "{question}" }]\nengine = "third"',
            "Invalid enum value 'third'",
        ),
    ],
)
def test_a_portfolio_says_what_it_builds_on(tmp_path: Path, lines: str, said: str) -> None:
    """One line that names file, arm and what is wrong."""
    path = tmp_path / "arms.toml"
    path.write_text(f"[a]\n{lines}\n")
    with pytest.raises(ArmsError, match=f"arms.toml: arm 'a': .*{said}|arms.toml: {said}"):
        read_arms(path)


def test_a_two_stage_arm_is_data(tmp_path: Path) -> None:
    """As docs/arms.md shows it."""
    path = tmp_path / "arms.toml"
    path.write_text(
        '[default]\nmessages = [{ role = "user", content = "{question}" }]\n'
        '[refine]\nengine = "second"\nbuilds_on = "default"\nmessages = [\n'
        '  { role = "user", content = "{question}" },\n'
        '  { role = "assistant", content = "{reasoning}" },\n]\n'
    )
    arm = read_arms(path)["refine"]
    assert (arm.engine, arm.builds_on, arm.stands_alone) == ("second", "default", False)
