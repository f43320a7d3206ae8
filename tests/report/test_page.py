"""The page stands alone, says everything, and believes nothing it is given."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

import pytest

from simulations.report import write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from simulations.results import PolicyResult, Results

COMMAND = "replay --policy 'lead:lead=3' --policy share"


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., str]:
    """Write results as a page and return it."""

    def page(results: Results, command: str = COMMAND) -> str:
        path = tmp_path / "report.html"
        write_report(results, path, command)
        assert [*tmp_path.iterdir()] == [path]
        return path.read_text(encoding="utf-8")

    return page


def specs_of(page: str) -> list[dict[str, Any]]:
    """Return the specifications of the page's pictures."""
    found = re.search(r"^const specs = (.*);$", page, flags=re.MULTILINE)
    assert found
    specs: list[dict[str, Any]] = json.loads(found[1])
    return specs


def body_of(page: str) -> str:
    """Return the page without its scripts, as a reader's text with tags."""
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_nothing_is_loaded_from_elsewhere(
    page_of: Callable[..., str], results_of: Callable[..., Results]
) -> None:
    """No attribute, style or specification points to an address, and the page forbids all."""
    page = page_of(results_of())
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?\s*(https?:)?//", body_of(page))
    assert not re.search(r"url\(\s*[\"']?(https?:)?//|@import", body_of(page))
    assert "default-src 'none'" in page
    assert "unsafe-eval" not in page.split("<script>", 1)[0]
    assert "http" not in json.dumps(specs_of(page))


def test_scripts_end_where_they_should(
    page_of: Callable[..., str], results_of: Callable[..., Results]
) -> None:
    """Neither the bundled libraries nor the figures can close their script element."""
    page = page_of(results_of())
    assert page.count("<script>") == page.count("</script>") == 2


def test_every_policy_digest_and_command_is_there(
    page_of: Callable[..., str], results_of: Callable[..., Results]
) -> None:
    """What was replayed can be read from the page alone."""
    results = results_of()
    text = html.unescape(re.sub(r"<[^>]+>", "", body_of(page_of(results))))
    for policy in results.policies:
        assert text.count(policy.policy) >= 3
    assert results.settings.profile_digest in text
    assert results.traces[0].digest in text
    assert COMMAND in text
    assert "6 policies replayed on 200 streams of 18,000 s" in text


def test_hostile_names_stay_text(
    page_of: Callable[..., str],
    results_of: Callable[..., Results],
    result_of: Callable[..., PolicyResult],
) -> None:
    """Names and commands are escaped in the text, in attributes and in the scripts."""
    hostile = "<script>alert(1)</script>"
    page = page_of(results_of([result_of("share"), result_of(hostile)]), command=f"{hostile}\"'&")
    assert hostile not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert any(hostile in json.dumps(spec) for spec in specs_of(page))


def test_equal_results_give_equal_bytes(
    page_of: Callable[..., str], results_of: Callable[..., Results]
) -> None:
    """Nothing of the moment or the machine enters the page."""
    assert page_of(results_of()) == page_of(results_of())


@pytest.mark.parametrize("total_s", [18_000.0, None])
@pytest.mark.parametrize("models", [("a",), ("a", "b")])
def test_axes_have_units_with_and_without_a_limit(
    page_of: Callable[..., str],
    results_of: Callable[..., Results],
    total_s: float | None,
    models: tuple[str, ...],
) -> None:
    """Time runs down towards the limit, or up without one; no figure is missing."""
    page = page_of(results_of(total_s=total_s, models=models))
    text = json.dumps(specs_of(page))
    for title in ("Accuracy (%)", "Seconds a question (s)", "Thousand tokens a question"):
        assert title in text
    assert ("Seconds left (s)" in text) == (total_s is not None)
    assert ("Seconds used (s)" in text) == (total_s is None)
    assert ("even share" in body_of(page)) == (total_s is not None)
    assert not re.search(r"\b(NaN|nan|inf|None|Undefined)\b", text + body_of(page))


def test_one_policy_has_no_differences(
    page_of: Callable[..., str],
    results_of: Callable[..., Results],
    result_of: Callable[..., PolicyResult],
) -> None:
    """A page of one policy has its pictures and its table, and compares nothing."""
    page = page_of(results_of([result_of("share")]))
    assert "Differences from" not in page
    assert len(specs_of(page)) == 3


def test_a_policy_without_attempts_is_left_out_of_scatters(
    page_of: Callable[..., str],
    results_of: Callable[..., Results],
    result_of: Callable[..., PolicyResult],
) -> None:
    """It is named in the caption instead, unless there is nothing else to draw."""
    none = result_of("null", accuracy=0.0, tokens=0.0, seconds=0.0)
    page = page_of(results_of([result_of("share"), none]))
    assert "Not drawn, for it spends no token: 2, null (0.0 %)." in page
    assert "Not drawn" not in page_of(results_of([none]))


def test_pictures_have_words_for_those_who_cannot_see_them(
    page_of: Callable[..., str], results_of: Callable[..., Results]
) -> None:
    """Language, screen width and a description of each picture are declared."""
    page = page_of(results_of())
    assert '<html lang="en">' in page
    assert 'name="viewport"' in page
    assert len(re.findall(r'role="img" aria-label="[^"]{30,}"', page)) == 3


def test_a_page_is_replaced_whole_or_not_at_all(
    tmp_path: Path, results_of: Callable[..., Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses, the old page stays and nothing else is left."""
    path = tmp_path / "report.html"
    path.write_text("old")

    def refuse(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(type(path), "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        write_report(results_of(), path, COMMAND)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "old"
