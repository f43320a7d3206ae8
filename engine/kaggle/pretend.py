r"""An engine that pretends to solve contest problems, so that a whole run needs no GPU.

Its samples have lengths as real ones do, end in `\boxed{…}` and agree more on some questions
than on others. It is for trying the path, not for measuring a policy: no figure that comes of
it says anything about a model.
"""

from __future__ import annotations

import hashlib
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np

from engine.answers.kinds import MODULUS
from engine.scripted import Script, ScriptedEngine
from scheduler.latency import Decode, LatencyProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator

PRETENDED = LatencyProfile(
    name="pretended",
    description="an engine that plays scripts; a token is a character",
    engine="scripted",
    decode=Decode(width=(1,), step_s=(0.002,)),
    stop_s=0.002,
)
"""What it costs: 2 ms a token at any width, so that a question takes a second or two."""

CHUNK_TOKENS = 16
"""Tokens that come at once; one by one they would keep a small machine busy."""

_LENGTH_TOKENS = 500.0
_LENGTH_SPREAD = (0.35, 0.35)  # sigma of the logarithm: of questions, of samples of one question
_P_RIGHT = (2.5, 1.2)  # a beta distribution: most questions are easy, some are hopeless
_WRONG = (0.6, 0.25, 0.15)  # how often each of the wrong numbers comes, of the wrong answers

_OPEN_BOX = "\\boxed{"
_THOUGHT = "Let us try a smaller case, look for a pattern, and check it once more. "


def pretend_engine(gold: Mapping[str, str | None], rng: Generator) -> ScriptedEngine:
    """Make the engine; it is not started.

    Args:
        gold: The right answer of each question's text; None where it is unknown, and one is
            made up from the text then, as for any other text.
        rng: Where all luck comes from. What a question is like depends on its text and not on
            when it comes.
    """
    return ScriptedEngine(Pretender(gold, rng), PRETENDED, chunk_tokens=CHUNK_TOKENS)


class Pretender:
    """What the engine plays: from a prompt to a script.

    Args:
        gold: As in `pretend_engine`.
        rng: The same.
    """

    def __init__(self, gold: Mapping[str, str | None], rng: Generator) -> None:
        self._gold = gold
        # The longest first: one text may be part of another.
        self._texts = sorted((text for text in gold if text), key=len, reverse=True)
        self._seed = int(rng.integers(2**63))
        self._traits: dict[str, _Traits] = {}

    def __call__(self, prompt: str) -> Script:
        """Say what follows a prompt."""
        text = next((text for text in self._texts if text in prompt), prompt)
        traits = self._traits.get(text)
        if traits is None:
            traits = self._traits[text] = _Traits(text, self._gold.get(text), self._seed)
        answer = traits.draw_answer()
        if prompt.endswith(_OPEN_BOX):
            return Script(text=f"{answer}}}\n")
        end = f"so the answer is {_OPEN_BOX}{answer}}}."
        thought = "".join(islice(cycle(_THOUGHT), traits.draw_length()))
        return Script(text=thought + end, logprobs=traits.logprobs)


class _Traits:
    """What one question is like."""

    def __init__(self, text: str, gold: str | None, seed: int) -> None:
        digest = hashlib.sha256(text.encode(errors="replace")).digest()
        words = np.frombuffer(digest, dtype="<u4").tolist()
        self._rng = np.random.default_rng([seed, *words])
        self._right = str(words[0] % MODULUS) if gold is None else gold
        drawn = self._rng.choice(MODULUS, size=len(_WRONG) + 1, replace=False)
        wrong = [str(number) for number in drawn if str(number) != self._right]
        self._wrong = wrong[: len(_WRONG)]
        self._p_right = float(self._rng.beta(*_P_RIGHT))
        self._median_tokens = _LENGTH_TOKENS * self._rng.lognormal(0.0, _LENGTH_SPREAD[0])
        unsure = 1.0 - self._p_right
        self.logprobs = (-0.02 - unsure, -3.0 + unsure, -5.0)
        """Of the likeliest tokens: flatter where the question is hard."""

    def draw_answer(self) -> str:
        """Draw what a sample finds."""
        if self._rng.random() < self._p_right:
            return self._right
        return self._wrong[self._rng.choice(len(_WRONG), p=_WRONG)]

    def draw_length(self) -> int:
        """Draw how long a sample thinks, in tokens."""
        return 1 + int(self._median_tokens * self._rng.lognormal(0.0, _LENGTH_SPREAD[1]))
