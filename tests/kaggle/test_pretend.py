"""The engine that pretends."""

from __future__ import annotations

import re
from statistics import mean, median

import numpy as np
from virtual_time import play

from engine.arms import read_arms
from engine.kaggle.pretend import PRETENDED, Pretender, pretend_engine
from engine.port import Chunk, Request, Sampling

BOX = "\\boxed{"
GOLD = {f"What is {number} squared?": str(number**2) for number in range(100)}


def prompt_of(text: str, so_far: str | None = None) -> str:
    """Return a sample's prompt, or that of a probe of what a sample has written."""
    arm = next(iter(read_arms().values()))
    prompt = "".join(f"{message.content}\n" for message in arm.chat(text))
    return prompt if so_far is None else f"{prompt}{so_far}{arm.probe}"


def answers_of(model: Pretender, text: str, count: int) -> list[str]:
    """Draw samples of a question and read their boxes."""
    found = [re.findall(r"\\boxed\{(\d+)\}", model(prompt_of(text)).text) for _ in range(count)]
    assert all(len(boxes) == 1 for boxes in found)
    return [answer for (answer,) in found]


def test_samples_are_of_many_lengths_and_end_in_a_box() -> None:
    """Half a second to a few seconds each, at the cost of a step."""
    model = Pretender(GOLD, np.random.default_rng(0))
    texts = [model(prompt_of(text)).text for text in GOLD for _ in range(5)]
    assert all(re.search(r"\\boxed\{\d+\}\.$", text) for text in texts)
    seconds = [PRETENDED.decode_s(len(text), 16) for text in texts]
    assert 0.5 < median(seconds) < 2.0
    assert max(seconds) > 3 * min(seconds)
    assert max(seconds) < 15.0


def test_some_questions_are_easier_than_others() -> None:
    """Each is right with a probability of its own, and wrong answers repeat."""
    model = Pretender(GOLD, np.random.default_rng(0))
    p_right = []
    for text, gold in GOLD.items():
        answers = answers_of(model, text, 40)
        p_right.append(mean(answer == gold for answer in answers))
        assert len(set(answers)) <= 4
    assert 0.5 < mean(p_right) < 0.9
    assert min(p_right) < 0.3
    assert max(p_right) > 0.95


def test_a_seed_says_it_all_whatever_comes_first() -> None:
    """Questions in another order have the same samples; another seed gives others."""
    one, same, other = (Pretender(GOLD, np.random.default_rng(seed)) for seed in (1, 1, 2))
    texts = list(GOLD)[:10]
    first = {text: answers_of(one, text, 5) for text in texts}
    assert {text: answers_of(same, text, 5) for text in reversed(texts)} == first
    assert {text: answers_of(other, text, 5) for text in texts} != first


def test_an_unknown_gold_is_made_up_from_the_text() -> None:
    """The answer met most is the same under another seed, within what any contest takes."""
    texts = [f"How many are {number}?" for number in range(30)]
    gold = dict.fromkeys(texts)
    leaders = []
    for seed in (0, 1):
        model = Pretender(gold, np.random.default_rng(seed))
        drawn = [answers_of(model, text, 60) for text in texts]
        assert any(len(set(answers)) > 1 for answers in drawn)
        leaders.append([max(set(answers), key=answers.count) for answers in drawn])
    # Where a question is hard, a wrong number leads.
    assert mean(a == b for a, b in zip(*leaders, strict=True)) > 0.6
    assert len(set(leaders[0])) > 20
    assert all(0 <= int(answer) < 1000 for answer in leaders[0])


def test_a_probe_is_answered_at_once() -> None:
    """With a number and the end of the box, whatever the sample wrote before."""
    model = Pretender(GOLD, np.random.default_rng(0))
    text = next(iter(GOLD))
    said = {model(prompt_of(text, "Let us try. ")).text for _ in range(50)}
    assert all(re.fullmatch(r"\d+\}\n", answer) for answer in said)
    assert f"{GOLD[text]}}}\n" in said


def test_the_longest_text_in_a_prompt_is_the_question() -> None:
    """One question's text may be the beginning of another's."""
    gold = {"What is 1": "1", "What is 1 plus 1": "2"}
    model = Pretender(gold, np.random.default_rng(3))
    drawn = {text: answers_of(model, text, 100) for text in gold}
    assert "1" in drawn["What is 1"]
    assert "2" in drawn["What is 1 plus 1"]
    assert "1" not in drawn["What is 1 plus 1"]
    assert answers_of(model, "What is that?", 1)


def test_the_engine_plays_it() -> None:
    """A sample comes in pieces with log-probabilities, in the time that the profile tells."""

    async def main() -> list[Chunk]:
        engine = pretend_engine(GOLD, np.random.default_rng(0))
        await engine.start()
        request = Request(
            request_id="one",
            prompt=await engine.encode(prompt_of(next(iter(GOLD)))),
            sampling=Sampling(),
            max_tokens=10_000,
            logprobs=3,
        )
        chunks = [chunk async for chunk in engine.generate(request)]
        await engine.close()
        return chunks

    chunks = play(main)
    assert len(chunks) > 5
    assert chunks[-1].finish_reason == "stop"
    assert BOX in "".join(chunk.text for chunk in chunks)
    assert all(chunk.logprobs is not None for chunk in chunks)
