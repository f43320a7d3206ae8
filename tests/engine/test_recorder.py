"""The recorder inside vLLM's worker, told of steps as vLLM's scheduler tells of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engine.vllm.board import BOARD, SLOT, WIDTH
from engine.vllm.lending import Lender
from engine.vllm.settings import VllmSettings

torch = pytest.importorskip("torch")
from engine.vllm.recorder import Recorder  # noqa: E402 - needs torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def recorder() -> Recorder:
    """A recorder of the first replica."""
    return Recorder(0)


@pytest.fixture
def lender() -> Iterator[Lender]:
    """A lender for four sequences."""
    lender = Lender(VllmSettings(model="m", max_sequences=4, max_logprobs=3))
    yield lender
    lender.close()


def test_only_the_end_of_a_prompt_has_a_row(recorder: Recorder, lender: Lender) -> None:
    """A prompt read in two parts is sampled from twice; the first is thrown away."""
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]))
    with lender.lend(2) as loan:
        recorder.schedule(step(new={"a": (loan.told, 6, 0)}, tokens={"a": 4}))
        recorder.record(["a", "b"], logits)
        recorder.schedule(step(cached={"a": 4, "b": 9}, tokens={"a": 2, "b": 1}))
        recorder.record(["b", "a"], logits)
        recorder.schedule(step(cached={"a": 6}, tokens={"a": 1}))
        recorder.record(["a"], logits[:1])
        rows = loan.rows(2)
    assert rows is not None
    np.testing.assert_allclose(np.exp(rows), [[0.8, 0.1], [0.5, 0.3]], rtol=1e-6)


def test_a_batch_that_stays_goes_on_by_one_token(recorder: Recorder, lender: Lender) -> None:
    """Also beside a request that asked for nothing, and after another has left."""
    with lender.lend(1) as first, lender.lend(1) as second:
        told = {"a": (first.told, 1, 0), "b": ({}, 1, 0), "c": (second.told, 1, 0)}
        recorder.schedule(step(new=told, tokens=dict.fromkeys("abc", 1)))
        recorder.record(["a", "b", "c"], logits_of(0.6, 0.1, 0.7))
        recorder.schedule(step(cached=dict.fromkeys("abc", 1), tokens=dict.fromkeys("abc", 1)))
        recorder.record(["a", "b", "c"], logits_of(0.65, 0.1, 0.75))
        recorder.schedule(step(done=["a"], cached={"b": 2, "c": 2}, tokens={"b": 1, "c": 1}))
        recorder.record(["c", "b"], logits_of(0.8, 0.1))
        rows = [first.rows(2), second.rows(3)]
    assert rows[0] is not None
    assert rows[1] is not None
    np.testing.assert_allclose(np.exp(rows[0][:, 0]), [0.6, 0.65], rtol=1e-6)
    np.testing.assert_allclose(np.exp(rows[1][:, 0]), [0.7, 0.75, 0.8], rtol=1e-6)


def test_a_request_that_is_done_is_forgotten(recorder: Recorder, lender: Lender) -> None:
    """Its name may come again, and then it has asked for nothing."""
    with lender.lend(2) as loan:
        recorder.schedule(step(new={"a": (loan.told, 1, 0)}, tokens={"a": 1}))
        recorder.schedule(step(done=["a"], new={"a": ({}, 1, 0)}, tokens={"a": 1}))
        recorder.record(["a"], torch.zeros(1, 3))
        rows = loan.rows(1)
    assert rows is not None
    assert np.isnan(rows).all()


def test_a_board_that_is_gone_costs_the_signal_only(recorder: Recorder) -> None:
    """The engine hears nothing of it."""
    told = {BOARD: "/proc/1/fd/none", SLOT: 0, WIDTH: 2}
    for _ in range(2):
        recorder.schedule(step(new={"a": (told, 1, 0)}, tokens={"a": 1}))
        recorder.record(["a"], torch.zeros(1, 3))


def logits_of(*shares: float) -> torch.Tensor:
    """Give rows whose first token has the shares."""
    return torch.log(torch.tensor([[share, 1 - share - 0.05, 0.05] for share in shares]))


def step(
    *,
    tokens: dict[str, int],
    new: dict[str, tuple[dict[str, Any], int, int]] | None = None,
    cached: dict[str, int] | None = None,
    done: list[str] | None = None,
) -> SimpleNamespace:
    """Say what vLLM's scheduler says of a step.

    Args:
        tokens: Of each request, that the step reads.
        new: What each new request says, how long its prompt is, and how much of it is cached.
        cached: Known requests and how much of each has been read.
        done: Requests that have ended.
    """
    return SimpleNamespace(
        finished_req_ids=done or [],
        num_scheduled_tokens=tokens,
        total_num_scheduled_tokens=sum(tokens.values()),
        scheduled_new_reqs=[
            SimpleNamespace(
                req_id=name,
                prompt_token_ids=[0] * length,
                num_computed_tokens=computed,
                sampling_params=SimpleNamespace(extra_args=told),
            )
            for name, (told, length, computed) in (new or {}).items()
        ],
        scheduled_cached_reqs=SimpleNamespace(
            req_ids=list(cached or {}), num_computed_tokens=list((cached or {}).values())
        ),
    )
