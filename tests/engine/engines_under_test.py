"""Every engine of the project behind one face, for the conformance suite."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import numpy as np
from scripted_streams import PROFILE, BoxParser, text_of
from tiny_model import FAMILIES, script_prompt

from engine.arms import Arm
from engine.entropy import token_entropy
from engine.port import Message, Sampling
from engine.rig import Measure, Rig
from engine.scripted import Fault, ScriptedEngine
from engine.scripted import Script as EngineScript
from engine.session import Session
from scheduler import FinishReason, LatencyProfile, Reason, StartSample, Woke
from scheduler.latency import Decode, Probe
from simulations.pool import Checkpoint, LoggedSample
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.port import Engine
    from engine.vllm.server import ServerEngine
    from scheduler import AnyEvent, SampleEvent, SampleProgressed

REPORT_EVERY_TOKENS = 50
LONG = 1400
"""Tokens of a sample that no test wants to see the end of."""

_FAR_S = 1000.0
_IDLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Script:
    """What a sample will do.

    Attributes:
        tokens: How long it becomes.
        answer: What it ends with, `7` or `8`.
        fails_at: Where the engine loses it: `once`, `halfway` or not.
    """

    tokens: int
    answer: str = "7"
    fails_at: str | None = None


class EngineUnderTest(Protocol):
    """An engine that plays scripts; it reports progress each fifty tokens.

    Attributes:
        is_exact: Whether it reports at each fiftieth token, and how sure a script is.
        late_tokens: What a stopped sample may still gain, at most.
    """

    is_exact: bool
    late_tokens: int

    def open_question(self) -> None:
        """Go on to the next question; the first call opens question 0."""

    def start(self, script: Script, max_tokens: int | None = None) -> None:
        """Start the next sample of the open question."""

    def stop(self, sample: int) -> None:
        """Stop a sample of the open question."""

    def probe(self, sample: int) -> None:
        """Ask a sample for its answer so far."""

    async def until(self, wanted: Callable[[Any], bool]) -> list[SampleEvent]:
        """Give what happens up to an event that is wanted."""

    async def rest(self) -> list[SampleEvent]:
        """Give what happens until nothing runs any more."""

    def tokens(self, position: int) -> int:
        """Tokens charged to a question so far."""

    def now_s(self) -> float:
        """Read its clock."""

    async def running(self) -> float:
        """Count what it is busy with, by its own figures."""

    async def generated(self) -> float:
        """Count the tokens that it ever generated, by its own figures."""

    def check_entropies(self, event: SampleProgressed) -> None:
        """Compare with what the script must give."""


def logged_sample(script: Script) -> LoggedSample:
    """Return what the simulated world plays: unsure until half of it, probed twice."""
    tokens, answer = script.tokens, script.answer
    checkpoints = (
        Checkpoint(tokens // 4, 0.75, 0.5, probed=True, answer=None),
        Checkpoint(tokens // 2, 0.5, 0.25, probed=True, answer=answer),
        Checkpoint(tokens // 2 + 10, 0.25, 0.125, probed=False, answer=None),
    )
    return LoggedSample(
        sample=0,
        tokens=tokens,
        answer=answer,
        mean_entropy=0.25,
        tail_entropy=0.125,
        checkpoints=checkpoints,
        finish_reason=FinishReason.ERROR if script.fails_at == "halfway" else FinishReason.STOP,
    )


class SimulatedEngine:
    """The simulated world with a delay of three tenths of a second for stops."""

    is_exact = True
    late_tokens = 30

    def __init__(self) -> None:
        profile = LatencyProfile(
            name="t",
            decode=Decode(width=(1, 2), step_s=(0.01, 0.015)),
            probe=Probe(base_s=0.05, tokens=2),
            stop_s=0.3,
        )
        self._world = World(profile, progress_every_tokens=REPORT_EVERY_TOKENS)
        self._now_s = 0.0

    def open_question(self) -> None:
        """Go on."""
        self._world.open_question()

    def start(self, script: Script, max_tokens: int | None = None) -> None:
        """Start."""
        self.start_logged(None if script.fails_at == "once" else logged_sample(script), max_tokens)

    def start_logged(self, sample: LoggedSample | None, max_tokens: int | None = None) -> None:
        """Start what only this engine can play."""
        self._world.start(sample, max_tokens)

    def stop(self, sample: int) -> None:
        """Stop."""
        self._world.stop(sample)

    def probe(self, sample: int) -> None:
        """Probe."""
        self._world.probe(sample)

    async def until(self, wanted: Callable[[Any], bool]) -> list[SampleEvent]:
        """Go from event to event."""
        events: list[Any] = []
        while not events or not wanted(events[-1]):
            events.append(self._world.next_event(self._now_s + _FAR_S))
            assert not isinstance(events[-1], Woke), "it never happens"
            self._now_s = events[-1].at_s
        return events

    async def rest(self) -> list[SampleEvent]:
        """Go to the end."""
        return self.until_s(self._now_s + _FAR_S)

    def until_s(self, at_s: float) -> list[SampleEvent]:
        """Go to a time."""
        events: list[Any] = []
        while not isinstance(event := self._world.next_event(at_s), Woke):
            events.append(event)
        self._now_s = at_s
        return events

    def tokens(self, position: int) -> int:
        """Read the meter."""
        return self._world.tokens[position]

    def now_s(self) -> float:
        """Tell the time of what happened last."""
        return self._now_s

    async def running(self) -> float:
        """Know of nothing beneath."""
        return 0.0

    async def generated(self) -> float:
        """Add the meters up."""
        return sum(self._world.tokens)

    def check_entropies(self, event: SampleProgressed) -> None:
        """Expect what was logged; every script here is sure from a half on."""
        assert (event.mean_entropy, event.tail_entropy) in {(0.75, 0.5), (0.5, 0.25), (0.25, 0.125)}


class SessionEngine:
    """The live session on an engine.

    Each script has an arm of its own, whose prompt ends in the word that leads to its text.

    Args:
        engine: Running; it lives on.
    """

    is_exact = False
    late_tokens = 800  # over half a second's, on a machine that does something else meanwhile

    def __init__(self, engine: Engine) -> None:
        self._arms: dict[str, Arm] = {}
        rig = Rig(
            engine=engine,
            arms=self._arms,
            parser=BoxParser(),
            measure=Measure(report_every_tokens=REPORT_EVERY_TOKENS, checkpoint_every_tokens=None),
        )
        self._clock = asyncio.get_running_loop().time
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self.session = Session(rig, self, self._clock)
        self._position = -1
        self._started = 0

    def on_event(self, event: AnyEvent, *, heard: bool) -> None:
        """Keep what is told."""
        assert heard
        self._events.put_nowait(event)

    def on_text(self, position: int, sample: int, text: str) -> None:
        """Pass over."""

    def open_question(self) -> None:
        """Go on."""
        self._position += 1
        self._started = 0
        self.session.prompts.open(self._position, f"Question {self._position}:")

    def start(self, script: Script, max_tokens: int | None = None) -> None:
        """Start."""
        name = repr(script)
        self._arms[name] = self.arm(script)
        start = StartSample(
            sample=self._started, arm=name, max_tokens=max_tokens, reason=Reason.WIDEN
        )
        self._started += 1
        self.session.start_sample(self._position, start)

    def arm(self, script: Script) -> Arm:
        """Say how a script is played; what fails is refused by the engine."""
        word = script_prompt(script.tokens, script.answer)
        temperature = -1.0 if script.fails_at else 0.0
        return Arm(
            messages=(Message(role="user", content=f"{{question}} {word}"),),
            sampling=Sampling(temperature=temperature, top_p=1.0),
        )

    def stop(self, sample: int) -> None:
        """Stop."""
        self.session.stop_sample(self._position, sample)

    def probe(self, sample: int) -> None:
        """Probe."""
        self.session.probe_sample(self._position, sample)

    async def until(self, wanted: Callable[[Any], bool]) -> list[SampleEvent]:
        """Wait for it."""
        events: list[Any] = []
        async with asyncio.timeout(60.0):
            while not events or not wanted(events[-1]):
                events.append(await self._events.get())
        return events

    async def rest(self) -> list[SampleEvent]:
        """Wait for the end of all tasks, and for the engine to be idle."""
        for position in range(self._position + 1):
            assert await self.session.drained(position, 60.0)
        assert self.session.live == 0
        end_s = self._clock() + _IDLE_S
        while await self.running() and self._clock() < end_s:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.02)
        assert await self.running() == 0
        events = []
        while not self._events.empty():
            events.append(self._events.get_nowait())
        return events

    def tokens(self, position: int) -> int:
        """Read the meter."""
        return self.session.tokens[position]

    def now_s(self) -> float:
        """Read the loop's clock."""
        return self._clock()

    async def running(self) -> float:
        """Ask vLLM."""
        return await self.figure("vllm:num_requests_running")

    async def generated(self) -> float:
        """Ask vLLM."""
        return await self.figure("vllm:generation_tokens_total")

    async def figure(self, name: str) -> float:
        """Read a figure that vLLM keeps."""
        raise NotImplementedError

    def check_entropies(self, event: SampleProgressed) -> None:
        """Expect numbers that an entropy can have."""
        for entropy in (event.mean_entropy, event.tail_entropy):
            assert entropy is not None
            assert isfinite(entropy)
            assert entropy >= 0.0

    async def leave(self) -> None:
        """Stop what runs; the engine lives on."""
        for position in range(self._position + 1):
            self.session.stop_question(position)
        await self.rest()
        self.session._backends["main"].alarm.close()


