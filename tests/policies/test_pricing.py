"""Fitted parameters: what time buys between the fitted points, and which files are refused."""

from __future__ import annotations

import json
from itertools import pairwise
from math import exp, log, sqrt
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies import parse_policy
from policies.evidence import FEATURES
from policies.pricing import (
    TRANSFER,
    CrossFitted,
    LeadRule,
    Parameters,
    Rule,
    Vote,
    parameters_for,
    read_parameters,
    shipped_names,
)
from scheduler import CallerError

if TYPE_CHECKING:
    from pathlib import Path

ZEROS = (0.0,) * len(FEATURES)

RULE = Rule(
    width=4,
    cap=8,
    constant=0.5,
    level=(2.0, 1.0),
    slope_constant=-1.0,
    slope=(0.0, 3.0),
    bend=0.25,
    price=(0.01, 0.1, 1.0),
    units=(2.0, 1.0, 0.5),
    accuracy=(0.9, 0.8, 0.4),
)

LEAD = LeadRule(width=2, lead=3, cap=16, units=2.0, accuracy=0.8)


def fields() -> dict[str, Any]:
    """Return the content of a file that is right in every field."""
    rule = {
        "width": 4,
        "cap": 8,
        "constant": 0.0,
        "level": list(ZEROS),
        "slope_constant": 0.0,
        "slope": list(ZEROS),
        "bend": 0.0,
        "price": [0.01, 0.1, 1.0],
        "units": [2.0, 1.0, 0.5],
        "accuracy": [0.9, 0.8, 0.4],
    }
    return {
        "name": "mine",
        "unit_tokens": 1000.0,
        "probe_every_tokens": 100,
        "cut_tokens": 2000,
        "features": list(FEATURES),
        "rules": [rule],
        "leads": [{"width": 4, "lead": 2, "cap": 8, "units": 1.5, "accuracy": 0.85}],
        "levels": {"low": 1e-4, "middle": 1e-3, "high": 1e-2},
    }


def written(folder: Path, content: object, name: str = "mine.json") -> str:
    """Write a file of parameters and return its path."""
    path = folder / name
    path.write_text(json.dumps(content))
    return str(path)


# What time buys.


@pytest.mark.parametrize(
    ("units", "accuracy", "price"),
    [
        (5.0, 0.9, 0.01),
        (2.0, 0.9, 0.01),
        (1.5, 0.85, sqrt(0.01 * 0.1)),
        (1.25, 0.825, exp(0.75 * log(0.1) + 0.25 * log(0.01))),
        (1.0, 0.8, 0.1),
        (0.75, 0.6, sqrt(0.1 * 1.0)),
        (0.5, 0.4, 1.0),
        (0.25, 0.2, 1.0),
        (0.0, 0.0, 1.0),
    ],
)
def test_units_buy_what_lies_between_the_fitted_points(
    units: float, accuracy: float, price: float
) -> None:
    """Accuracy is linear in units, prices in logarithms; beyond the ends nothing is made up."""
    assert RULE.buys(units) == pytest.approx((accuracy, price))


@pytest.mark.parametrize(
    ("price", "accuracy", "units"),
    [
        (1e-9, 0.9, 2.0),
        (0.01, 0.9, 2.0),
        (sqrt(0.001), 0.85, 1.5),
        (0.1, 0.8, 1.0),
        (sqrt(0.1), 0.6, 0.75),
        (1.0, 0.4, 0.5),
        (9.0, 0.4, 0.5),
    ],
)
def test_a_price_spends_what_lies_between_the_fitted_points(
    price: float, accuracy: float, units: float
) -> None:
    """Between two prices accuracy and units are linear in the logarithm, outside they stand."""
    assert RULE.at_price(price) == pytest.approx((accuracy, units))


def test_units_on_a_flat_stretch_have_one_price() -> None:
    """Where several prices spend the same, a bit more or less is still found."""
    rule = msgspec.structs.replace(
        RULE, price=(0.01, 0.1, 1.0, 2.0), units=(2.0, 1.0, 1.0, 0.0), accuracy=(0.9, 0.8, 0.8, 0.1)
    )
    assert rule.buys(1.0) == pytest.approx((0.8, 0.1))
    assert rule.buys(1.5) == pytest.approx((0.85, sqrt(0.001)))
    assert rule.buys(0.5) == pytest.approx((0.45, sqrt(2.0)))
    assert rule.buys(0.0) == (0.0, 2.0)


