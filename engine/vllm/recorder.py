"""The recorder: what lays log-probabilities down, told of each step of vLLM and its logits.

Needs torch, and nothing of vLLM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from loguru import logger

from engine.vllm.board import open_board
from engine.vllm.settings import BOARD, SLOT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from engine.vllm.board import Board


class _Request(NamedTuple):
    slot: int
    width: int
    prompt_tokens: int


class Recorder:
    """Lays down the likeliest tokens' log-probabilities of the requests that ask for them.

    Whatever goes wrong here costs the signal, never the engine.

    Args:
        replica: Which copy of the model this worker belongs to.
    """

    def __init__(self, replica: int) -> None:
        self._replica = replica
        self._board: Board | None = None
        self._values: Tensor | None = None
        self._requests: dict[str, _Request] = {}
        self._tokens: dict[str, int] = {}
        self._broken = False

    def schedule(self, step: Any) -> None:  # noqa: ANN401 - vLLM's SchedulerOutput
        """Note which token of each request the step is for."""
        for request_id in step.finished_req_ids:
            self._requests.pop(request_id, None)
        self._tokens.clear()
        for new in step.scheduled_new_reqs:
            asked = (new.sampling_params and new.sampling_params.extra_args) or {}
            if SLOT in asked and not self._broken:
                self._open(str(asked[BOARD]))
                slot, width = int(asked[SLOT]), int(asked[WIDTH])
                self._requests[new.req_id] = _Request(slot, width, len(new.prompt_token_ids))
            self._note(new.req_id, new.num_computed_tokens, step)
        known = step.scheduled_cached_reqs
        for request_id, computed in zip(known.req_ids, known.num_computed_tokens, strict=True):
            self._note(request_id, computed, step)

    def record(self, request_ids: Sequence[str], logits: Tensor) -> None:
        """Lay the rows of a step down, before anything changes the logits.

        Args:
            request_ids: In the order of the rows.
            logits: Shape (rows, vocabulary).
        """
        if not self._tokens or self._broken:
            return
        try:
            self._record(request_ids, logits)
        except Exception as error:  # noqa: BLE001 - the engine goes on without
            self._give_up(error)
        self._tokens.clear()

    def _note(self, request_id: str, computed: int, step: Any) -> None:  # noqa: ANN401
        request = self._requests.get(request_id)
        if request is not None:
            token = computed + step.num_scheduled_tokens[request_id] - request.prompt_tokens
            # What reads a part of the prompt samples too, and is thrown away.
            if token >= 0:
                self._tokens[request_id] = token

    def _record(self, request_ids: Sequence[str], logits: Tensor) -> None:
        board, values = self._board, self._values
        # With drafts a request has several rows: which of them hold is not known here.
        if board is None or values is None or len(request_ids) != len(logits):
            return
        rows = [row for row, request_id in enumerate(request_ids) if request_id in self._tokens]
        if not rows or rows[-1] >= board.rows:
            return
        ids = [request_ids[row] for row in rows]
        requests = [self._requests[request_id] for request_id in ids]
        width = max(request.width for request in requests)
        slots = [request.slot for request in requests]
        at = board.place(self._replica, width, rows, slots, [self._tokens[name] for name in ids])
        likeliest = torch.log_softmax(logits, dim=-1, dtype=torch.float32).topk(width).values
        flat = likeliest[: rows[-1] + 1].reshape(-1)
        values[self._replica, at, : len(flat)].copy_(flat, non_blocking=True)

    def _open(self, path: str) -> None:
        if self._board is not None:
            return
        try:
            self._board = open_board(path)
            self._values = torch.from_numpy(self._board.values)
            if torch.cuda.is_available():
                _pin(self._values)
        except Exception as error:  # noqa: BLE001 - the engine goes on without
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        logger.warning("no log-probabilities from here on: {!r}", error)


def _pin(values: Tensor) -> None:
    """Let the GPU write there without the processor's help."""
    code = torch.cuda.cudart().cudaHostRegister(  # type: ignore[no-untyped-call]
        values.data_ptr(), values.nbytes, 0
    )
    if int(code):
        raise RuntimeError(f"cudaHostRegister: {code}")
