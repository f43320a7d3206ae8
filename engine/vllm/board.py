"""Memory in which vLLM's worker lays log-probabilities down and their reader finds them.

vLLM's own way for them passes every row through its scheduler, two queues and an object a request,
which costs a small model a fifth of its tokens or more (docs/live.md). Here the rows of a step
are copied from the GPU in one piece, to a place that is known before they are there.

Three rings, for each replica of the model: `values` holds the rows of a step, `widths` how wide
they are, and `where` says for each slot which row belongs to which token. A slot is lent to a
request while it runs. The worker writes `where` when it gives the copy in order, and the copy is
done before the token itself is on its way: who has the token finds its row.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy import float32, int64
    from numpy.typing import NDArray

BOARD, SLOT, WIDTH = "board", "board_slot", "board_width"
"""What a request tells the worker: where its log-probabilities go, and how many of them."""

_HEAD = 4
_NOWHERE = -1


class Board:
    """The rings, as the worker and the reader both see them.

    Args:
        file: Descriptor of shared memory as `lay_out` makes it. It can be closed afterwards.
    """

    def __init__(self, file: int) -> None:
        memory = mmap.mmap(file, 0)
        head = np.frombuffer(memory, dtype=np.int64, count=_HEAD)
        self.replicas, self.steps, self.rows, slots = map(int, head)
        longs = _longs(self.replicas, self.steps, slots)
        numbers = np.frombuffer(memory, dtype=np.int64, count=longs, offset=8 * _HEAD)
        done, widths, where = np.split(
            numbers, np.cumsum((self.replicas, self.replicas * self.steps))
        )
        self._done = done
        self._widths = widths.reshape(self.replicas, self.steps)
        self._where = where.reshape(slots, self.steps, 2)
        values = np.frombuffer(memory, dtype=np.float32, offset=8 * (_HEAD + len(numbers)))
        self.values: NDArray[float32] = values.reshape(self.replicas, self.steps, -1)
        """Shape (replicas, steps, rows · columns); rows of a step stand close, from its start."""

    def place(
        self,
        replica: int,
        width: int,
        rows: NDArray[int64],
        slots: NDArray[int64],
        tokens: NDArray[int64],
    ) -> int:
        """Say which tokens the rows of the next step belong to, and where they have to go.

        Args:
            replica: Of the model.
            width: Values of each row.
            rows: Which of the step's rows; shape (n,), as of the next two.
            slots: Whose each is.
            tokens: For which of its tokens.

        Returns:
            The index of the step in `values[replica]`, whose rows begin at 0.
        """
        step = int(self._done[replica])
        self._widths[replica, step % self.steps] = width
        first = (step * self.replicas + replica) * self.rows
        ring = tokens % self.steps
        self._where[slots, ring, 0] = first + rows
        self._where[slots, ring, 1] = tokens
        self._done[replica] = step + 1
        return step % self.steps

    def read(self, slot: int, first: int, count: int, width: int) -> NDArray[float32]:
        """Return the rows of tokens that have arrived.

        Args:
            slot: The request's.
            first: Its first token that is asked for.
            count: How many from there on.
            width: Likeliest tokens of each row, at most as many as the request asked for.

        Returns:
            Shape (count, width); NaN where the reader came too late, or nothing was laid down.
        """
        tokens = np.arange(first, first + count)
        where, token = self._where[slot, tokens % self.steps].T
        step, row = np.divmod(where, self.rows)
        step, replica = np.divmod(step, self.replicas)
        ring = step % self.steps
        at = row * self._widths[replica, ring]
        taken = at[:, None] + np.arange(width)
        rows: NDArray[float32] = self.values[
            replica[:, None], ring[:, None], taken % self.values.shape[2]
        ]
        # Asked after the copy: what is overwritten meanwhile counts as lost.
        rows[(token != tokens) | (step < self._done[replica] - self.steps)] = np.nan
        return rows

    def forget(self, slot: int) -> None:
        """Clear a slot for its next request."""
        self._where[slot] = _NOWHERE


def open_board(path: str) -> Board:
    """Open the memory that another process has made.

    Raises:
        OSError: if it is gone, or not for this user.
    """
    file = os.open(path, os.O_RDWR)
    try:
        return Board(file)
    finally:
        os.close(file)


def lay_out(*, replicas: int, steps: int, rows: int, columns: int, slots: int) -> int:
    """Make memory that a `Board` can be built on; nothing of it is used yet.

    Args:
        replicas: Copies of the model.
        steps: How far a reader may lag behind, in steps of the engine.
        rows: Sequences that run at once on one copy.
        columns: The most log-probabilities of a token.
        slots: Requests that are read at once.

    Returns:
        Its descriptor. The memory lasts as long as somebody holds it, killed or not.
    """
    file = os.memfd_create("log-probabilities")
    longs = _HEAD + _longs(replicas, steps, slots)
    os.ftruncate(file, 8 * longs + 4 * replicas * steps * rows * columns)
    os.write(file, np.array((replicas, steps, rows, slots), dtype=np.int64).tobytes())
    return file


def _longs(replicas: int, steps: int, slots: int) -> int:
    """Count the whole numbers after the head."""
    return replicas + replicas * steps + 2 * slots * steps
