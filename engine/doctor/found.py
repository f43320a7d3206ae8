"""What torch and vLLM see, told by `probe.py` from a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.doctor.check import missing, ok, one_line, unknown
from engine.doctor.software import INSTALL_VLLM

if TYPE_CHECKING:
    from engine.doctor.check import Check
    from engine.doctor.child import Ran


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """An accelerator.

    Attributes:
        name: Its maker's.
        total: Bytes of memory.
        free: Of them nobody uses.
        capability: Compute capability; None where unknown.
    """

    name: str
    total: int
    free: int
    capability: tuple[int, int] | None = None


class TorchFound(msgspec.Struct, frozen=True, kw_only=True, tag_field="part", tag="torch"):
    """What the child said of torch.

    Attributes:
        version: Of torch; None if it can't be imported.
        built_for: CUDA or ROCm, with its version; None for neither.
        gpus: That it can use.
        architectures: That it holds code for, such as `sm_90`.
        error: Why it can't be imported or sees no GPU.
    """

    version: str | None = None
    built_for: str | None = None
    gpus: tuple[Gpu, ...] = ()
    architectures: tuple[str, ...] = ()
    error: str | None = None


class VllmFound(msgspec.Struct, frozen=True, kw_only=True, tag_field="part", tag="vllm"):
    """What the child said of vLLM.

    Attributes:
        version: As it says itself; None if it can't be imported.
        error: Why it can't be.
    """

    version: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the child said; None for a part that it did not come to."""

    torch: TorchFound | None
    vllm: VllmFound | None


def read_found(ran: Ran) -> Found:
    """Read what `probe.py` wrote before it ended or was ended."""
    torch, vllm = None, None
    for line in ran.out.splitlines():
        try:
            found = msgspec.json.decode(line, type=TorchFound | VllmFound)
        except msgspec.MsgspecError:
            continue  # cut off
        if isinstance(found, TorchFound):
            torch = found
        else:
            vllm = found
    return Found(torch=torch, vllm=vllm)


def check_torch(ran: Ran, found: TorchFound | None) -> Check:
    """Check that torch can be imported."""
    if found is None:
        return _silent("torch", ran)
    if found.version is None:
        return missing("torch", one_line(found.error or "cannot be imported"), INSTALL_VLLM)
    return ok("torch", f"{found.version}, built for {found.built_for or 'the processor'}")


def check_import(ran: Ran, found: VllmFound | None) -> Check:
    """Check that what a live run imports of vLLM can be imported."""
    if found is None:
        return _silent("vLLM's import", ran)
    if found.error is not None:
        step = "python -c 'import vllm.v1.engine.async_llm'  # shows the whole error"
        if found.error.endswith("No module named 'vllm'"):
            step = INSTALL_VLLM
        return missing("vLLM's import", one_line(found.error), step)
    return ok("vLLM's import", f"works, vllm {found.version}")


def _silent(name: str, ran: Ran) -> Check:
    if ran.limit_s is not None:
        step = "try again with a longer --wait-s; else look for what hangs, such as the driver"
        return missing(name, f"nothing heard within {ran.limit_s:g} s", step)
    lines = [line for line in ran.err.splitlines() if line.strip()]
    last = one_line(lines[-1]) if lines else "it said nothing"
    if ran.code is None:
        return unknown(name, "the child process could not be started")
    return missing(name, f"the child process ended with code {ran.code}: {last}", INSTALL_VLLM)
