"""The board between vLLM's worker and the reader of its log-probabilities."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RequestFailedError
from engine.vllm.board import SLOT, Board, lay_out, open_board
from engine.vllm.lending import Lender
from engine.vllm.settings import VllmSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = {"replicas": 2, "steps": 8, "rows": 4, "columns": 3, "slots": 6}


@pytest.fixture
def boards() -> Iterator[tuple[Board, Board]]:
    """The worker's board and the reader's: two views of one memory."""
    file = lay_out(**SHAPE)
    yield Board(file), open_board(f"/proc/{os.getpid()}/fd/{file}")
    os.close(file)


def lay(board: Board, replica: int, rows: dict[int, tuple[int, int]], width: int = 2) -> None:
    """Let a step lay down its rows; each says which slot and token it is for."""
    slots, tokens = np.array(list(rows.values())).T
    at = board.place(replica, width, np.array(list(rows)), slots, tokens)
    values = np.zeros((max(rows) + 1, width))
    for row, (slot, token) in rows.items():
        values[row, :2] = slot, token
    board.values[replica, at, : values.size] = values.ravel()


def test_a_row_is_found_by_slot_and_token(boards: tuple[Board, Board]) -> None:
    """Whatever row, step and replica it was laid down in, and by another view of the memory."""
    worker, reader = boards
    lay(worker, 0, {0: (5, 0), 2: (1, 7)})
    lay(worker, 1, {1: (2, 0)})
    lay(worker, 0, {0: (1, 8), 3: (5, 1)}, width=3)
    np.testing.assert_array_equal(reader.read(5, 0, 2, 2), [[5, 0], [5, 1]])
    np.testing.assert_array_equal(reader.read(1, 7, 2, 2), [[1, 7], [1, 8]])
    np.testing.assert_array_equal(reader.read(2, 0, 1, 2), [[2, 0]])


def test_what_was_never_laid_down_is_unknown(boards: tuple[Board, Board]) -> None:
    """It reads as NaN, also after the slot has had another request."""
    worker, reader = boards
    for slot in range(SHAPE["slots"]):
        reader.forget(slot)
    lay(worker, 0, {0: (3, 0)})
    assert np.isnan(reader.read(3, 1, 2, 2)).all()
    reader.forget(3)
    assert np.isnan(reader.read(3, 0, 1, 2)).all()


@given(late=st.integers(0, 30), tokens=st.integers(1, 30))
def test_who_comes_too_late_finds_nothing_wrong(late: int, tokens: int) -> None:
    """Rows are the right ones or unknown; the ring's last steps are known."""
    board = Board(lay_out(**SHAPE))
    for token in range(tokens):
        lay(board, 0, {0: (0, token)})
    for _ in range(late):
        lay(board, 0, {0: (1, 0)})
    rows = board.read(0, 0, tokens, 2)
    known = ~np.isnan(rows[:, 0])
    assert known.tolist() == [late + tokens - token <= SHAPE["steps"] for token in range(tokens)]
    np.testing.assert_array_equal(rows[known, 1], np.flatnonzero(known))


def test_a_lender_has_no_more_slots_than_it_made() -> None:
    """Who gets none is not refused: its rows are unknown, and it tells the worker nothing."""
    lender = Lender(VllmSettings(model="m", max_sequences=1, max_logprobs=3))
    loans = [lender.lend(2) for _ in range(5)]
    got = [loan.__enter__() for loan in loans]
    assert [loan.told.get(SLOT) for loan in got] == [0, 1, 2, 3, None]
    rows = got[-1].rows(4)
    assert rows is not None
    assert rows.shape == (4, 2)
    assert np.isnan(rows).all()
    for loan in loans:
        loan.__exit__(None, None, None)
    with lender.lend(2) as loan:
        assert loan.told[SLOT] == 0
    lender.close()


def test_a_lender_goes_by_what_vllm_is_told() -> None:
    """Further arguments override the settings' own, and no log-probabilities at all is a choice."""
    extra: dict[str, str | int | float | bool] = {"max_num_seqs": 2, "max_logprobs": 0}
    lender = Lender(VllmSettings(model="m", max_sequences=1, extra=extra))
    with lender.lend(0) as loan:
        assert loan.told == {}
    with pytest.raises(RequestFailedError, match="logprobs=1: the engine gives 0 at most"):
        lender.lend(1).__enter__()
    lender.close()
    lender = Lender(VllmSettings(model="m", max_sequences=1, extra={"max_num_seqs": 2}))
    loans = [lender.lend(2) for _ in range(9)]
    assert [loan.__enter__().told.get(SLOT) for loan in loans] == [*range(8), None]
    for loan in loans:
        loan.__exit__(None, None, None)
    lender.close()


def test_a_request_that_asks_for_none_takes_no_slot() -> None:
    """A probe, say."""
    lender = Lender(VllmSettings(model="m"))
    with lender.lend(0) as loan:
        assert loan.told == {}
        assert loan.rows(3) is None
    with pytest.raises(RequestFailedError, match="logprobs=21: the engine gives 20 at most"):
        lender.lend(21).__enter__()
    lender.close()
