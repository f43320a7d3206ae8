"""The page of a fit stands alone, and draws what was fitted."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from policies.evidence import FEATURES
from policies.pricing import CrossFitted, LeadRule, Parameters, Rule
from scheduler import LatencyProfile
from scheduler.latency import Decode
from simulations.fitting.assembling import Fit
from simulations.fitting.calibration import calibrate
from simulations.fitting.page import write_page
from simulations.fitting.pictures import LEAST_QUESTIONS, hull_of
from simulations.fitting.recording import Run
from simulations.fitting.stopping import Runs
from simulations.fitting.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

COMMAND = "fit traces/mine --out 'mine and yours.json'"
PROFILE = LatencyProfile(
    name="made-up", decode=Decode(width=(1, 8), step_s=(0.01, 0.02), context_s_per_token=1e-8)
)
PRICE = (0.001, 0.01, 0.1, 1.0)
UNITS = {2: (20.0, 8.0, 2.0, 0.5), 8: (6.0, 3.0, 1.0, 0.4)}
ACCURACY = {2: (0.8, 0.7, 0.5, 0.2), 8: (0.82, 0.8, 0.6, 0.3)}


def rule(width: int) -> Rule:
    """Return a rule whose weights can be told apart."""
    places = range(len(FEATURES))
    return Rule(
        width=width,
        cap=64,
        constant=-1.25,
        level=tuple(0.5 + place for place in places),
        slope_constant=0.75,
        slope=tuple(-0.25 - place for place in places),
        bend=0.125,
        price=PRICE,
        units=UNITS[width],
        accuracy=ACCURACY[width],
    )


def runs_of(*played: tuple[str, float, list[tuple[float, bool, bool]]]) -> Runs:
    """Return runs: question, leader's share, and of each decision p_stays, right and voted."""
    runs = []
    for question, share, decisions in played:
        features = np.zeros((len(decisions), len(FEATURES)))
        features[:, FEATURES.index("p_stays")] = [p for p, _, _ in decisions]
        features[:, FEATURES.index("has_vote")] = [voted for _, _, voted in decisions]
        features[:, FEATURES.index("leader_share")] = share
        rest = np.ones(len(decisions))
        right = np.array([float(right) for _, right, _ in decisions])
        runs.append(Run(0, question, features, right, rest, rest, rest))
    return Runs(runs)


def fit_of(name: str = "mine") -> Fit:
    """Return a fit as it might be."""
    whole = Parameters(
        name=name,
        models=("small", "large"),
        traces=("5e1f" * 16, "07ab" * 16),
        settings={"profile": "made-up", "draws": 3},
        unit_tokens=10_000.0,
        probe_every_tokens=1_000,
        cut_tokens=21_500,
        features=FEATURES,
        off=("entropy",),
        rules=(rule(2), rule(8)),
        leads=(LeadRule(width=8, lead=3, cap=32, units=2.0, accuracy=0.81),),
        levels={"low": 1e-4, "middle": 2e-4, "high": 3e-4},
    )
    runs = runs_of(
        *((f"q{k}", 0.6, [(0.3, False, True), (0.9, k > 1, True)]) for k in range(8)),
        *((f"q{k}", 0.1, [(0.5, True, True)]) for k in range(LEAST_QUESTIONS - 1)),
    )
    values = {
        width: Value(
            np.array(PRICE), np.array(UNITS[width]), np.array(PRICE), np.array(ACCURACY[width])
        )
        for width in (2, 8)
    }
    crossed = CrossFitted(folds=(whole,), fold_of={})
    return Fit(whole, crossed, values, calibrate([runs], seed=0))


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., str]:
    """Write a fit as a page and return it."""

    def page(fit: Fit, command: str = COMMAND) -> str:
        path = tmp_path / "fit.html"
        write_page(fit, PROFILE, path, command)
        return path.read_text(encoding="utf-8")

    return page


def layers_of(page: str) -> list[list[list[dict[str, Any]]]]:
    """Return the records of each layer of each picture."""
    found = re.search(r"^const specs = (.*);$", page, flags=re.MULTILINE)
    assert found
    return [
        [spec["datasets"][layer.get("data", spec.get("data"))["name"]] for layer in spec["layer"]]
        for spec in json.loads(found[1])
    ]


