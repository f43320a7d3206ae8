"""What the suite of the Kaggle room shares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scripted_streams import PROFILE, BoxParser, Model

from engine.kaggle import make_predict
from engine.scripted import ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.kaggle import Predict

sys.path.insert(0, str(Path(__file__).parent))  # for what this suite shares


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Predict]]:
    """Make a `predict` on the scripted engine; each is closed at the end.

    The parser reads boxes: the real one loads sympy for seconds.
    """
    monkeypatch.setattr("engine.kaggle.predict.AnswerParser", lambda _: BoxParser())
    made: list[Predict] = []

    def build(
        engine: Any = None,  # noqa: ANN401 - any engine
        policy: str = "lead:width=4,cap=8,lead=3",
        total_s: float = 30.0,
        questions: Any = 3,  # noqa: ANN401 - a number, a range or none
        **options: Any,  # noqa: ANN401 - as make_predict takes them
    ) -> Predict:
        if engine is None:
            engine = ScriptedEngine(Model(), PROFILE, chunk_tokens=100)
        predict = make_predict(
            engine, policy, total_s, questions, **{"profile": PROFILE, **options}
        )
        made.append(predict)
        return predict

    yield build
    for predict in made:
        predict.close()
