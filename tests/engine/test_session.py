"""The session: what is measured, what is asked, and that nothing is left behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from scripted_streams import ARM, BOX, PROFILE, STEP_S, Model, faulty, logged, rig_of, text_of
from virtual_time import play

from engine.errors import RequestFailedError
from engine.port import Chunk
from engine.sample import RunningSample
from engine.scripted import Fault, Script, ScriptedEngine
from engine.session import Session
from scheduler import (
    FinishReason,
    ProbeAnswered,
    Reason,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    StartSample,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

QUESTION = "what is it=7"


class Ears:
    """Keeps what a session tells."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.unheard: list[Any] = []
        self.texts: list[str] = []

    def on_event(self, event: Any, *, heard: bool) -> None:  # noqa: ANN401 - any of them
        """Keep an event."""
        (self.heard if heard else self.unheard).append(event)

    def on_text(self, position: int, sample: int, text: str) -> None:
        """Keep a text."""
        del position, sample
        self.texts.append(text)

    def kinds(self) -> list[type]:
        """Return what was heard."""
        return list(map(type, self.heard))


def converse(
    act: Callable[[Session, Ears, ScriptedEngine], Coroutine[Any, Any, None]],
    *scripts: Script,
    make: type[ScriptedEngine] = ScriptedEngine,
    chunk_tokens: int = 1,
    silence_s: float = 20.0,
    **measure: int | None,
) -> Ears:
    """Let a session act on question 0; return what it told."""
    ears = Ears()

    async def main() -> None:
        model = Model({QUESTION: scripts} if scripts else {})
        engine = make(model, PROFILE, chunk_tokens=chunk_tokens)
        clock = asyncio.get_running_loop().time
        session = Session(rig_of(engine, silence_s=silence_s, **measure), ears, clock)
        await session.start()
        session.prompts.open(0, QUESTION)
        await act(session, ears, engine)
        await session.close()
        assert session.live == 0
        assert engine.running == 0

    play(main)
    return ears


def start(session: Session, *samples: int, max_tokens: int | None = None) -> None:
    """Start samples of question 0."""
    for sample in samples or (0,):
        session.start_sample(
            0, StartSample(sample=sample, arm="plain", max_tokens=max_tokens, reason=Reason.WIDEN)
        )