@st.composite
def curves(draw: st.DrawFn) -> Rule:
    """Draw a rule whose prices ascend and whose units and accuracies don't."""
    count = draw(st.integers(2, 6))
    numbers = st.lists(st.floats(1e-3, 10.0), min_size=count, max_size=count)
    price = sorted(
        draw(st.lists(st.floats(1e-6, 5.0), min_size=count, max_size=count, unique=True))
    )
    return msgspec.structs.replace(
        RULE,
        price=tuple(price),
        units=tuple(sorted(draw(numbers), reverse=True)),
        accuracy=tuple(sorted((x / 10.0 for x in draw(numbers)), reverse=True)),
    )


@given(curves(), st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_more_units_never_buy_less_or_cost_more(rule: Rule, one: float, other: float) -> None:
    """Along any curve more time brings no less, and its price never rises."""
    (less, dear), (more, cheap) = rule.buys(min(one, other)), rule.buys(max(one, other))
    assert less <= more + 1e-12
    assert dear >= cheap * (1 - 1e-9)
    assert rule.price[0] * (1 - 1e-9) <= cheap <= dear * (1 + 1e-9)
    assert dear <= rule.price[-1] * (1 + 1e-9)


@given(curves(), st.floats(1e-7, 9.0), st.floats(1e-7, 9.0))
def test_a_higher_price_never_spends_or_brings_more(rule: Rule, one: float, other: float) -> None:
    """Along any curve a dearer unit is bought less, for no more accuracy."""
    (high, much), (low, little) = rule.at_price(min(one, other)), rule.at_price(max(one, other))
    assert high >= low - 1e-12
    assert much >= little - 1e-12


@given(curves(), st.floats(0.0, 1.0))
def test_the_price_that_spends_units_spends_them(rule: Rule, share: float) -> None:
    """Within the curve `buys` and `at_price` are each other's inverse."""
    units = rule.units[-1] + share * (rule.units[0] - rule.units[-1])
    accuracy, price = rule.buys(units)
    # On a flat stretch many prices spend the same, and on a steep one they cannot be told apart.
    assume(all(a - b > 1e-6 for a, b in pairwise(rule.units)))
    assume(all(b / a > 1 + 1e-6 for a, b in pairwise(rule.price)))
    assert rule.at_price(price) == pytest.approx((accuracy, units), rel=1e-3, abs=1e-3)


def test_the_score_weighs_features_and_the_price() -> None:
    """A score is `constant + Σ level·x + p·(slope_constant + Σ slope·x) + bend·p²`."""
    p = log(0.1)
    by_hand = 0.5 + (2.0 * 7.0 + 1.0 * -2.0) + p * (-1.0 + 3.0 * -2.0) + 0.25 * p * p
    assert RULE.score([7.0, -2.0], 0.1) == pytest.approx(by_hand)


@pytest.mark.parametrize(("outside", "nearest"), [(1e-9, 0.01), (0.009, 0.01), (50.0, 1.0)])
def test_the_score_takes_a_price_outside_as_the_nearest_that_was_learnt(
    outside: float, nearest: float
) -> None:
    """Beyond the prices of its curve a rule keeps to the last one; within them it does not."""
    features = [1.0, 1.0]
    assert RULE.score(features, outside) == RULE.score(features, nearest)
    assert RULE.score(features, 0.5 * (0.01 + 1.0)) != RULE.score(features, nearest)


@pytest.mark.parametrize(("margin", "stops"), [(2, False), (3, True), (4, True)])
def test_a_rule_of_a_lead_looks_at_the_margin_alone(margin: int, stops: bool) -> None:  # noqa: FBT001 - a table of cases
    """Two votes ahead it goes on and three it stops, whatever the price."""
    features = [9.0] * len(FEATURES)
    features[FEATURES.index("margin")] = margin / 3.0
    scores = {LEAD.score(features, price) for price in (1e-6, 1.0, 100.0)}
    assert len(scores) == 1
    assert (scores.pop() > 0.0) is stops


def test_a_rule_of_a_lead_buys_in_proportion() -> None:
    """Less than its mean time brings as much less accuracy, more brings nothing."""
    assert LEAD.buys(2.0) == (0.8, 0.4)
    assert LEAD.buys(1.0) == (0.4, 0.4)
    assert LEAD.buys(9.0) == (0.8, 0.4)
    assert LEAD.at_price(1e-6) == LEAD.at_price(10.0) == (0.8, 2.0)


# Files.


def test_a_file_is_read_field_by_field(tmp_path: Path) -> None:
    """What was written is what is read, defaults where a field may be left out."""
    found = read_parameters(written(tmp_path, fields()))
    assert isinstance(found, Parameters)
    assert (found.name, found.unit_tokens, found.cut_tokens) == ("mine", 1000.0, 2000)
    assert found.vote == Vote(first=0.02, fresh=0.1, steady=0.3, steady_after=2)
    assert found.rules[0].units == (2.0, 1.0, 0.5)
    assert found.leads[0].lead == 2
    again = written(tmp_path, msgspec.to_builtins(found), "again.json")
    assert read_parameters(again) == found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown field `colour`"),
        ({"unit_tokens": "long"}, r"Expected `float`, got `str` - at `\$.unit_tokens`"),
        ({"unit_tokens": 0.0}, "unit_tokens must be at least 1, got 0.0"),
        ({"probe_every_tokens": 0}, "probe_every_tokens must be finite and at least 1, got 0"),
        ({"cut_tokens": 0}, "cut_tokens must be finite and at least 1, got 0"),
        ({"format": 2}, "parameters of format 2 are unknown, need 1"),
        ({"rules": []}, "rules must hold at least one width"),
        ({"off": ["probe"]}, "off must"),
        ({"levels": {"low": -1.0}}, "levels.low must be at least 0, got -1.0"),
        ({"vote": {"steady": 1.5}}, "vote.steady must be from 0 to 1, got 1.5"),
        ({"vote": {"loud": 1.0}}, "unknown field `loud`"),
        (
            {"priors": [{"name": "level", "mean": 1.0, "scale": 0.0}]},
            "priors.level.scale must be at least 1e-12, got 0.0",
        ),
        (
            {"priors": [{"name": "level", "mean": 1.0, "scale": 1.0}]},
            "the rule of width 4 has 17 weights, need 18",
        ),
        (
            {"leads": [{"width": 8, "lead": 2, "cap": 4, "units": 1.0, "accuracy": 0.5}]},
            "leads.cap must be finite and at least 8, got 4",
        ),
        (
            {"leads": [{"width": 8, "lead": 0, "cap": 8, "units": 1.0, "accuracy": 0.5}]},
            "leads.lead must be finite and at least 1, got 0",
        ),
        (
            {"leads": [{"width": 8, "lead": 2, "cap": 8, "units": 0.0, "accuracy": 0.5}]},
            "leads.units must be at least 1e-12, got 0.0",
        ),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """A file with one wrong field is refused in one line with its path and the field."""
    path = written(tmp_path, {**fields(), **changes})
    with pytest.raises(CallerError, match=message) as refused:
        read_parameters(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "rules.width must be finite and at least 1, got 0"),
        ({"cap": 3}, "rules.cap must be finite and at least 4, got 3"),
        ({"slope": [0.0]}, "rules.slope must have 17 values as rules.level has"),
        ({"level": [0.0], "slope": [0.0]}, "the rule of width 4 has 1 weights, need 17"),
        ({"price": [0.1, 0.01, 1.0]}, r"rules.price must ascend, got \(0.1, 0.01, 1.0\)"),
        ({"price": [0.01, 0.01, 1.0]}, r"rules.price must ascend, got \(0.01, 0.01, 1.0\)"),
        ({"price": [0.0, 0.1, 1.0]}, "rules.price must be at least 1e-12, got 0.0"),
        ({"price": [0.01, 0.1]}, "rules.price, units and accuracy must be as long, at least 2"),
        (
            {"price": [0.1], "units": [1.0], "accuracy": [0.5]},
            "rules.price, units and accuracy must be as long, at least 2",
        ),
        ({"units": [2.0, 0.5, 1.0]}, r"rules.units must not ascend, got \(2.0, 0.5, 1.0\)"),
        ({"units": [2.0, 1.0, -0.5]}, "rules.units must be at least 0, got -0.5"),
        ({"accuracy": [0.8, 0.9, 0.4]}, "rules.accuracy must not ascend"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """A rule with a curve that can't be, or the wrong number of weights, is refused in one line."""
    content = fields()
    content["rules"] = [{**content["rules"][0], **changes}]
    path = written(tmp_path, content)
    with pytest.raises(CallerError, match=message) as refused:
        read_parameters(path)
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize("widths", [[8, 4], [4, 4]])
def test_rules_come_in_ascending_width(tmp_path: Path, widths: list[int]) -> None:
    """Two rules of one width, or a narrower one after a wider one, are refused."""
    content = fields()
    content["rules"] = [{**content["rules"][0], "width": width, "cap": 8} for width in widths]
    with pytest.raises(CallerError, match="rules must ascend in width"):
        read_parameters(written(tmp_path, content))


@pytest.mark.parametrize(
    "features",
    [
        ["mood", *FEATURES[1:]],
        [FEATURES[1], FEATURES[0], *FEATURES[2:]],
        [*FEATURES, "mood"],
        list(FEATURES[1:]),
    ],
)
def test_weights_of_other_features_are_refused(tmp_path: Path, features: list[str]) -> None:
    """Weights that belong to other features, or to these in another order, are never applied."""
    content = {**fields(), "features": features}
    zeros = [0.0] * len(features)
    content["rules"] = [{**rule, "level": zeros, "slope": zeros} for rule in content["rules"]]
    with pytest.raises(CallerError, match="features must be"):
        read_parameters(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is refused by name."""
    path = str(tmp_path / "none.json")
    with pytest.raises(CallerError, match=r"none\.json: No such file or directory"):
        read_parameters(path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"what?", "JSON is malformed"),
        (b"", "Input data was truncated"),
        (b"[1, 2]", "Expected `object`, got `array`"),
        (b'{"name": "\xff"}', "utf-8|UTF-8"),
        (b"{}", "missing required field `name`"),
    ],
)
def test_what_is_no_json_of_parameters_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    """Something else under the path is refused in one line that names it."""
    path = tmp_path / "bad.json"
    path.write_bytes(raw)
    with pytest.raises(CallerError, match=message) as refused:
        read_parameters(str(path))
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A name that isn't shipped is refused beside those that are."""
    with pytest.raises(CallerError, match=f"parameters 'mine' are unknown .*{TRANSFER}.*json"):
        read_parameters("mine")


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    """Parameters that were fitted again under the same name take effect in the same process."""
    path = written(tmp_path, fields())
    read_parameters(path)
    written(tmp_path, {**fields(), "name": "longer-name"})
    found = read_parameters(path)
    assert isinstance(found, Parameters)
    assert found.name == "longer-name"


# Folds.


def folds(**changes: object) -> dict[str, Any]:
    """Return two folds of parameters and the questions of each."""
    parts = [{**fields(), "name": name} for name in ("first", "second")]
    return {"folds": parts, "fold_of": {"q0": 1, "q1": 0}, **changes}


def test_a_question_meets_the_parameters_of_its_fold(tmp_path: Path) -> None:
    """A question of the fit gets those fitted without it, any other one the first."""
    found = read_parameters(written(tmp_path, folds()))
    assert isinstance(found, CrossFitted)
    assert [found.of(name).name for name in ("q0", "q1", "q2")] == ["second", "first", "first"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": []}, "folds must hold at least one set of parameters"),
        ({"fold_of": {"q7": 2}}, "fold_of.q7 must be a fold, got 2"),
        ({"fold_of": {"q7": -1}}, "fold_of.q7 must be a fold, got -1"),
        (
            {"folds": [fields(), {**fields(), "probe_every_tokens": 50}]},
            "all folds must have the same probe_every_tokens",
        ),
        ({"folds": [{**fields(), "format": 9}]}, "parameters of format 9 are unknown"),
        ({"seed": 1}, "unknown field `seed`"),
    ],
)
def test_wrong_folds_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """A fold out of range, or folds that don't fit together, are refused in one line."""
    path = written(tmp_path, folds(**changes))
    with pytest.raises(CallerError, match=message) as refused:
        read_parameters(path)
    assert str(refused.value).startswith(f"{path}: ")


# What is shipped.


def test_transfer_is_shipped() -> None:
    """The parameters that are taken by default come with the package."""
    assert TRANSFER in shipped_names()


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_file_reads_and_builds(name: str) -> None:
    """Each file in `policies/parameters` holds these features and all levels, and plays."""
    found = read_parameters(name)
    for one in (found,) if isinstance(found, Parameters) else found.folds:
        assert one.features == FEATURES
        assert set(one.levels) == {"low", "middle", "high"}
        assert one.levels["low"] < one.levels["middle"] < one.levels["high"]
    for tail in ("", ",level=low", ",level=high", ",price=0.01"):
        parse_policy(f"shadow-price:parameters={name}{tail}").build()


def test_a_model_gets_its_own_parameters_or_the_transfers() -> None:
    """A model that no shipped parameters were fitted to takes those of several models."""
    assert parameters_for("no-such-model") == TRANSFER
    for name in shipped_names():
        found = read_parameters(name)
        if isinstance(found, Parameters) and name != TRANSFER:
            assert {parameters_for(model) for model in found.models} <= set(shipped_names())
            assert name in {parameters_for(model) for model in found.models}
