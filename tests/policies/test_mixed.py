"""Mixed arms: who samples next, what a vote weighs, and that one arm changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from policies import parse_policy
from policies.lead import Lead
from policies.mixed import Mixed
from policies.mixtures import LEVELS, CrossFittedMixture, MixedArm, Mixture, read_mixture
from scheduler import CallerError, Policy, Reason
from simulations.conformance import SCENARIOS, examine, play_scenario

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPECS = [
    "lead:width=3,lead=2,cap=7",
    "share:width=4,equal=3",
    "clamp",
    "shadow-price",
    "parallel-probe:width=8,interval=80,stable=2,warm_up=1,patience=1",
]
_FLAT = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_SURE = (0.1, 0.0, 0.0, 0.0, 0.0, 0.0)
_FRESH = (0.0, 0.0, 0.1, 0.0, 0.0, 0.0)  # what it brings falls with its own samples


def mixture(*arms: MixedArm, gains: object = ()) -> Mixture:
    """Make a mixture; gains are of every level."""
    rows = (gains,) * (len(LEVELS) + 1) if gains else ()
    return Mixture(arms=arms, levels=LEVELS if gains else (), gains=rows)


@pytest.fixture
def table(bench: type[Any]) -> Callable[..., Any]:
    """A bench whose policy leads with a mixture."""

    def made(mixed: Mixture | CrossFittedMixture, folder: Path, *, width: int = 4) -> Any:  # noqa: ANN401
        path = folder / "mixture.json"
        path.write_bytes(msgspec.json.encode(mixed))
        return bench(f"lead:width={width},lead=3,cap=40@{path}")

    return made


def arms_of(table: Any) -> list[str]:  # noqa: ANN401 - a bench
    """Return the arm of each start so far."""
    return [start.arm for start in table.started]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", ["plain", "costly engine", "two seconds"])
def test_with_one_arm_nothing_but_its_name_changes(spec: str, name: str) -> None:
    """Every action comes at the same time for the same reason."""
    plain, mixed = (
        play_scenario(parse_policy(text).build(), SCENARIOS[name])
        for text in (spec, f"{spec}@default")
    )
    assert plain.started > 0
    assert [line.replace(b'"default"', b'"*"') for line in mixed.lines] == plain.lines


@pytest.mark.parametrize("spec", SPECS)
def test_a_mixed_policy_owes_what_every_policy_owes(spec: str) -> None:
    """Arms that were not logged fail, and still nothing is owed."""
    for arms in ("default", "default+missing"):
        found = examine(parse_policy(f"{spec}@{arms}").build)
        found.pop("infinite seconds" if "missing" in arms else "", None)
        assert not any(found.values()), found


def test_arms_take_turns_where_nothing_was_fitted(bench: type[Any]) -> None:
    """The one with fewest samples is next, the first of equals."""
    table = bench("lead:width=5,lead=9,cap=9@a+b+c")
    table.open()
    assert arms_of(table) == ["a", "b", "c", "a", "b"]
    table.finish(0, "7")
    assert arms_of(table)[5:] == ["c"]


def test_the_arm_with_the_best_gain_a_second_is_next(
    table: Callable[..., Any], tmp_path: Path
) -> None:
    """Three times the gain is worth twice the tokens, and half of it is not."""
    for tokens, expected in ((200.0, "rich"), (400.0, "cheap")):
        mixed = mixture(
            MixedArm(name="cheap", tokens=100.0),
            MixedArm(name="rich", tokens=tokens),
            gains=((0.03, *_FLAT[1:]), (0.09, *_FLAT[1:])),
        )
        one = table(mixed, tmp_path)
        one.open()
        assert set(arms_of(one)) == {expected}


def test_a_gain_falls_with_the_arms_own_samples(table: Callable[..., Any], tmp_path: Path) -> None:
    """Equal arms are mixed then, and tool time counts as time."""
    slow = MixedArm(name="slow", tokens=100.0, tool_s=1.0)
    mixed = mixture(MixedArm(name="quick", tokens=100.0), slow, gains=(_FRESH, _FRESH))
    one = table(mixed, tmp_path, width=6)
    one.open()
    assert arms_of(one) == ["quick", "quick", "slow", "quick", "quick", "slow"]


def test_votes_weigh_what_their_arm_is_worth(table: Callable[..., Any], tmp_path: Path) -> None:
    """Two votes of the lesser arm do not outweigh one of the better."""
    mixed = mixture(MixedArm(name="a"), MixedArm(name="b", weight=0.4))
    one = table(mixed, tmp_path)
    one.open()
    one.finish(1, "8")
    one.finish(3, "8")
    one.finish(0, "7")
    one.finish(2, "7")
    one.finish(4, "7")
    one.finish(6, "7")
    assert one.submitted.answer == "7"
    assert one.submitted.numbers["margin"] == pytest.approx(4.0 - 0.8)


def test_a_judge_waits_for_two_answers_and_is_told_them(
    table: Callable[..., Any], tmp_path: Path
) -> None:
    """It gets the leader and the next one, in this order, and no other arm gets any."""
    mixed = mixture(MixedArm(name="a"), MixedArm(name="judge", judges=True), gains=(_FRESH, _SURE))
    one = table(mixed, tmp_path, width=2)
    one.open()
    one.finish(0, "7")
    assert arms_of(one) == ["a", "a", "a"]
    one.finish(1, "8")
    assert one.started[-1].arm == "judge"
    assert one.started[-1].candidates == ("7", "8")
    assert not any(start.candidates for start in one.started[:-1])


def test_a_judge_that_failed_is_not_asked_again(table: Callable[..., Any], tmp_path: Path) -> None:
    """What it was asked for cannot be had; the next question is another matter."""
    mixed = mixture(MixedArm(name="a"), MixedArm(name="judge", judges=True), gains=(_FRESH, _SURE))
    one = table(mixed, tmp_path, width=2)
    one.open()
    one.finish(0, "7")
    one.finish(1, "8")
    one.fail(3)
    assert arms_of(one)[3:] == ["judge", "a"]


def test_a_two_stage_arm_builds_on_finished_samples(
    table: Callable[..., Any], tmp_path: Path
) -> None:
    """On each once before on any twice, and never on one that is not of its arm."""
    mixed = mixture(MixedArm(name="a"), MixedArm(name="b", builds_on="a"), gains=(_FRESH, _SURE))
    one = table(mixed, tmp_path, width=2)
    one.open()
    assert arms_of(one) == ["a", "a"]
    for sample in range(4):
        one.finish(sample, str(sample))
    assert arms_of(one)[2:] == ["b"] * 4
    assert [start.parent for start in one.started[2:]] == [0, 1, 0, 1]


def test_each_question_meets_the_fold_that_left_it_out(
    table: Callable[..., Any], tmp_path: Path
) -> None:
    """A question of no fold meets the first."""
    by_fold = [
        mixture(MixedArm(name="a"), MixedArm(name="b"), gains=rows)
        for rows in ((_SURE, _FLAT), (_FLAT, _SURE))
    ]
    crossed = CrossFittedMixture(folds=tuple(by_fold), fold_of={"q0": 1, "q1": 0})
    one = table(crossed, tmp_path)
    for expected in ("b", "a", "a"):
        one.open(one.now_s)
        assert set(arms_of(one)) == {expected}
        one.vote_out()


def test_arms_that_the_policy_names_stay() -> None:
    """Only starts without an arm of their own are given one."""

    class Named(Lead):
        def decide(self, view: Any) -> Any:  # noqa: ANN401
            return view.start(1, Reason.WIDEN, arm="mine") if not view.started else []

    policy: Policy = Mixed(Named(), read_mixture("a+b"))
    played = play_scenario(policy, SCENARIOS["plain"])
    starts = [line for line in played.lines if b"start-sample" in line]
    assert starts
    assert all(b'"mine"' in line for line in starts)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"arms": []}, "arms must hold one that stands alone"),
        ({"arms": [{"name": "a", "judges": True}]}, "arms must hold one that stands alone"),
        ({"arms": [{"name": "a", "weight": 0}]}, "arms must hold one that stands alone"),
        ({"arms": [{"name": "a"}, {"name": "a"}]}, "arms: 'a' comes twice"),
        ({"arms": [{"name": "a", "weight": 1.5}]}, "arms.a.weight must be from 0 to 1, got 1.5"),
        ({"arms": [{"name": "a", "tokens": 0}]}, "arms.a.tokens must be at least"),
        ({"arms": [{"name": "a", "tool_s": -1}]}, "arms.a.tool_s must be finite"),
        ({"arms": [{"name": "a", "colour": 1}]}, ".*unknown field `colour`"),
        (
            {"arms": [{"name": "a"}, {"name": "b", "builds_on": "c"}]},
            "arms.b.builds_on: there is no arm 'c'",
        ),
        (
            {"arms": [{"name": "a"}, {"name": "b", "builds_on": "a", "judges": True}]},
            "arms.b: judges answers or builds on a sample, not both",
        ),
        ({"arms": [{"name": "a"}], "levels": [0.5, 0.1]}, "levels must ascend"),
        ({"arms": [{"name": "a"}], "gains": [[[0.0]]]}, r"gains must have the shape \(1, 1, 6\)"),
        ({"arms": [{"name": "a"}], "format": 2}, "format 2 of a mixture is unknown"),
        ({"folds": [], "fold_of": {}}, "folds must hold at least one"),
        ({"folds": [{"arms": [{"name": "a"}]}], "fold_of": {"q": 1}}, "fold_of.q must be a fold"),
        (
            {"folds": [{"arms": [{"name": "a"}]}, {"arms": [{"name": "b"}]}], "fold_of": {}},
            "all folds must have the same arms",
        ),
    ],
)
def test_a_bad_mixture_is_said_in_one_line(
    tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    """Naming the file and the field."""
    path = tmp_path / "mixture.json"
    path.write_bytes(msgspec.json.encode(fields))
    with pytest.raises(CallerError, match=f"mixture.json: {message}"):
        read_mixture(str(path))