class InProcessUnderTest(SessionEngine):
    """VLLM in this process."""

    async def figure(self, name: str) -> float:
        """Ask the counters in this process."""
        from prometheus_client import REGISTRY  # noqa: PLC0415 - comes with vLLM only

        samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
        return sum(sample.value for sample in samples if sample.name == name)


class ServerUnderTest(SessionEngine):
    """VLLM behind its server."""

    def __init__(self, engine: ServerEngine) -> None:
        super().__init__(engine)
        (address,) = engine._addresses.all
        self._url = address.url

    async def figure(self, name: str) -> float:
        """Ask the server."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"{self._url}/metrics")).text
        values = re.findall(rf"^{name}{{.*}} (\S+)$", text, re.MULTILINE)
        return sum(map(float, values))


class ScriptedUnderTest(SessionEngine):
    """Scripts on virtual time; a prompt leads to what the tiny model would say."""

    is_exact = True
    late_tokens = 1
    _logprobs = (-0.1, -2.5, -4.0)

    def __init__(self) -> None:
        self._engine = ScriptedEngine(self._play, PROFILE)
        super().__init__(self._engine)

    def arm(self, script: Script) -> Arm:
        """Name the fault in the prompt."""
        word = script_prompt(script.tokens, script.answer)
        content = f"{{question}} {script.fails_at} {word}"
        return Arm(messages=(Message(role="user", content=content),))

    def _play(self, prompt: str) -> EngineScript:
        *_, fails_at, word = prompt.partition("\n")[0].split()
        answer = next(a for a, family in FAMILIES.items() if family == word[0])
        if prompt.endswith("\\boxed{"):
            return EngineScript(text=f"{answer}}}\n")
        text = ".." if fails_at == "once" else text_of(int(word[1:]) + 2, answer)
        fault = None if fails_at == "None" else Fault.LOST
        return EngineScript(text=text, logprobs=self._logprobs, fault=fault)

    async def running(self) -> float:
        """Ask the engine."""
        return self._engine.running

    async def generated(self) -> float:
        """Ask the engine."""
        return self._engine.generated

    def check_entropies(self, event: SampleProgressed) -> None:
        """Expect what the script's log-probabilities give."""
        (expected,) = token_entropy(np.asarray([self._logprobs], dtype=np.float32))
        assert event.mean_entropy is not None
        assert event.tail_entropy is not None
        assert abs(event.mean_entropy - expected) < 1e-6
        assert abs(event.tail_entropy - expected) < 1e-6
