"""Fits of mixtures, on arms whose worth is known because they were made so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from policies.mixtures import LEVELS, CrossFittedMixture, Mixture, read_mixture
from simulations.fit_mixture import main
from simulations.mixing.fitting import FittedMixture, fit_mixture
from simulations.mixing.gains import chance
from simulations.mixing.states import MISSING, draw_states
from simulations.pool import LoggedQuestion, LoggedSample, Pool, ToolCall
from simulations.traces import import_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

QUESTIONS, SAMPLES = 60, 12


def right_with(p_right: float, wrong: int = 6) -> Callable[[np.random.Generator], str | None]:
    """Return answers that are right so often and else one of several wrong ones."""
    return lambda luck: "7" if luck.uniform() < p_right else f"w{luck.integers(wrong)}"


def pool_of(
    arms: Mapping[str, Callable[[np.random.Generator], str | None]],
    tokens: Mapping[str, int] | None = None,
) -> Pool:
    """Log each arm independently on every question."""
    luck = np.random.default_rng(1)
    return Pool(
        "m",
        tuple(
            LoggedQuestion(
                f"q{number}",
                "7",
                {
                    arm: tuple(
                        LoggedSample(n, (tokens or {}).get(arm, 100), answer(luck))
                        for n in range(SAMPLES)
                    )
                    for arm, answer in arms.items()
                },
                None,
                {},
            )
            for number in range(QUESTIONS)
        ),
    )


def fitted(pool: Pool, *, draws: int = 40, seed: int = 0) -> FittedMixture:
    """Fit a mixture to a pool."""
    return fit_mixture([pool], ["d"], draws=draws, folds=3, seed=seed, advance=lambda _: None)


def weights_of(mixture: Mixture) -> dict[str, float]:
    """Return the weight of each arm."""
    return {arm.name: arm.weight for arm in mixture.arms}


def first_choices(mixture: Mixture, level: int, count: int) -> list[str]:
    """Return which arms start first where nothing but gains and tokens decides."""
    counts = [0] * len(mixture.arms)
    chosen = []
    for _ in range(count):
        by_worth = [
            mixture.gain(level, counts, place) / arm.tokens
            for place, arm in enumerate(mixture.arms)
        ]
        place = int(np.argmax(by_worth))
        counts[place] += 1
        chosen.append(mixture.arms[place].name)
    return chosen


def test_an_arm_that_guesses_is_worth_little_and_never_first() -> None:
    """One that is right half of the time against one that hardly ever is."""
    mixture = fitted(pool_of({"guess": right_with(0.05), "good": right_with(0.5)})).whole
    weights = weights_of(mixture)
    assert weights["good"] == 1.0
    assert weights["guess"] < 0.4
    assert set(first_choices(mixture, 0, 6)) == {"good"}


def test_equal_arms_count_alike() -> None:
    """Two that are as often right, independently, weigh the same within the noise."""
    weights = weights_of(fitted(pool_of({"a": right_with(0.4), "b": right_with(0.4)})).whole)
    assert min(weights.values()) > 0.85


def test_the_cheaper_of_equal_arms_comes_first() -> None:
    """A fourth of the tokens for the same votes."""
    arms = {"dear": right_with(0.4), "cheap": right_with(0.4)}
    mixture = fitted(pool_of(arms, {"dear": 400, "cheap": 100})).whole
    assert first_choices(mixture, 0, 4) == ["cheap"] * 4


def test_an_arm_that_repeats_its_own_mistakes_is_worth_less_than_its_precision() -> None:
    """As often right as the other one, but all its samples of a question say the same."""
    independent = pool_of({"free": right_with(0.5)})
    luck = np.random.default_rng(2)
    questions = []
    for question in independent.questions:
        said = right_with(0.5)(luck)
        stuck = tuple(LoggedSample(n, 100, said) for n in range(SAMPLES))
        samples = {"stuck": stuck, **question.samples}
        questions.append(LoggedQuestion(question.question_id, "7", samples, None, {}))
    found = fitted(Pool("m", tuple(questions)))
    weights = weights_of(found.whole)
    assert weights["free"] == 1.0
    assert weights["stuck"] < 0.6
    mixture = found.whole
    place = [arm.name for arm in mixture.arms].index("stuck")
    later = [mixture.gain(0, [n, 0], place) for n in (0, 4)]
    assert later[1] < later[0] / 2.0


def test_a_fit_is_the_same_from_the_same_seed() -> None:
    """And another from another one."""
    pool = pool_of({"a": right_with(0.3), "b": right_with(0.5)})
    one, again, other = (fitted(pool, draws=5, seed=seed) for seed in (3, 3, 4))
    assert one.whole == again.whole
    assert one.crossed == again.crossed
    assert one.whole != other.whole


def test_a_fold_knows_nothing_of_its_own_questions() -> None:
    """Other golds in a fold leave what was fitted without it as it was."""
    pool = pool_of({"a": right_with(0.3), "b": right_with(0.5)})
    before = fitted(pool, draws=5).crossed
    changed = Pool(
        "m",
        tuple(
            LoggedQuestion(
                q.question_id,
                "w1" if before.fold_of[q.question_id] == 0 else q.gold,
                q.samples,
                None,
                {},
            )
            for q in pool.questions
        ),
    )
    after = fitted(changed, draws=5).crossed
    assert after.folds[0] == before.folds[0]
    assert after.folds[1] != before.folds[1]


def test_what_an_arm_costs_is_read_off_its_samples() -> None:
    """Mean tokens, mean seconds of tools."""
    plain = tuple(LoggedSample(n, 100 + n, "7") for n in range(SAMPLES))
    calls = (ToolCall(10, 0.5), ToolCall(20, 0.25))
    tool = tuple(
        LoggedSample(n, 50, "7", tool_calls=calls if n % 2 else ()) for n in range(SAMPLES)
    )
    questions = tuple(
        LoggedQuestion(f"q{n}", "7", {"plain": plain, "tool": tool}, None, {}) for n in range(6)
    )
    first, second = fitted(Pool("m", questions), draws=3).whole.arms
    assert (first.tokens, first.tool_s) == (105.5, 0.0)
    assert (second.tokens, second.tool_s) == (50.0, 0.375)


def test_judges_are_drawn_for_the_pair_that_leads() -> None:
    """Only after two answers have votes, and only from samples that judged these two."""
    samples = {
        "a": tuple(LoggedSample(n, 10, "78"[n % 2]) for n in range(8)),
        "judge": tuple(
            LoggedSample(n, 10, "7", candidates=("7", "8") if n < 6 else ("8", "9"))
            for n in range(9)
        ),
    }
    question = LoggedQuestion("q", "7", samples, None, {})
    luck = np.random.default_rng(0)
    states = draw_states([question], {"a": False, "judge": True}, np.ones(2), 300, luck)
    answers = (states.early[:, 0] > 0.0).sum(axis=1)
    ahead = states.early[:, 0, 0] - states.early[:, 0, 1]
    asked = states.following[:, 1] != MISSING
    assert (asked[answers == 2][ahead[answers == 2] > 0.0]).all()
    assert not asked[(answers < 2) | (ahead < 0.0)].any()
    equal = asked[(answers == 2) & (ahead == 0.0)]  # luck decides, not which one is right
    assert 0.3 < equal.mean() < 0.7
    assert states.drawn[:, 1].max() <= 6
    assert (states.voted[:, 1] == 0).all()


def test_equal_votes_count_as_their_chance() -> None:
    """The right answer among two leaders is half right; no vote is wrong."""
    votes = np.array([[2.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert chance(votes).tolist() == [0.5, 1.0, 0.0, 0.0]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace of two arms; one question lacks the second."""
    luck = np.random.default_rng(4)
    lines = []
    for number in range(12):
        for arm, p_right in (("a", 0.6), ("b", 0.3)):
            for n in range(8 if (number, arm) != (5, "b") else 0):
                answer = right_with(p_right)(luck)
                line = {"question_id": f"q{number}", "gold": "7", "arm": arm, "sample": n}
                lines.append(json.dumps({**line, "tokens": 100, "answer": answer}))
    source = tmp_path / "log.jsonl"
    source.write_text("\n".join(lines))
    import_jsonl(source, tmp_path / "trace", "m")
    return tmp_path / "trace"


