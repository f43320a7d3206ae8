"""What stands between an engine and the core: samples as tasks, chunks as events.

The session is told to start, stop and probe samples and tells what happened, in the core's own
words. Every sample is one task that reads its generation; stopping a sample cancels that task,
which closes the stream, which frees the engine. No task outlives its question unnoticed: one
that does not end after a stop makes its engine count as dead, and so does an engine that sends
nothing to anybody for too long. An engine that dies takes its own samples with it, not those of
another one.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import aclosing, nullcontext, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from loguru import logger

from engine.arms import Extras
from engine.backend import Backend
from engine.errors import EngineDeadError, EngineError, MissingPartError, RequestFailedError
from engine.port import Request, Sampling
from engine.prompts import Prompts
from engine.reasoning import reasoning_of
from engine.sample import RunningSample
from engine.texts import encodable
from engine.tool_turns import ToolTurns
from scheduler import (
    FinishReason,
    ProbeAnswered,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from engine.arms import EngineName
    from engine.port import Chunk, Engine
    from engine.rig import Rig
    from engine.supervisor import Supervisor
    from scheduler import AnyEvent, StartSample


class Listener(Protocol):
    """Who is told what happens."""

    def on_event(self, event: AnyEvent, *, heard: bool) -> None:
        """Take an event; `heard` is False for what was measured beyond what was asked for."""

    def on_text(self, position: int, sample: int, text: str) -> None:
        """Take what a sample generated, before its end is told."""


PROBE_TOKENS = 24
"""A probe's answer is cut here."""

STOP_WAIT_S = 10.0
"""An engine that has not let go of a stopped sample by then counts as dead."""

DECODE_WAIT_S = 30.0
"""A sample waits so long for the text of the one that it builds on."""

_GREEDY = Sampling(temperature=0.0, top_p=1.0)

_BOX = "\\boxed{"

_ENDS_OF_A_BOX = ("}\n", "}$", "}.", "\n\n")
"""Texts after which a probe's box is closed; braces within an answer are not followed by them."""


