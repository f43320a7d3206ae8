"""The likeliest tokens' log-probabilities of a step, on the GPU in one small kernel.

`torch.topk` over 64 rows of 150,000 logits takes 0.2 to 0.3 ms of a step of 3.5 ms on an H100, and
so small a model waits for the processor, not for the GPU: each kernel that is launched by Triton's
usual way costs 0.06 ms there. So one kernel does all of it and writes to where the reader looks;
and once it is compiled it is launched by its handle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from torch import Tensor, dtype

_MOST = 32
"""The kernel looks for so many at most: it does it one by one."""

_BLOCK = 4096


class Likeliest:
    """Finds the likeliest of logits and lays their log-probabilities down.

    Not to be used on two streams at once: it has one set of intermediate results.

    Args:
        found: Where they go: shape (steps, n), float32, the values of a step side by side; on the
            GPU, or where it may write.
    """

    def __init__(self, found: Tensor) -> None:
        self._found = found
        self._compiled: dict[tuple[dtype, int, int, int, bool], Any] = {}
        self._best = self._sums = self._arrived = torch.empty(0)

    def __call__(self, logits: Tensor, width: int, at: int) -> None:
        """Lay down the log-probabilities of a step's likeliest tokens.

        Args:
            logits: Shape (rows, vocabulary), on a GPU.
            width: How many.
            at: At which step; `rows · width` values are written, best first, row by row.
        """
        rows, vocabulary = logits.shape
        stride = logits.stride(0)
        blocks = -(-vocabulary // _BLOCK)
        if self._arrived.shape[0] < rows or self._best.shape[0] < rows * blocks * width:
            self._make_room(logits, rows, blocks, width)
        arguments = (
            logits,
            stride,
            vocabulary,
            self._best,
            self._sums,
            self._arrived,
            self._found,
            self._found.stride(0),
            at,
            blocks,
            width,
            _BLOCK,
            triton.next_power_of_2(blocks * _MOST),
            triton.next_power_of_2(blocks),
        )
        # All that Triton makes another kernel for.
        kind = (logits.dtype, stride, vocabulary, width, logits.data_ptr() % 16 == 0)
        compiled = self._compiled.get(kind)
        if compiled is None:
            compiled = _search[(rows, blocks)](*arguments)
            if compiled is not None:  # as in Triton's interpreter
                self._compiled[kind] = compiled
        else:
            compiled[(rows, blocks, 1)](*arguments)

    @staticmethod
    def takes(logits: Tensor, width: int) -> bool:
        """Whether the kernel can do it: a row's values side by side, and not too many wanted."""
        return logits.stride(1) == 1 and width <= _MOST

    def _make_room(self, logits: Tensor, rows: int, blocks: int, width: int) -> None:
        # What is allocated is aligned alike, so the kernels hold.
        rows = triton.next_power_of_2(max(rows, self._arrived.shape[0]))
        self._best = logits.new_empty(rows * blocks * width, dtype=torch.float32)
        self._sums = logits.new_empty(rows * blocks, dtype=torch.float32)
        self._arrived = logits.new_zeros(rows, dtype=torch.int32)


@triton.jit(do_not_specialize=["at"])
def _search(  # noqa: ANN202, PLR0913, PLR0917 - Triton's form
    logits,  # noqa: ANN001
    stride,  # noqa: ANN001
    vocabulary,  # noqa: ANN001
    best,  # noqa: ANN001
    sums,  # noqa: ANN001
    arrived,  # noqa: ANN001
    found,  # noqa: ANN001
    found_stride,  # noqa: ANN001
    at,  # noqa: ANN001
    blocks,  # noqa: ANN001
    width,  # noqa: ANN001
    BLOCK: tl.constexpr,  # noqa: N803
    SPAN: tl.constexpr,  # noqa: N803
    BLOCKS: tl.constexpr,  # noqa: N803
):
    """Find a block's likeliest and its share of the denominator; the last one, the row's."""
    row, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    inside = tl.arange(0, BLOCK)
    token = block * BLOCK + inside
    values = tl.load(logits + row * stride + token, mask=token < vocabulary, other=-float("inf"))
    values = values.to(tl.float32)
    top = tl.max(values, 0)
    # A grammar may forbid a whole block.
    base = tl.where(top == -float("inf"), 0.0, top)
    tl.store(sums + row * blocks + block, base + tl.log(tl.sum(tl.exp(values - base), 0)))
    for rank in range(width):
        tl.store(best + (row * blocks + block) * width + rank, tl.max(values, 0))
        values = tl.where(inside == tl.argmax(values, 0), -float("inf"), values)

    tl.debug_barrier()  # this block's results are out before it is counted
    if tl.atomic_add(arrived + row, 1, sem="acq_rel") == blocks - 1:
        tl.store(arrived + row, 0)
        # Others wrote these: not from this multiprocessor's own cache.
        number = tl.arange(0, BLOCKS)
        shares = tl.load(
            sums + row * blocks + number,
            mask=number < blocks,
            other=-float("inf"),
            cache_modifier=".cg",
        )
        most = tl.max(shares, 0)
        total = most + tl.log(tl.sum(tl.exp(shares - most), 0))
        place = tl.arange(0, SPAN)
        left = tl.load(
            best + row * blocks * width + place,
            mask=place < blocks * width,
            other=-float("inf"),
            cache_modifier=".cg",
        )
        out = found + at.to(tl.int64) * found_stride + row * width
        for rank in range(width):
            tl.store(out + rank, tl.max(left, 0) - total)
            left = tl.where(place == tl.argmax(left, 0), -float("inf"), left)
