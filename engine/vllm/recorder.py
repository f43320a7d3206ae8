"""The recorder: what lays log-probabilities down, told of each step of vLLM and its logits.

Needs torch, and nothing of vLLM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from loguru import logger

from engine.vllm.board import BOARD, SLOT, WIDTH, open_board

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import int64
    from numpy.typing import NDArray
    from torch import Tensor

    from engine.vllm.board import Board
    from engine.vllm.likeliest import Likeliest


class _Request(NamedTuple):
    slot: int
    width: int
    prompt_tokens: int


@dataclass(slots=True)
class _Rows:
    """The rows of a step that somebody asked for: arrays of one length."""

    request_ids: list[str]  # of all rows
    rows: NDArray[int64]
    slots: NDArray[int64]
    tokens: NDArray[int64]
    width: int


class Recorder:
    """Lays down the likeliest tokens' log-probabilities of the requests that ask for them.

    Whatever goes wrong here costs the signal, never the engine.

    Args:
        replica: Which copy of the model this worker belongs to.
    """

    def __init__(self, replica: int) -> None:
        self._replica = replica
        self._board: Board | None = None
        self._values: Tensor | None = None  # shape (steps of all replicas, values of one)
        self._likeliest: Likeliest | None = None
        self._requests: dict[str, _Request] = {}
        self._step: Any = None  # that is under way
        self._last: _Rows | None = None
        self._broken = False

    def warm(self, logits: Tensor) -> None:
        """Compile what logits of this kind need, which takes a second or two."""
        try:
            if logits.is_cuda:
                _likeliest(logits.new_empty((1, 2), dtype=torch.float32))(logits, 2, 0)
        except Exception as error:  # noqa: BLE001 - the engine goes on without
            self._give_up(error)

    def schedule(self, step: Any) -> None:  # noqa: ANN401 - vLLM's SchedulerOutput
        """Note what a step is for."""
        if self._broken or not step.total_num_scheduled_tokens:
            return
        if self._step is not None:
            self._last = None  # it was not sampled from
        self._step = step
        try:
            for request_id in step.finished_req_ids:
                self._requests.pop(request_id, None)
            for new in step.scheduled_new_reqs:
                self._take_in(new)
        except Exception as error:  # noqa: BLE001 - the engine goes on without
            self._give_up(error)

    def record(self, request_ids: Sequence[str], logits: Tensor) -> None:
        """Lay the rows of a step down, before anything changes the logits.

        Args:
            request_ids: In the order of the rows.
            logits: Shape (rows, vocabulary).
        """
        step, self._step = self._step, None
        # With drafts a request has several rows: which of them hold is not known here.
        if not self._requests or step is None or len(request_ids) != len(logits):
            return
        try:
            self._last = self._rows(request_ids, step)
            if len(self._last.rows):
                self._lay(self._last, logits)
        except Exception as error:  # noqa: BLE001 - the engine goes on without
            self._give_up(error)

    def _take_in(self, new: Any) -> None:  # noqa: ANN401 - vLLM's NewRequestData
        asked = (new.sampling_params and new.sampling_params.extra_args) or {}
        if SLOT in asked:
            if self._board is None:
                board = open_board(str(asked[BOARD]))
                values = torch.from_numpy(board.values.reshape(-1, board.values.shape[2]))
                if torch.cuda.is_available():
                    _pin(values)
                    self._likeliest = _likeliest(values)
                self._board, self._values = board, values
            slot, width = int(asked[SLOT]), int(asked[WIDTH])
            self._requests[new.req_id] = _Request(slot, width, len(new.prompt_token_ids))

    def _rows(self, request_ids: Sequence[str], step: Any) -> _Rows:  # noqa: ANN401
        """Find out which token of whose each row is for."""
        last = self._last
        if (
            last is not None
            and last.request_ids == request_ids
            and step.total_num_scheduled_tokens == len(request_ids)
            and not step.scheduled_new_reqs
        ):
            # All go on by one token, as almost always.
            last.tokens += 1
            return last
        known = step.scheduled_cached_reqs
        computed = dict(zip(known.req_ids, known.num_computed_tokens, strict=True))
        computed |= {new.req_id: new.num_computed_tokens for new in step.scheduled_new_reqs}
        found = []
        width, whole = 0, True
        for row, request_id in enumerate(request_ids):
            request = self._requests.get(request_id)
            if request is None or request_id not in computed:
                continue
            token = computed[request_id] + step.num_scheduled_tokens[request_id]
            token -= request.prompt_tokens
            # What reads a part of the prompt samples too, and is thrown away.
            if token >= 0:
                found.append((row, request.slot, token))
                width = max(width, request.width)
            else:
                whole = False
        rows, slots, tokens = np.array(found, dtype=np.int64).reshape(-1, 3).T
        return _Rows(list(request_ids) if whole else [], rows, slots, tokens, width)

    def _lay(self, rows: _Rows, logits: Tensor) -> None:
        board, values = self._board, self._values
        if board is None or values is None or rows.rows[-1] >= board.rows:
            return
        at = board.place(self._replica, rows.width, rows.rows, rows.slots, rows.tokens)
        at += self._replica * board.steps
        likeliest = self._likeliest
        if likeliest is not None and likeliest.takes(logits, rows.width):
            likeliest(logits, rows.width, at)
            return
        found = torch.log_softmax(logits, dim=-1, dtype=torch.float32).topk(rows.width).values
        found = found.reshape(-1)
        values[at, : len(found)].copy_(found, non_blocking=True)

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        self._requests.clear()
        logger.warning("no log-probabilities from here on: {!r}", error)


def _likeliest(found: Tensor) -> Likeliest:
    # Triton compiles for GPUs only.
    from engine.vllm.likeliest import Likeliest  # noqa: PLC0415

    return Likeliest(found)


def _pin(values: Tensor) -> None:
    """Let the GPU write there without the processor's help."""
    code = torch.cuda.cudart().cudaHostRegister(  # type: ignore[no-untyped-call]
        values.data_ptr(), values.nbytes, 0
    )
    if int(code):
        raise RuntimeError(f"cudaHostRegister: {code}")
