"""Imports torch and vLLM and tells what they see; run in a process of its own, for it may hang.

    python -P probe.py

Each part is a line of JSON as soon as it is known; whatever else is written goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any


def look_at_torch() -> dict[str, Any]:
    """Tell torch's version and the GPUs that it can use."""
    torch: Any = import_module("torch")
    found: dict[str, Any] = {"version": torch.__version__, "gpus": []}
    builds = {"CUDA": torch.version.cuda, "ROCm": getattr(torch.version, "hip", None)}
    built = [f"{name} {version}" for name, version in builds.items() if version is not None]
    if not built:
        return found
    found["built_for"] = built[0]
    try:
        torch.cuda.init()  # says why there is none, unlike is_available
        found["architectures"] = torch.cuda.get_arch_list()
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            major, minor = torch.cuda.get_device_capability(number)
            gpu = {"name": torch.cuda.get_device_name(number), "total": total, "free": free}
            found["gpus"].append({**gpu, "capability": [major, minor]})
    except Exception as error:  # noqa: BLE001 - whatever it was is the finding
        found["error"] = f"{type(error).__name__}: {error}"
    return found


def look_at_vllm() -> dict[str, Any]:
    """Import what a live run imports of vLLM."""
    vllm: Any = import_module("vllm")
    import_module("vllm.v1.engine.async_llm")
    return {"version": vllm.__version__}


def main() -> None:
    """Tell of both."""
    told = os.fdopen(os.dup(1), "w")  # vLLM logs to stdout
    os.dup2(2, 1)
    for part, look in (("torch", look_at_torch), ("vllm", look_at_vllm)):
        try:
            found = look()
        except Exception as error:  # noqa: BLE001 - likewise
            found = {"error": f"{type(error).__name__}: {error}"}
        told.write(json.dumps({"part": part, **found}) + "\n")
        told.flush()
    sys.stderr.flush()
    os._exit(0)  # without what torch and vLLM do at the end


if __name__ == "__main__":
    main()