async def run_one(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
    """Run one sample to its end."""
    del ears, engine
    start(session)
    assert await session.drained(0)


def tokens(events: list[Any], kind: type = SampleProgressed) -> list[int]:
    """Return at which lengths something was told."""
    return [event.tokens for event in events if isinstance(event, kind)]


# Measures.


def test_reports_and_checkpoints_have_their_own_cadence() -> None:
    """The core hears reports; checkpoints between them go to the journal alone, none twice."""
    ears = converse(run_one, report_every_tokens=60, checkpoint_every_tokens=40)
    assert tokens(ears.heard) == [60, 120, 180]
    assert tokens(ears.unheard) == [40, 80, 121, 160]


def test_nothing_is_measured_that_nobody_wants() -> None:
    """Without logprobs an entropy is unknown; without a cadence there is no progress."""
    ears = converse(run_one, logprobs=0, checkpoint_every_tokens=None)
    assert ears.kinds() == [SampleStarted, SampleFinished]
    assert ears.unheard == []
    assert ears.heard[-1].mean_entropy is None
    assert ears.texts == [text_of(200)]


def test_a_lagging_reader_reports_once_for_many_tokens() -> None:
    """Chunks of 70 pass several marks at once."""
    ears = converse(run_one, chunk_tokens=70, report_every_tokens=20)
    assert tokens(ears.heard) == [70, 140]


def test_samples_are_probed_on_a_grid() -> None:
    """At multiples that don't depend on the sample's length nor on the chunks; not heard."""
    ears = converse(run_one, chunk_tokens=7, probe_every_tokens=50, checkpoint_every_tokens=None)
    probes = [event for event in ears.unheard if isinstance(event, ProbeAnswered)]
    assert [(probe.tokens, probe.answer) for probe in probes] == [
        (50, "7"),
        (100, "7"),
        (150, "7"),
    ]
    assert ears.kinds() == [SampleStarted, SampleFinished]


def test_probes_and_checkpoints_at_one_cadence_are_both_taken() -> None:
    """One does not use up the other's turn."""
    ears = converse(run_one, probe_every_tokens=50, checkpoint_every_tokens=50)
    kinds = [type(event) for event in ears.unheard]
    assert kinds.count(ProbeAnswered) == kinds.count(SampleProgressed) == 3


def test_a_probe_continues_the_very_tokens_of_its_sample() -> None:
    """Its prompt is the sample's, so many of its tokens, and the arm's question."""
    prompts: list[str] = []

    class Watched(ScriptedEngine):
        def generate(self, request: Any) -> Any:  # noqa: ANN401 - as the engine's
            prompts.append("".join(map(chr, request.prompt)))
            return super().generate(request)

    converse(run_one, make=Watched, probe_every_tokens=120, checkpoint_every_tokens=None)
    first, probe = prompts
    assert first == f"{QUESTION}\n"
    assert probe == f"{QUESTION}\n{text_of(200)[:120]}\n\nThe final answer is {BOX}"


class Thinks(ScriptedEngine):
    """An engine whose model knows the marks of thinking, one token each."""

    seen: list[str] = []  # noqa: RUF012 - read by the test

    async def encode(self, text: str) -> tuple[int, ...]:
        """Give a mark one number."""
        text = text.replace("</think>", "\u2227").replace("<think>", "\u2228")
        return await super().encode(text)

    def generate(self, request: Any) -> Any:  # noqa: ANN401 - as the engine's
        """Note what is asked."""
        self.seen.append("".join(map(chr, request.prompt)))
        return super().generate(request)


@pytest.mark.parametrize(
    ("said", "closes"),
    [("\u2228....", True), ("\u2228.\u2227.", False), (".....", False)],
)
def test_thinking_is_closed_before_a_probe(said: str, *, closes: bool) -> None:
    """Only where it was begun and is not over."""
    Thinks.seen.clear()
    script = Script(text=said + text_of(20))
    converse(run_one, script, make=Thinks, probe_every_tokens=10, checkpoint_every_tokens=None)
    probe = next(prompt for prompt in Thinks.seen if prompt.endswith(BOX))
    assert probe.endswith("\n\u2227\n\nThe final answer is \\boxed{") is closes


def test_a_probe_without_anything_to_ask_comes_back_empty() -> None:
    """A sample that has not begun, and one that is not there."""

    async def act(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
        del ears, engine
        start(session)
        session.probe_sample(0, 0)
        session.probe_sample(0, 5)
        assert await session.drained(0)

    ears = converse(act)
    assert [(e.sample, e.answer) for e in ears.heard if isinstance(e, ProbeAnswered)] == [
        (0, None),
        (5, None),
    ]


# Prompts.


class Counts(ScriptedEngine):
    """An engine that counts the chats that it encodes."""

    chats = 0

    async def encode_chat(self, *chat: Any, **how: Any) -> tuple[int, ...]:  # noqa: ANN401
        """Count."""
        self.chats += 1
        await asyncio.sleep(0.5)
        if self.chats == 1:
            raise RequestFailedError("not yet")
        return await super().encode_chat(*chat, **how)


def test_a_prompt_is_made_once_and_again_where_that_failed() -> None:
    """All samples share it; a failure is not kept."""

    async def act(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
        start(session, 0, 1)
        assert await session.drained(0)
        assert ears.kinds() == [SampleFailed, SampleFailed]
        start(session, 2, 3, 4)
        assert await session.drained(0)
        assert isinstance(engine, Counts)
        assert engine.chats == 2
        assert ears.kinds().count(SampleFinished) == 3

    with logged() as lines:
        converse(act, make=Counts)
    assert lines == [f"WARNING question 0, sample {n}: not yet" for n in (0, 1)]


def test_an_unknown_arm_is_a_failure_of_its_sample() -> None:
    """It is told like any other."""

    async def act(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
        del engine
        session.start_sample(0, StartSample(sample=0, arm="odd", reason=Reason.WIDEN))
        (failed,) = ears.heard
        assert failed.message == "there is no arm 'odd'"

    converse(act)


def test_a_prompt_that_fills_the_context_leaves_no_room() -> None:
    """The sample fails, and says so."""

    class Small(ScriptedEngine):
        @property
        def info(self) -> Any:  # noqa: ANN401 - as the engine's
            return msgspec.structs.replace(super().info, max_model_len=5)

    with logged() as lines:
        ears = converse(run_one, make=Small)
    assert ears.kinds() == [SampleFailed]
    assert lines[0].endswith("a prompt of 13 tokens leaves no room")


# Stops and deaths.


def test_a_stop_before_the_first_step_ends_the_sample() -> None:
    """Its task never begins, and yet its end is told, once."""

    async def act(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
        start(session)
        session.stop_sample(0, 0)
        session.stop_sample(0, 0)
        assert await session.drained(0)
        (end,) = ears.heard
        assert (end.finish_reason, end.tokens) == (FinishReason.STOPPED, 0)
        assert session.live == 0
        assert engine.generated == 0

    converse(act)


def test_stopping_a_question_stops_its_probes_too() -> None:
    """Also those of samples that have ended; another question goes on."""

    class SlowProbe(Model):
        def __call__(self, prompt: str) -> Script:
            probing = prompt.endswith(BOX)
            return faulty(Fault.HANG) if probing else super().__call__(prompt)

    async def main() -> None:
        ears = Ears()
        engine = ScriptedEngine(SlowProbe(), PROFILE)
        clock = asyncio.get_running_loop().time
        session = Session(rig_of(engine), ears, clock)
        await session.start()
        for position in (0, 1):
            session.prompts.open(position, QUESTION)
            session.start_sample(position, StartSample(sample=0, arm="plain", reason=Reason.WIDEN))
        await asyncio.sleep(1.9)
        session.probe_sample(0, 0)
        await asyncio.sleep(0.5)
        assert ears.kinds().count(SampleFinished) == 2
        assert not await session.drained(0, 1.0)
        session.stop_question(0)
        assert await session.drained(0, 1.0)
        assert engine.running == 0
        await session.close()

    play(main)


def test_a_gap_between_samples_is_no_silence() -> None:
    """Whoever has just asked is waited for as long as anybody."""

    class SlowStart(ScriptedEngine):
        async def encode_chat(self, *chat: Any, **how: Any) -> tuple[int, ...]:  # noqa: ANN401
            await asyncio.sleep(4.0)
            return await super().encode_chat(*chat, **how)

    async def act(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
        start(session, 0)
        await asyncio.sleep(4.0 + 2.1)
        assert ears.kinds()[-1] is SampleFinished
        session.prompts.close(0)
        session.prompts.open(0, QUESTION)
        await asyncio.sleep(2.8)  # the alarm's timer still runs
        start(session, 1)
        assert await session.drained(0)
        assert ears.kinds()[-1] is SampleFinished
        assert engine.start_number == 1

    converse(act, make=SlowStart, silence_s=5.0)


def test_a_hang_is_noticed_after_a_restart_too() -> None:
    """Samples that waited for the new start are listened for like any."""

    async def act(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
        start(session, 0)
        await asyncio.sleep(7.0)
        assert ears.kinds()[-1] is SampleFailed
        engine._start_s = 30.0
        session.supervisor.report_death("for the test")
        start(session, 1)
        await asyncio.sleep(60.0)
        assert ears.kinds()[-1] is SampleFailed
        assert ears.heard[-1].sample == 1

    with logged() as lines:
        converse(act, faulty(Fault.HANG), silence_s=5.0)
    assert sum("no token for any sample for 5 s" in line for line in lines) == 2


def test_a_probe_that_hangs_ends_with_its_engine() -> None:
    """Nothing of a dead engine is waited for."""

    class HangingProbe(Model):
        def __call__(self, prompt: str) -> Script:
            probing = prompt.endswith(BOX)
            return faulty(Fault.HANG) if probing else super().__call__(prompt)

    async def main() -> None:
        ears = Ears()
        engine = ScriptedEngine(HangingProbe(), PROFILE)
        session = Session(rig_of(engine), ears, asyncio.get_running_loop().time)
        await session.start()
        session.prompts.open(0, QUESTION)
        start(session)
        await asyncio.sleep(1.0)
        session.probe_sample(0, 0)
        await asyncio.sleep(0.5)
        session.supervisor.report_death("for the test")
        assert await session.drained(0, 1.0)
        assert ears.kinds() == [SampleStarted, SampleFailed]
        await asyncio.sleep(30.0)
        assert session.supervisor.starts == 2
        await session.close()

    with logged():
        play(main)


def test_closing_ends_what_runs() -> None:
    """Every sample is told as stopped."""

    async def act(session: Session, ears: Ears, engine: ScriptedEngine) -> None:
        del ears
        start(session, 0, 1, 2)
        await asyncio.sleep(50 * STEP_S)
        assert engine.running == 3

    ears = converse(act)
    ends = [event for event in ears.heard if isinstance(event, SampleFinished)]
    assert [end.finish_reason for end in ends] == [FinishReason.STOPPED] * 3


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk(token_ids=[1], logprobs=np.zeros((2, 3), np.float32)),
        Chunk(token_ids=[1], logprobs=np.zeros(3, np.float32)),
        Chunk(token_ids=[1], logprobs=np.array([["a", "b"]])),
        Chunk(token_ids=["a"]),  # type: ignore[list-item]
        Chunk(token_ids=None),  # type: ignore[arg-type]
        Chunk(text=7),  # type: ignore[arg-type]
        None,
    ],
)
def test_garbage_is_met_where_it_comes(chunk: Any) -> None:  # noqa: ANN401 - anything
    """It fails its sample when it is read, not later where nobody expects it."""
    asked = StartSample(sample=0, arm="plain", reason=Reason.WIDEN)
    sample = RunningSample(0, asked, ARM, None)
    with pytest.raises(RequestFailedError, match="garbage"):
        sample.take(chunk)
    assert sample.tokens == 0


def test_a_changed_number_of_logprobs_is_garbage() -> None:
    """Tables that don't fit together could not be read any more; an empty one fits all."""
    asked = StartSample(sample=0, arm="plain", reason=Reason.WIDEN)
    sample = RunningSample(0, asked, ARM, None)
    sample.take(Chunk(token_ids=[1, 2], logprobs=np.full((2, 3), -2.0, np.float32)))
    sample.take(Chunk(logprobs=np.zeros((0, 0), np.float32)))
    with pytest.raises(RequestFailedError, match="garbage"):
        sample.take(Chunk(token_ids=[3], logprobs=np.full((1, 4), -2.0, np.float32)))
