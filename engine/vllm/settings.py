"""What vLLM is told at its start, whether it runs in this process or behind its server."""

from __future__ import annotations

import msgspec

WORKER = "engine.vllm.worker.RecordingWorker"

MISSING_VLLM = "vllm is not installed: pip install -e '.[live]' (engine.doctor says more)"


class VllmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How vLLM is set up.

    Attributes:
        model: Folder of the model, or its name where vLLM may download it.
        max_model_len: Tokens of a prompt and its generation together, at most; None takes the
            model's own limit.
        max_sequences: Sequences that run at once on each replica.
        max_batched_tokens: Tokens of one step; None lets vLLM choose. It chooses differently in
            a process and behind a server, and each value compiles anew.
        gpu_memory_utilization: Share of the GPU's memory that is taken.
        tensor_parallel_size: GPUs that share one copy of the model.
        data_parallel_size: Copies of the model.
        dtype: Number format of the weights' arithmetic; `auto` takes the model's.
        quantization: How the weights are packed; None reads it from the model.
        enforce_eager: Start without compiling: quick to start, slow to run.
        stream_interval: Tokens that a running sample's reader gets at once, after the first. Each
            delivery costs the event loop, which a wide run of a small model would fill; and up to
            so many tokens are seen late, unless they end the sample.
        max_logprobs: The most log-probabilities that a request may ask for at each token.
        extra: Further arguments of vLLM's `EngineArgs`, by their names there. The server gets
            them as flags, one that is false as `--no-…`.
    """

    model: str
    max_model_len: int | None = None
    max_sequences: int = 256
    max_batched_tokens: int | None = 8192
    gpu_memory_utilization: float = 0.85
    tensor_parallel_size: int = 1
    data_parallel_size: int = 1
    dtype: str = "auto"
    quantization: str | None = None
    enforce_eager: bool = False
    stream_interval: int = 8
    max_logprobs: int = 20
    extra: dict[str, str | int | float | bool] = {}

    def engine_args(self) -> dict[str, str | int | float | bool]:
        """Return them by the names of vLLM's `EngineArgs`; what is None is left out."""
        named: dict[str, str | int | float | bool | None] = {
            "model": self.model,
            "max_model_len": self.max_model_len,
            "max_num_seqs": self.max_sequences,
            "max_num_batched_tokens": self.max_batched_tokens,
            "gpu_memory_utilization": self.gpu_memory_utilization,
            "tensor_parallel_size": self.tensor_parallel_size,
            "data_parallel_size": self.data_parallel_size,
            "dtype": self.dtype,
            "quantization": self.quantization,
            "enforce_eager": self.enforce_eager,
            "stream_interval": self.stream_interval,
            "max_logprobs": self.max_logprobs,
            "worker_cls": WORKER,
            # Samples of one question share its prompt, and a probe its sample's context.
            "enable_prefix_caching": True,
        }
        return {name: value for name, value in named.items() if value is not None} | self.extra

    def described(self) -> dict[str, str]:
        """Return them as text for a record of what ran."""
        return {name: str(value) for name, value in self.engine_args().items() if name != "model"}
