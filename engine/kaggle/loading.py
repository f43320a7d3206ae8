"""Brings an engine up beside a stream that has begun, and then plans with what it really is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loguru import logger

from engine.profiler import measure_profile
from engine.runner import Runner
from scheduler import CallerError, EngineLine
from scheduler.latency import Decode, LatencyProfile, decode_profile, encode_profile
from terminal.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from engine.kaggle.record import Record
    from engine.rig import Rig
    from policies.registry import PolicySpec

ROUGH = LatencyProfile(
    name="rough", decode=Decode(width=(1, 16, 64, 256), step_s=(0.02, 0.022, 0.03, 0.06))
)
"""What is planned with until the engine has been measured; a middling model on a large GPU."""

MEASURE_S = 300.0
"""Measuring takes about a minute; an engine that stalls meanwhile holds up questions no longer."""

_MEASURE_SHARE = 0.1
"""Of the time left, at most."""


class Loading:
    """One engine's way from nothing to its first question.

    Args:
        rig: The engine and how it is used.
        policy: The rule; the parameters fitted to the engine's model are filled in.
        record: Of the stream; the profile that was measured lies beside its journal.
        profile: What the engine costs; None measures it.
    """

    def __init__(
        self, rig: Rig, policy: PolicySpec, record: Record, profile: LatencyProfile | None
    ) -> None:
        self._rig = rig
        self._policy = policy
        self._record = record
        self._profile = profile or _measured_before(record)
        self._over = asyncio.Event()

    def make_runner(self) -> Runner:
        """Make the runner, which takes questions while its engine is still away."""
        return Runner(
            self._rig,
            self._policy.build,
            self._record.budget,
            self._profile or ROUGH,
            journal=self._record.journal,
            clock=self._record.clock,
        )

    @property
    def is_over(self) -> bool:
        """Whether the engine is up and measured, or has failed for good; from any thread."""
        return self._over.is_set()

    async def wait(self, wait_s: float) -> None:
        """Return once loading is over, or time is out."""
        try:
            async with asyncio.timeout(wait_s):
                await self._over.wait()
        except TimeoutError:
            logger.warning("the engine is not up after {:.0f} s", self._record.clock())

    async def run(self, runner: Runner, free: asyncio.Lock) -> None:
        """Bring the engine up, measure it, equip the runner.

        Args:
            runner: As made here.
            free: Held while a question is open.
        """
        began_s = self._record.clock()
        try:
            await asyncio.gather(runner.load(), self._rig.parser.warm())
            async with free:
                await self._equip(runner, self._record.clock() - began_s)
        except Exception as error:  # noqa: BLE001 - the stream goes on with what it has
            logger.error("loading: {}", error)
        finally:
            self._over.set()

    async def _equip(self, runner: Runner, startup_s: float) -> None:
        info = self._rig.engine.info
        policy = self._policy.for_model(info.model)
        if policy != self._policy:
            logger.info("parameters: {}", policy.parameters["parameters"])
        profile = self._profile or await self._measure(startup_s)
        runner.equip(policy.build, profile)
        self._record.write(
            EngineLine(
                at_s=self._record.clock(),
                model=info.model,
                engine=info.engine,
                gpu=info.gpu,
                settings=info.settings,
                profile=profile.name,
            )
        )
        logger.info("{} is up after {:.0f} s", info.model, self._record.clock())

    async def _measure(self, startup_s: float) -> LatencyProfile:
        path = _profile_path(self._record)
        name = "engine" if path is None else path.name.partition(".")[0]
        budget = self._record.budget
        left_s = budget.left_s + budget.clock_s - self._record.clock()
        wait_s = max(0.0, min(MEASURE_S, _MEASURE_SHARE * left_s))
        work = asyncio.create_task(measure_profile(self._rig, name, startup_s))
        try:
            await asyncio.wait((work,), timeout=wait_s)
            if not work.done():
                raise TimeoutError(f"it takes longer than {wait_s:.0f} s")  # noqa: TRY301 - one road
            profile = work.result()
        except Exception as error:  # noqa: BLE001 - whatever it was, questions wait
            logger.warning("the engine was not measured, plans are rough: {}", error)
            return ROUGH
        finally:
            work.cancel()  # an engine that stalls may not even let go of it
        if path is not None:
            _save(path, profile)
        return profile


def _profile_path(record: Record) -> Path | None:
    return None if record.journal is None else record.journal.path.with_suffix(".profile.json")


def _measured_before(record: Record) -> LatencyProfile | None:
    """Give what an earlier process of this stream has measured."""
    path = _profile_path(record)
    if path is None or not record.is_resumed:
        return None
    try:
        return decode_profile(path.read_bytes())
    except (OSError, CallerError):
        return None


def _save(path: Path, profile: LatencyProfile) -> None:
    try:
        write_whole(path, encode_profile(profile))
    except OSError as error:
        logger.warning("{}: {}", path, error)