def body_of(page: str) -> str:
    """Return the page without its scripts."""
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_nothing_is_loaded_from_elsewhere(page_of: Callable[..., str]) -> None:
    """No attribute, style or picture points to an address, and the page forbids all."""
    page = page_of(fit_of())
    assert "http:" not in body_of(page)
    assert "https:" not in body_of(page)
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?\s*//|@import", body_of(page))
    assert "http" not in json.dumps(layers_of(page))
    assert "default-src 'none'" in page
    assert page.count("<script>") == page.count("</script>") == 2


def test_three_pictures_and_what_was_fitted(page_of: Callable[..., str]) -> None:
    """Each picture has words for those who cannot see it; the facts can be read off the page."""
    page = page_of(fit_of())
    assert len(layers_of(page)) == 3
    assert len(re.findall(r'role="img" aria-label="[^"]{30,}"', page)) == 3
    text = html.unescape(re.sub(r"<[^>]+>", " ", body_of(page)))
    for fact in ("small, large", "5e1f" * 16, "07ab" * 16, "draws 3", "21,500", "1,000 tokens"):
        assert fact in text
    assert re.search(r"Off\s+entropy", text)
    assert COMMAND in text
    assert all(feature in text for feature in FEATURES)
    assert not re.search(r"\b(NaN|nan|inf|None|Undefined)\b", text)


def test_axes_have_units(page_of: Callable[..., str]) -> None:
    """Every picture says what it measures, and in what."""
    page = page_of(fit_of())
    for title in ("(% of decisions)", "Accuracy (%)", "a question (s)", "points per second"):
        assert title in page


def test_curves_are_the_fit_in_seconds(page_of: Callable[..., str]) -> None:
    """A line holds a width's values, a mark a lead's, both by the latency profile."""
    fit = fit_of()
    _, hull, lines, leads = layers_of(page_of(fit))[1]
    for width in (2, 8):
        second = fit.whole.unit_s(PROFILE, width)
        line = [record for record in lines if record["width"] == width]
        assert [record["x"] for record in line] == pytest.approx([u * second for u in UNITS[width]])
        assert [record["y"] for record in line] == pytest.approx([100 * a for a in ACCURACY[width]])
    assert [(lead["x"], lead["y"]) for lead in leads] == [
        (pytest.approx(2.0 * fit.whole.unit_s(PROFILE, 8)), pytest.approx(81.0))
    ]
    assert hull[-1]["y"] == pytest.approx(82.0)


def test_a_second_is_worth_the_price_of_the_width_that_buys_most(
    page_of: Callable[..., str],
) -> None:
    """Each mark is the better rule's price, where that rule was judged."""
    fit = fit_of()
    [marks] = layers_of(page_of(fit))[2]
    assert {mark["width"] for mark in marks} == {8}
    second = fit.whole.unit_s(PROFILE, 8)
    for mark in marks:
        accuracy, price = rule(8).buys(mark["x"] / second)
        assert mark["accuracy"] == pytest.approx(100.0 * accuracy)
        assert accuracy >= rule(2).buys(mark["x"] / fit.whole.unit_s(PROFILE, 2))[0]
        assert mark["y"] == pytest.approx(100.0 * price / second)
        assert UNITS[8][-1] <= mark["x"] / second <= UNITS[8][0]


def test_bins_are_drawn_where_they_hold_enough_questions(page_of: Callable[..., str]) -> None:
    """Bins are the calibration's; one of too few questions is left out."""
    fit = fit_of()
    bars = layers_of(page_of(fit))[0][1]
    drawn = [
        (one.feature, cell.mean, 100.0 * cell.right.mean)
        for one in fit.calibration
        for cell in one.bins
        if cell.questions >= LEAST_QUESTIONS
    ]
    assert [(bar["feature"], bar["x"], bar["y"]) for bar in bars] == drawn
    assert {cell.questions for one in fit.calibration for cell in one.bins} == {4, 8}