def test_the_command_writes_what_policies_read(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table, both files, and which questions were left out."""
    out, crossed = tmp_path / "mixture.json", tmp_path / "crossed.json"
    figures = tmp_path / "figures.json"
    options = ["--draws", "5", "--folds", "3", "--crossed", str(crossed), "--json", str(figures)]
    assert main([str(trace), "--out", str(out), *options]) == 0
    said = capsys.readouterr()
    assert "fitted on 11 questions" in said.out
    assert "1 question lacks an arm and was left out" in said.err
    whole, folds = read_mixture(str(out)), read_mixture(str(crossed))
    assert isinstance(whole, Mixture)
    assert isinstance(folds, CrossFittedMixture)
    assert [arm.name for arm in whole.arms] == ["a", "b"]
    assert len(whole.gains) == len(LEVELS) + 1
    told = json.loads(figures.read_bytes())
    assert (told["questions"], told["left_out"]) == (11, 1)
    assert [one["arm"] for one in told["precisions"]] == [arm["name"] for arm in told["arms"]]
    assert sorted(folds.fold_of) == sorted(f"q{n}" for n in range(12) if n != 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arm", "c"], "argument --arm: the traces hold a, b, not 'c'"),
        (["--folds", "12"], "argument --folds: 12 are too many for 11 questions"),
        (["--folds", "1"], "argument --folds: must be "),
        (["--crossed", "{out}"], "argument --crossed: {out} is taken by another option"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    trace: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    """Exit code 2, and nothing is written."""
    out = tmp_path / "mixture.json"
    words = [word.format(out=out) for word in options]
    try:
        code = main([str(trace), "--out", str(out), "--draws", "2", *words])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert message.format(out=out) in capsys.readouterr().err
    assert not out.exists()
