"""vLLM's worker, which also lays log-probabilities where their reader finds them.

vLLM loads it by name (its option `worker_cls`) into the processes of its workers; nothing of ours
imports it. It asks little of vLLM, so that one text serves 0.26 to 0.33 and both kinds of model
runner: what the scheduler has decided for a step, and a sampler that is called with its logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from vllm.distributed.parallel_state import get_tp_group
from vllm.platforms import current_platform

from engine.vllm.recorder import Recorder

if TYPE_CHECKING:
    from torch import Tensor

if current_platform.is_cpu():
    from vllm.v1.worker.cpu_worker import CPUWorker as _Worker
else:
    from vllm.v1.worker.gpu_worker import Worker as _Worker


class RecordingWorker(_Worker):  # type: ignore[misc] # vLLM says nothing of its types
    """The worker of this platform, with a recorder at its sampler."""

    def load_model(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - differ by version
        """Load the model, then listen to its sampler."""
        super().load_model(*args, **options)
        self._recorder: Recorder | None = None
        # Of those that share one copy of the model the first tells; not all of them sample.
        if get_tp_group().is_first_rank and self.model_runner.sampler is not None:
            self._recorder = Recorder(self.vllm_config.parallel_config.data_parallel_rank)
            model = self.vllm_config.model_config
            row = torch.zeros((1, model.get_vocab_size()), dtype=model.dtype, device=self.device)
            self._recorder.warm(row)
            _listen(self.model_runner, self._recorder)

    def execute_model(self, scheduler_output: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Run a step whose requests the recorder knows."""
        if self._recorder is not None:
            self._recorder.schedule(scheduler_output)
        return super().execute_model(scheduler_output, *args, **options)


def _listen(runner: Any, recorder: Recorder) -> None:  # noqa: ANN401 - vLLM's model runner
    """Let the recorder see the logits before they are sampled from."""
    sampler = runner.sampler
    if isinstance(sampler, torch.nn.Module):
        # The first kind of runner.
        def before(_: object, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            logits = args[0] if args else named["logits"]
            recorder.record(runner.input_batch.req_ids, logits)

        sampler.register_forward_pre_hook(before, with_kwargs=True)
        return

    # The second kind: a class of its own, which others ask for its kind and its parts.
    kind = type(sampler)

    def call(self: Any, logits: Tensor, input_batch: Any) -> Any:  # noqa: ANN401
        recorder.record(input_batch.req_ids, logits)
        return kind.__call__(self, logits, input_batch)

    sampler.__class__ = type(kind.__name__, (kind,), {"__call__": call})