def test_the_table_is_that_of_the_terminal_and_the_weights_the_rules(
    page_of: Callable[..., str],
) -> None:
    """A reader sees level, slope and both together at the middle price."""
    page = page_of(fit_of())
    assert re.search(r"<td>[\d.]+</td><td>[\d.]+\*</td>", page)
    row = re.search(r">p_stays</th>(.*?)</tr>", page)
    assert row
    cells = re.findall(r"<td>(.*?)</td>", row[1])
    assert cells[:2] == ["+4.50", "-4.25"]
    assert float(cells[2]) == pytest.approx(4.5 - 4.25 * np.log(2e-4 * 2 * 10), abs=0.01)


def test_hostile_names_stay_text_and_equal_fits_give_equal_bytes(
    page_of: Callable[..., str],
) -> None:
    """Names and commands are escaped; nothing of the moment enters the page."""
    hostile = "<script>alert(1)</script>"
    page = page_of(fit_of(hostile), command=hostile)
    assert hostile not in page
    assert page.count(html.escape(hostile)) == 2
    assert page == page_of(fit_of(hostile), command=hostile)


def test_a_fit_without_votes_has_a_page_too(page_of: Callable[..., str]) -> None:
    """Where time bought nothing, pictures are empty, and nothing is said to be calibrated."""
    fit = fit_of()
    flat = msgspec.structs.replace(rule(2), units=(1.0,) * 4, accuracy=(0.0,) * 4)
    whole = msgspec.structs.replace(fit.whole, rules=(flat,), leads=())
    value = Value(np.array(PRICE), np.ones(4), np.ones(4), np.zeros(4))
    silent = calibrate([runs_of(("q", 0.0, [(0.5, False, False)]))], seed=0)
    assert [(one.bins, one.error) for one in silent] == [((), None), ((), None)]
    page = page_of(Fit(whole, fit.crossed, {2: value}, silent))
    assert "p_stays unknown" in page
    assert "nothing was seen to be bought." in page


def test_the_hull_keeps_what_a_mixture_cannot_reach() -> None:
    """A corner above the chord of its neighbours stays; one below it, or dearer, goes."""
    assert hull_of([(1.0, 0.0), (2.0, 6.0), (3.0, 10.0)]) == [(1.0, 0.0), (2.0, 6.0), (3.0, 10.0)]
    assert hull_of([(3.0, 10.0), (2.0, 4.0), (1.0, 0.0), (4.0, 9.0)]) == [(1.0, 0.0), (3.0, 10.0)]


def test_calibration_counts_each_decision_with_a_vote_once() -> None:
    """Decisions without a vote, and those that pad a short run, do not count."""
    runs = runs_of(
        ("a", 0.5, [(0.5, True, False), (0.7, True, True), (0.7, False, True)]),
        ("b", 0.5, [(0.9, True, True)]),
    )
    stays, _ = calibrate([runs], seed=0)
    assert [(one.mean, one.right.mean, one.questions) for one in stays.bins] == [
        (pytest.approx(0.7), pytest.approx(0.5), 1),
        (pytest.approx(0.9), pytest.approx(1.0), 1),
    ]
    assert [one.share for one in stays.bins] == pytest.approx([2 / 3, 1 / 3])
    assert stays.error == pytest.approx(2 / 3 * 0.2 + 1 / 3 * 0.1)


def test_intervals_are_over_questions() -> None:
    """Many decisions of one question are one piece of evidence: two that differ leave all open."""
    runs = runs_of(("a", 0.5, [(0.7, True, True)] * 50), ("b", 0.5, [(0.7, False, True)] * 50))
    [one] = calibrate([runs], seed=0)[0].bins
    assert (one.right.low, one.right.mean, one.right.high) == (0.0, 0.5, 1.0)


def test_no_line_is_above_the_hull(page_of: Callable[..., str]) -> None:
    """Lines are straight in seconds though the axis is logarithmic, as mixtures are."""
    lines, hull, *_ = layers_of(page_of(fit_of()))[1]
    seconds, accuracy = [one["x"] for one in hull], [one["y"] for one in hull]
    for record in lines:
        assert record["y"] <= np.interp(record["x"], seconds, accuracy) + 1e-9
