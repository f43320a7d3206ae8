"""Policies by name: what is written is checked by name, type and value."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from policies import POLICIES, PolicySpec, parse_policy, policy_class, register, registry
from policies.lead import Lead
from policies.null import Null
from scheduler import CallerError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("lead", PolicySpec("lead")),
        ("lead:width=8", PolicySpec("lead", {"width": "8"})),
        (" lead : width = 8 , lead = 3 ", PolicySpec("lead", {"width": "8", "lead": "3"})),
        ("lead:cut_tokens=none", PolicySpec("lead", {"cut_tokens": "none"})),
        ("share:forced=true", PolicySpec("share", {"forced": "true"})),
        ("lead@code", PolicySpec("lead", {}, "code")),
        ("lead:width=8 @ code+default", PolicySpec("lead", {"width": "8"}, "code+default")),
        (
            "clamp:base_s=1e2,high_s=150.5",
            PolicySpec("clamp", {"base_s": "1e2", "high_s": "150.5"}),
        ),
    ],
)
def test_a_policy_is_written_in_one_word(text: str, spec: PolicySpec) -> None:
    """Name, colon, settings; spaces don't matter."""
    assert parse_policy(text) == spec


def test_settings_reach_the_policy_as_numbers() -> None:
    """Texts become what the argument is, and what is not set keeps its default."""
    policy = parse_policy("lead:width=8,cap=9,cut_tokens=none").build()
    assert isinstance(policy, Lead)
    assert vars(policy) == vars(Lead(width=8, cap=9))


