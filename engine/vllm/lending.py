"""Reading log-probabilities off a board that this process shares with vLLM's worker."""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import RequestFailedError
from engine.vllm.board import BOARD, SLOT, WIDTH, Board, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy import float32
    from numpy.typing import NDArray

    from engine.vllm.settings import VllmSettings

_VALUES = 2**23
"""Numbers that a replica's ring holds (32 MiB), while that is enough for the steps below."""

_FEWEST_STEPS, _MOST_STEPS = 64, 1024

_SLOTS = 4
"""For each sequence that can run: requests that wait for their turn have a slot too."""


class Loan:
    """The rows of one request, in order.

    Attributes:
        told: What the request says to the worker.
    """

    def __init__(self, board: Board, path: str, slot: int | None, width: int) -> None:
        self._board, self._slot, self._width = board, slot, width
        self._tokens = 0
        self.told: dict[str, str | int] = {}
        if slot is not None:
            self.told = {BOARD: path, SLOT: slot, WIDTH: width}

    def rows(self, tokens: int) -> NDArray[float32] | None:
        """Return the rows of the next tokens, which have arrived.

        Returns:
            Shape (tokens, width), best first; NaN where unknown. None where none are asked for.
        """
        if not self._width:
            return None
        first, self._tokens = self._tokens, self._tokens + tokens
        if self._slot is None:
            return np.full((tokens, self._width), np.nan, dtype=np.float32)
        return self._board.read(self._slot, first, tokens, self._width)


class Lender:
    """Makes a board for one start of vLLM and lends its slots.

    Args:
        settings: As vLLM is told at that start.
    """

    def __init__(self, settings: VllmSettings) -> None:
        # `extra` may say otherwise than the settings' own fields.
        named = settings.engine_args()
        replicas, rows = int(named["data_parallel_size"]), int(named["max_num_seqs"])
        self._most = int(named["max_logprobs"])
        columns = max(self._most, 1)
        steps = min(max(_VALUES // (rows * columns), _FEWEST_STEPS), _MOST_STEPS)
        slots = _SLOTS * replicas * rows
        self._file = lay_out(
            replicas=replicas, steps=steps, rows=rows, columns=columns, slots=slots
        )
        self._board = Board(self._file)
        self._free = deque(range(slots))
        self._path = f"/proc/{os.getpid()}/fd/{self._file}"

    @contextmanager
    def lend(self, width: int) -> Iterator[Loan]:
        """Lend a slot to a request while it runs; its rows are unknown if all are out.

        Args:
            width: Log-probabilities of a token that the request asks for, or 0.

        Raises:
            RequestFailedError: if those are more than the engine was started for.
        """
        if width > self._most:
            raise RequestFailedError(f"logprobs={width}: the engine gives {self._most} at most")
        slot = self._free.popleft() if width and self._free else None
        if slot is not None:
            self._board.forget(slot)
        try:
            yield Loan(self._board, self._path, slot, width)
        finally:
            if slot is not None:
                self._free.append(slot)

    def close(self) -> None:
        """Let go of the memory; a worker that still writes keeps its own hold on it."""
        os.close(self._file)