class Session:
    """Runs samples on the engines of a rig.

    Args:
        rig: The engines, which the session owns from now on, and how they are used.
        listener: Who is told what happens.
        clock: Seconds since the stream began; never goes back.
    """

    def __init__(self, rig: Rig, listener: Listener, clock: Callable[[], float]) -> None:
        self._backends = {
            name: Backend(
                engine,
                rig.silence_s,
                clock,
                partial(self._is_waiting, name),
                partial(self._lose_all, name),
            )
            for name, engine in rig.engines.items()
        }
        supervisors = {name: backend.supervisor for name, backend in self._backends.items()}
        self.prompts = Prompts(supervisors, rig.arms)
        """The prompts of the questions under way."""
        self._arms = rig.arms
        self._parser = rig.parser
        self._measure = rig.measure
        self._listener = listener
        self._clock = clock
        self._samples: dict[tuple[int, int], RunningSample] = {}
        self._tasks: defaultdict[int, set[asyncio.Task[None]]] = defaultdict(set)
        self._ended: defaultdict[int, dict[int, RunningSample]] = defaultdict(dict)
        self._probes: defaultdict[int, dict[asyncio.Task[None], EngineName]] = defaultdict(dict)
        self._turns = ToolTurns(rig.tool, rig.arms, self._tell, clock)
        self._request_ids = map("request-{}".format, count())
        self.tokens: Counter[int] = Counter()
        """Tokens of each question by place: of samples that ended and of all probes."""

    @property
    def supervisor(self) -> Supervisor:
        """Keeper of the main engine."""
        return self._backends["main"].supervisor

    @property
    def live(self) -> int:
        """Samples under way, those being stopped included."""
        return len(self._samples)

    def generated(self, position: int) -> int:
        """Return how many tokens a question's samples and probes have so far; from any thread."""
        running = tuple(self._samples.values())
        now = sum(sample.tokens for sample in running if sample.position == position)
        return self.tokens[position] + now

    async def start(self) -> None:
        """Bring the engines up unless they are, one after the other.

        Raises:
            EngineError: if one does not come up.
        """
        await self._turns.start()
        for backend in self._backends.values():
            await backend.supervisor.start()

    async def load(self) -> None:
        """Bring the engines up, however many attempts that takes; samples wait for it meanwhile.

        Raises:
            MissingPartError: if no attempt can mend what is wrong with the main one; each sample
                fails then. Of a second one only its own samples do.
        """
        await self._turns.start()
        for name, backend in self._backends.items():
            with nullcontext() if name == "main" else suppress(MissingPartError):
                await backend.supervisor.load()

    def report_progress(self, every_tokens: int | None) -> None:
        """Tell of samples so often from now on (see `Measure.report_every_tokens`)."""
        self._measure = msgspec.structs.replace(self._measure, report_every_tokens=every_tokens)

    async def close(self) -> None:
        """Stop everything and end the engines."""
        for backend in self._backends.values():
            backend.alarm.close()
        tasks = [task for tasks in self._tasks.values() for task in tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_WAIT_S)
        self._turns.close()
        await asyncio.gather(*(backend.supervisor.close() for backend in self._backends.values()))

    async def drained(self, position: int, timeout_s: float | None = None) -> bool:
        """Wait until nothing runs for a question; return whether that is so in time."""
        tasks = self._tasks.get(position)
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=timeout_s)
        return not tasks

    # What the core asks for.

    def start_sample(self, position: int, action: StartSample) -> None:
        """Start a sample; a failure is told as an event, never raised."""
        refusal = self._refusal(position, action)
        if refusal is not None:
            self._tell(self._failure(position, action.sample, refusal))
            return
        arm = self._arms[action.arm]
        limits = [limit for limit in (action.max_tokens, arm.max_tokens) if limit is not None]
        sample = RunningSample(position, action, arm, min(limits, default=None))
        self._samples[position, action.sample] = sample
        sample.task = self._spawn(position, self._run(sample))
        sample.task.add_done_callback(lambda _: self._conclude_unbegun(sample))

    def _refusal(self, position: int, action: StartSample) -> str | None:
        """Say why a sample can't be started; None if it can."""
        arm = self._arms.get(action.arm)
        if arm is None:
            return f"there is no arm {action.arm!r}"
        said = arm.refusal(action)
        if said is not None:
            return f"arm {action.arm!r} {said}"
        if arm.engine not in self._backends:
            return f"arm {action.arm!r} runs on the {arm.engine} engine, and there is none"
        if arm.builds_on is None or action.parent is None:
            return None
        parent = self._parent(position, action.parent)
        if parent is None:
            return f"arm {action.arm!r} builds on sample {action.parent}, which never ran"
        if parent.asked.arm != arm.builds_on:
            return (
                f"arm {action.arm!r} builds on samples of {arm.builds_on!r}, "
                f"sample {action.parent} is of {parent.asked.arm!r}"
            )
        return None

    def stop_sample(self, position: int, number: int) -> None:
        """Stop a sample; its end is told once the engine has let go of it."""
        sample = self._samples.get((position, number))
        if sample is None or sample.ended or sample.task is None:
            return
        sample.ended = True
        sample.stop()
        asyncio.get_running_loop().call_later(STOP_WAIT_S, self._check_stopped, sample)

    def stop_question(self, position: int) -> None:
        """Stop every sample of a question, and the probes of those that have ended."""
        for at, number in tuple(self._samples):
            if at == position:
                self.stop_sample(position, number)
        for probe in self._probes[position]:
            probe.cancel()

    def probe_sample(self, position: int, number: int) -> None:
        """Ask a sample for its answer so far."""
        sample = self._samples.get((position, number))
        if sample is None or not sample.tokens:
            self._tell_probe(position, number, None, 0)
            return
        self._ask(sample, sample.tokens, heard=True)

    def close_question(self, position: int) -> None:
        """Let go of what was kept of a question for samples to come."""
        self.prompts.close(position)
        self._ended.pop(position, None)

    # A sample's life.

    async def _run(self, sample: RunningSample) -> None:
        event: AnyEvent
        try:
            event = await self._generate(sample)
        except asyncio.CancelledError:
            event = self._end(sample, None, FinishReason.STOPPED)
        except EngineDeadError as error:
            event = self._failure(sample.position, sample.sample, str(error))
            self._backend(sample).supervisor.report_death(str(error), sample.start)
        except Exception as error:  # noqa: BLE001 - whatever the engine raised, the stream goes on
            event = self._failure(sample.position, sample.sample, _said(error))
            logger.warning(
                "question {}, sample {}: {}", sample.position, sample.sample, event.message
            )
        self._conclude(sample, event)

    def _conclude(self, sample: RunningSample, event: AnyEvent) -> None:
        """Tell a sample's end, once."""
        sample.ended = True
        sample.close_tool()
        if self._samples.pop((sample.position, sample.sample), None) is None:
            return
        self.tokens[sample.position] += sample.tokens
        # Kept where a sample may build on it, while there may be more samples.
        two_stage = any(arm.builds_on is not None for arm in self._arms.values())
        if two_stage and self.prompts.is_open(sample.position):
            self._ended[sample.position][sample.sample] = sample
        if sample.text:
            text = encodable("".join(sample.text))
            self._listener.on_text(sample.position, sample.sample, text)
        self._tell(event)

    def _conclude_unbegun(self, sample: RunningSample) -> None:
        """Tell the end of a sample that was stopped before its task had begun."""
        if self._samples.get((sample.position, sample.sample)) is sample:
            self._conclude(sample, self._end(sample, None, FinishReason.STOPPED))

    async def _generate(self, sample: RunningSample) -> SampleFinished:
        """Read a generation to its end; the answer is parsed last."""
        extras = Extras(sample.asked.candidates, await self._reasoning(sample))
        backend = self._backend(sample)
        engine = await backend.supervisor.ready()
        sample.start = backend.supervisor.starts
        backend.alarm.arm()
        sample.prompt = await self.prompts.prompt(sample.position, sample.asked.arm, extras)
        sample.form = await self.prompts.forms.of(sample.asked.arm)
        if len(sample.prompt) >= engine.info.max_model_len:
            raise RequestFailedError(f"a prompt of {len(sample.prompt)} tokens leaves no room")
        reason = await self._read(sample, engine)
        while reason == "stop" and await self._turns.go_on(sample, engine):
            backend.alarm.heard_s = self._clock()
            if _room(sample, engine) < 1:
                reason = "length"
                break
            reason = await self._read(sample, engine)
        sample.ended = True  # a stop comes too late from here on
        answer = await self._parser.parse(encodable("".join(sample.text)))
        return self._end(sample, answer, FinishReason(reason))

    async def _reasoning(self, sample: RunningSample) -> str | None:
        """Give what the sample's parent has thought so far; None for one that builds on none.

        Raises:
            RequestFailedError: if there is nothing to build on.
        """
        if sample.asked.parent is None:
            return None
        parent = self._parent(sample.position, sample.asked.parent)
        assert parent is not None  # noqa: S101 - or the sample had not been started
        sample.waits = True
        text = "".join(parent.text) if parent.is_whole else await self._decoded(parent)
        sample.waits = False
        reasoning = reasoning_of(encodable(text))
        if not reasoning:
            raise RequestFailedError(f"sample {parent.sample}, which it builds on, has no text")
        return reasoning

    async def _decoded(self, sample: RunningSample) -> str:
        """Give the text so far of a sample whose engine holds it back to the end."""
        ids, supervisor = tuple(sample.ids), self._backend(sample).supervisor
        if not ids:
            return ""
        start = None
        try:
            async with asyncio.timeout(DECODE_WAIT_S):
                engine = await supervisor.ready()
                start = supervisor.starts
                return await engine.decode(ids)
        except TimeoutError:
            raise RequestFailedError(f"the text of sample {sample.sample} did not come") from None
        except EngineDeadError as error:  # not of the engine that the text is for
            supervisor.report_death(str(error), start)
            raise RequestFailedError(f"the text of sample {sample.sample} is lost") from error

    def _parent(self, position: int, number: int) -> RunningSample | None:
        running = self._samples.get((position, number))
        return self._ended.get(position, {}).get(number) if running is None else running

    def _backend(self, sample: RunningSample) -> Backend:
        return self._backends[sample.arm.engine]

    async def _read(self, sample: RunningSample, engine: Engine) -> str:
        """Generate until the model, a limit or a program ends it; return the reason."""
        request = Request(
            request_id=next(self._request_ids),
            prompt=(*sample.prompt, *sample.ids),
            max_tokens=_room(sample, engine),
            sampling=sample.arm.sampling,
            logprobs=self._measure.logprobs,
            stop=self._turns.stops(sample),
        )
        most = sample.tokens + request.max_tokens
        async with aclosing(engine.generate(request)) as chunks:
            async for chunk in chunks:
                self._take(sample, chunk)
                if chunk.finish_reason is not None:
                    sample.ended = not request.stop  # else it may go on after its program
                    return chunk.finish_reason
                if sample.tokens >= most:
                    sample.ended = True
                    logger.warning(
                        "question {}, sample {}: the engine goes on past the limit of {} tokens",
                        sample.position,
                        sample.sample,
                        request.max_tokens,
                    )
                    return "length"
        raise RequestFailedError("the engine's stream ended without saying why")

    def _take(self, sample: RunningSample, chunk: Chunk) -> None:
        now_s = self._backend(sample).alarm.heard_s = self._clock()
        sample.take(chunk)
        if not sample.started and sample.tokens:
            sample.started = True
            self._tell(
                SampleStarted(
                    at_s=now_s,
                    position=sample.position,
                    sample=sample.sample,
                    prompt_tokens=len(sample.prompt),
                )
            )
        if chunk.finish_reason is not None:
            return
        measure = self._measure
        if sample.passed("report", measure.report_every_tokens):
            self._tell(self._progress(sample))
        elif sample.passed("checkpoint", measure.checkpoint_every_tokens):
            self._tell(self._progress(sample), heard=False)
        every = measure.probe_every_tokens
        if every is not None and sample.passed("probe", every):
            self._ask(sample, sample.tokens // every * every, heard=False)

    # Probes.

    def _ask(self, sample: RunningSample, tokens: int, *, heard: bool) -> None:
        task = self._spawn(sample.position, self._probe(sample, tokens, heard=heard))
        sample.probes.add(task)
        task.add_done_callback(sample.probes.discard)
        of_question = self._probes[sample.position]
        of_question[task] = sample.arm.engine
        task.add_done_callback(lambda _: of_question.pop(task))

    async def _probe(self, sample: RunningSample, tokens: int, *, heard: bool) -> None:
        answer = None
        try:
            answer = await self._forced_answer(sample, tokens)
        except EngineDeadError as error:
            self._backend(sample).supervisor.report_death(str(error), sample.start)
        except Exception as error:  # noqa: BLE001 - a probe that fails has no answer
            said = _said(error)
            logger.warning("question {}, probe of {}: {}", sample.position, sample.sample, said)
        self._tell_probe(sample.position, sample.sample, answer, tokens, heard=heard)

    async def _forced_answer(self, sample: RunningSample, tokens: int) -> str | None:
        """Continue a copy of the sample by its answer; all but the question for it is cached."""
        engine = await self._backend(sample).supervisor.ready()
        suffix = await self.prompts.suffix(sample, tokens)
        prompt = (*sample.prompt, *sample.context(tokens), *suffix)
        room = engine.info.max_model_len - len(prompt)
        if room < 1:
            return None
        request = Request(
            request_id=next(self._request_ids),
            prompt=prompt,
            max_tokens=min(room, PROBE_TOKENS),
            sampling=_GREEDY,
            stop=_ENDS_OF_A_BOX,
        )
        text = [_BOX]
        async with aclosing(engine.generate(request)) as chunks:
            async for chunk in chunks:
                self.tokens[sample.position] += len(chunk.token_ids)
                text.append(chunk.text)
                if chunk.finish_reason is not None:
                    break
        return await self._parser.parse(encodable("".join(text)))

    # Engines that die.

    def _is_waiting(self, engine: EngineName) -> bool:
        return any(
            sample.arm.engine == engine and not (sample.ended or sample.waits)
            for sample in self._samples.values()
        )

    def _check_stopped(self, sample: RunningSample) -> None:
        if sample.task is not None and not sample.task.done():
            self._backend(sample).supervisor.report_death(
                f"question {sample.position}, sample {sample.sample}: "
                f"not let go of within {STOP_WAIT_S:g} s of its stop",
                sample.start,
            )

    def _lose_all(self, engine: EngineName, why: str) -> None:
        """Fail whatever runs on an engine that died; its tasks may take long to end."""
        self.prompts.lose(engine)
        for sample in tuple(self._samples.values()):
            if sample.arm.engine == engine:
                self._conclude(sample, self._failure(sample.position, sample.sample, why))
                sample.stop()
        for probes in self._probes.values():
            for probe, asked in tuple(probes.items()):
                if asked == engine and probe is not asyncio.current_task():
                    probe.cancel()

    # Tasks and news.

    def _spawn(self, position: int, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        tasks = self._tasks[position]
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    def _tell(self, event: AnyEvent, *, heard: bool = True) -> None:
        if isinstance(event, ToolCalled):
            # How far it had come, which the call itself does not say.
            sample = self._samples.get((event.position, event.sample))
            if sample is not None:
                self._listener.on_event(self._progress(sample), heard=False)
        self._listener.on_event(event, heard=heard)

    def _tell_probe(
        self, position: int, sample: int, answer: str | None, tokens: int, *, heard: bool = True
    ) -> None:
        event = ProbeAnswered(
            at_s=self._clock(), position=position, sample=sample, answer=answer, tokens=tokens
        )
        self._tell(event, heard=heard)

    def _progress(self, sample: RunningSample) -> SampleProgressed:
        signals = sample.signals
        return SampleProgressed(
            at_s=self._clock(),
            position=sample.position,
            sample=sample.sample,
            tokens=sample.tokens,
            mean_entropy=signals.mean_entropy,
            tail_entropy=signals.tail_entropy,
            confidence=signals.confidence,
        )

    def _end(
        self, sample: RunningSample, answer: str | None, reason: FinishReason
    ) -> SampleFinished:
        signals = sample.signals
        return SampleFinished(
            at_s=self._clock(),
            position=sample.position,
            sample=sample.sample,
            answer=answer,
            tokens=sample.tokens,
            finish_reason=reason,
            mean_entropy=signals.mean_entropy,
            tail_entropy=signals.tail_entropy,
            confidence=signals.confidence,
        )

    def _failure(self, position: int, sample: int, message: str) -> SampleFailed:
        said = encodable(message)
        return SampleFailed(at_s=self._clock(), position=position, sample=sample, message=said)


def _room(sample: RunningSample, engine: Engine) -> int:
    """Tokens that a sample may still generate."""
    room = engine.info.max_model_len - len(sample.prompt) - len(sample.ids)
    return room if sample.max_tokens is None else min(room, sample.max_tokens - sample.tokens)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
