"""What a gateway sends and what it gets back.

Gateways hand over one-row polars Series; ids made of digits come as whole numbers, ids such as
`1e3` among them as floats. What comes back has to have the same columns and types each time, or
the gateway fails after the last question.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.texts import encodable

if TYPE_CHECKING:
    from collections.abc import Sized

_PLAIN = {type(None): pl.String, int: pl.Int64}
"""Types of columns that polars would choose otherwise: a larger integer gets out of no server."""


def value_of(sent: object) -> object:
    """Give the one value in a Series of polars or pandas; a plain value is given as it is."""
    if isinstance(sent, pl.Series):
        return sent.item(0) if len(sent) else None
    if hasattr(sent, "iloc"):  # pandas, which is not imported for it
        return _first(sent)
    return sent


def text_of(sent: object) -> str:
    """Give what was sent as text; the empty text where it is none. Raises nothing."""
    try:
        value = value_of(sent)
        if value is None or (isinstance(value, Real) and value != value):  # noqa: PLR0124 - only NaN
            return ""
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - a question whose name cannot be read is a question
        return ""
    return encodable(text)


def answer_frame(sent_id: object, answer: int) -> pl.DataFrame:
    """Give the answer as gateways take it.

    Args:
        sent_id: As it was sent; its type is kept.
        answer: A whole number.

    Returns:
        One row with the columns `id` and `answer` (Int64).
    """
    return pl.DataFrame([_id_series(sent_id), pl.Series("answer", [answer], dtype=pl.Int64)])


def _id_series(sent: object) -> pl.Series:
    if isinstance(sent, pl.Series) and len(sent):
        return sent.head(1).rename("id")
    try:
        value = value_of(sent)
        if hasattr(value, "item"):  # a scalar of numpy
            value = value.item()
        if value is None or isinstance(value, str | int | float):
            return pl.Series("id", [value], dtype=_PLAIN.get(type(value)))
    except Exception:  # noqa: BLE001, S110 - whatever it is, it can be written out
        pass
    return pl.Series("id", [text_of(sent)])


def _first(series: Any) -> object:  # noqa: ANN401 - pandas is not imported
    sized: Sized = series
    return series.iloc[0] if len(sized) else None
