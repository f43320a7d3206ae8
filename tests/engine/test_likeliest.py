"""The kernel that finds the likeliest tokens, in Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")

SCRIPT = """
import torch
from engine.vllm.likeliest import Likeliest

luck = torch.Generator().manual_seed(0)
found = torch.full((4, 7 * 32), 9.0)
likeliest = Likeliest(found)
for rows, vocabulary, width, kind in (
    (3, 9000, 5, torch.float32),  # the last block is not full
    (5, 4096, 1, torch.bfloat16),
    (2, 151, 32, torch.float32),
    (7, 12289, 20, torch.float16),  # more rows and values than before
    (3, 9000, 5, torch.float32),  # its own kernel again
):
    logits = (3 * torch.randn(rows, vocabulary, generator=luck)).to(kind)
    logits[0, :vocabulary // 2] = -torch.inf  # as a grammar forbids
    assert likeliest.takes(logits, width)
    likeliest(logits, width, 2)
    true = torch.log_softmax(logits, -1, dtype=torch.float32).topk(width).values
    torch.testing.assert_close(found[2, : rows * width].reshape(rows, width), true)
assert (found[[0, 1, 3]] == 9.0).all()
assert not likeliest.takes(logits, 33)
assert not likeliest.takes(logits.T, 5)
"""


def test_the_kernel_finds_what_torch_finds() -> None:
    """Whatever the rows, the vocabulary and the numbers' format; and it writes nowhere else."""
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        check=True,
        timeout=300,
    )