def test_each_build_is_a_fresh_one() -> None:
    """One object serves one stream."""
    spec = parse_policy("lead")
    assert spec.build() is not spec.build()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("laed", r"unknown policy 'laed': did you mean 'lead'\?"),
        ("clmap:width=8", r"unknown policy 'clmap': did you mean 'clamp'\?"),
        ("", r"unknown policy ''"),
        ("qqqqqq", r"unknown policy 'qqqqqq': \(known: adaptive-consistency, "),
        ("lead:widht=8", r"'lead' has no parameter 'widht': did you mean 'width'\?"),
        ("lead:zzz=8", r"'lead' has no parameter 'zzz': \(known: width, lead, cap, cut_tokens\)"),
        ("null:width=8", r"'null' has no parameter 'width': \(known: none\)"),
        ("lead:width=0", r"'lead', parameter width must be finite and at least 1, got 0"),
        ("lead:width=8,cap=7", r"'lead', parameter cap must be finite and at least 8, got 7"),
        ("clamp:base_s=nan", r"'clamp', parameter base_s must be finite and at least 0, got nan"),
        ("clamp:base_s=9,high_s=8", r"'clamp', parameter high_s must be .* at least 9, got 8"),
        ("clamp:base_s=inf", r"'clamp', parameter base_s must be finite"),
        (
            "adaptive-consistency:confidence=0.4",
            r"parameter confidence must be from 0.5 to 1, got 0.4",
        ),
        ("lead:width=wide", r"'lead', parameter width: .*got 'wide'"),
        ("lead:width=2.5", r"'lead', parameter width: .*got '2.5'"),
        ("lead:width=none", r"'lead', parameter width: .*got 'none'"),
        ("lead:width=true", r"'lead', parameter width: .*got 'true'"),
        ("lead:width=", r"'lead', parameter width: .*got ''"),
        ("share:forced=1", r"'share', parameter forced: .*got '1'"),
        ("share:forced=yes", r"'share', parameter forced: .*got 'yes'"),
        ("lead:width=8,width=9", r"parameter 'width' comes twice"),
        ("lead:width", r"'width' is not key=value"),
        ("lead:width=8,", r"'' is not key=value"),
        ("lead:=8", r"'=8' is not key=value"),
        ("lead@", r"arms '': want names joined by \+, or a file"),
        ("lead@code+", r"arms 'code\+': want names joined by \+"),
        ("lead@code+code", r"arms: 'code' comes twice"),
        ("lead@there/is/none.json", r"there/is/none.json: No such file"),
        ("laed@code", r"unknown policy 'laed': did you mean 'lead'\?"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    """Unknown names get their near miss, values their parameter, texts what they are not."""
    with pytest.raises(CallerError, match=message):
        parse_policy(text)


@pytest.mark.parametrize("name", POLICIES)
def test_every_name_leads_to_its_class(name: str) -> None:
    """The registry's places exist, and each class bears its name."""
    words = name.split("-")
    assert policy_class(name).__name__ == "".join(word.capitalize() for word in words)


def test_names_are_in_order() -> None:
    """Lists that people read are sorted."""
    assert list(POLICIES) == sorted(POLICIES)


@pytest.mark.parametrize(
    "parameters", [{}, {"width": 8}, {"width": "8"}, {"width": 8, "cut_tokens": None}]
)
def test_a_policy_from_a_file(tmp_path: Path, parameters: dict[str, int | str | None]) -> None:
    """A JSON file says the same as the word."""
    path = tmp_path / "lead.json"
    path.write_text(json.dumps({"policy": "lead", "parameters": parameters}))
    expected = {"width": 8} if "width" in parameters else {}
    assert vars(parse_policy(str(path)).build()) == vars(Lead(**expected))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "p.json: Input data was truncated"),
        ("{", "p.json: Input data was truncated"),
        ("[]", "p.json: Expected `object`, got `array`"),
        ("{}", "p.json: .*missing required field `policy`"),
        ('{"policy": 3}', r"p.json: Expected `str`, got `int` - at `\$.policy`"),
        ('{"policy": "lead", "paramters": {}}', "p.json: .*unknown field `paramters`"),
        ('{"policy": "lead", "parameters": {"width": [8]}}', "p.json: .*parameters"),
        ('{"policy": "laed"}', "did you mean 'lead'"),
        ('{"policy": "lead", "parameters": {"widht": 8}}', "did you mean 'width'"),
        ('{"policy": "lead", "parameters": {"width": true}}', "parameter width: .*got True"),
        ('{"policy": "lead", "parameters": {"width": null}}', "parameter width: .*got None"),
        ('{"policy": "lead", "parameters": {"width": 0}}', "parameter width must be"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    """The file, the field and the value are in one line."""
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(CallerError, match=message) as caught:
        parse_policy(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file and a folder are named with what the system says."""
    with pytest.raises(CallerError, match=r"missing\.json: No such file or directory"):
        parse_policy(str(tmp_path / "missing.json"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(CallerError, match=r"folder\.json: Is a directory"):
        parse_policy(str(tmp_path / "folder.json"))


@pytest.mark.parametrize("content", [b'{"policy": "l\xe9ad"}', b"\xff\xfe", "{}".encode("utf-16")])
def test_a_file_that_is_no_utf8_is_named(tmp_path: Path, content: bytes) -> None:
    """Bytes of another encoding are bad input, told in one line."""
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(CallerError, match=r"p\.json: "):
        parse_policy(str(path))


class Mine(Null):
    """A policy of somebody else's, at a module's top."""


def test_a_policy_of_your_own_gets_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once registered it is made by name; names that are taken or can't be typed are refused."""
    monkeypatch.setitem(sys.modules, Mine.__module__, sys.modules[__name__])
    monkeypatch.setattr(registry, "POLICIES", dict(POLICIES))
    register("mine", Mine)
    register("mine", Mine)
    assert isinstance(parse_policy("mine").build(), Mine)
    with pytest.raises(CallerError, match=r"^policy 'lead' is there already: policies\.lead:Lead$"):
        register("lead", Mine)
    for name in ("", "my:rule", "a,b", "rule.json"):
        with pytest.raises(CallerError, match="wants a plain name"):
            register(name, Mine)
